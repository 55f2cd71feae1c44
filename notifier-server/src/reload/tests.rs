//! A plugin that is replaced while the server runs, its vendor being a listener of this test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Parser;
use notifier_core::{Content, NotificationId, NotificationRequest, ProviderStatus, SmsSource, TenantId};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::plugin_kit::{self, PluginCommand};
use crate::running::{Running, start};

/// What is in the path of every request of the component, once, and in its other edition in the same place.
const FIRST: &str = "/2010-04-01/";
const SECOND: &str = "/2010-04-02/";

/// A request that arrived, and is answered when the test says so.
struct Call {
    path: String,
    answer: oneshot::Sender<()>,
}

/// A vendor that takes every message.
async fn vendor() -> (SocketAddr, mpsc::UnboundedReceiver<Call>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (calls, arrived) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(take(connection, calls.clone()));
        }
    });
    (address, arrived)
}

async fn take(connection: TcpStream, calls: mpsc::UnboundedSender<Call>) {
    let mut connection = BufReader::new(connection);
    let (mut first, mut length) = (String::new(), 0);
    connection.read_line(&mut first).await.unwrap();
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).await.unwrap();
        match line.to_ascii_lowercase().trim().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    connection.read_exact(&mut vec![0; length]).await.unwrap();
    let (answer, is_wanted) = oneshot::channel();
    let path = first.split(' ').nth(1).unwrap().to_owned();
    calls.send(Call { path, answer }).unwrap();
    is_wanted.await.unwrap();
    let body = r#"{"sid":"SM00000000000000000000000000000001"}"#;
    let head = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    connection.write_all(answer.as_bytes()).await.unwrap();
}

/// Another edition of the component: the same but for one address.
fn edition(path: &str) -> Vec<u8> {
    let mut component = notifier_plugins::TWILIO.component.to_vec();
    let places: Vec<usize> = component
        .windows(FIRST.len())
        .enumerate()
        .filter(|(_, text)| *text == FIRST.as_bytes())
        .map(|(at, _)| at)
        .collect();
    let [place] = places.as_slice() else { panic!("once, not at {places:?}") };
    component[*place..place + path.len()].copy_from_slice(path.as_bytes());
    component
}

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: PluginCommand,
}

/// What `notifier plugin` says to these words.
fn plugin(words: &[&str]) -> String {
    let line = Line::try_parse_from(["plugin"].iter().chain(words)).unwrap();
    plugin_kit::run(line.command, None).map_or_else(|error| error.to_string(), |done| done.text)
}

/// A server whose plugin is installed in a directory.
struct World {
    place: tempfile::TempDir,
    running: Running,
    reloader: Reloader,
    vendor: mpsc::UnboundedReceiver<Call>,
}

impl World {
    async fn start() -> Self {
        let place = tempfile::tempdir().unwrap();
        install(place.path(), &edition(FIRST));
        let (address, vendor) = vendor().await;
        let config = configured(&place, address);
        let reloader = Reloader::new(&config);
        let running = start(&config).await.unwrap();
        Self { place, running, reloader, vendor }
    }

    /// Hands a message over, and waits until the vendor has the request.
    async fn send(&mut self) -> (NotificationId, Call) {
        let mut request = NotificationRequest::to("tenant-42");
        request.recipient.phone = Some("+14155550101".into());
        request.content = Some(Content { sms: Some(SmsSource { text: "Hello".into() }), ..Content::default() });
        let id = self.running.notifier().submit(request).await.unwrap().id;
        (id, self.vendor.recv().await.unwrap())
    }

    async fn reload(&mut self) -> ProviderStatus {
        self.reloader.reload(self.running.notifier()).await;
        self.running.notifier().providers().remove(0)
    }

    /// Lets the vendor answer; how the delivery then stands.
    async fn answer(&self, (id, call): (NotificationId, Call)) -> String {
        call.answer.send(()).unwrap();
        let status = self.running.notifier().wait(&TenantId::unnamed(), id).await.unwrap().unwrap();
        status.deliveries[0].state.name().to_owned()
    }
}

fn configured(place: &tempfile::TempDir, vendor: SocketAddr) -> Config {
    let (token, file) = (place.path().join("token"), place.path().join("notifier.toml"));
    std::fs::write(&token, "12345").unwrap();
    let plugins = plugins(place.path());
    let toml = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[plugins]\npath = {plugins:?}\ncache_path = \"\"\n\
         [providers.texts]\nplugin = \"texts\"\nhosts = [\"{vendor}\"]\n\
         settings = {{ account_sid = \"AC0123456789abcdef0123456789abcdef\", from = \"+14155550123\", \
         base_url = \"http://{vendor}\" }}\nsecrets = {{ auth_token = \"file:{}\" }}\n[routes]\nsms = \"texts\"\n",
        token.display()
    );
    std::fs::write(&file, toml).unwrap();
    let mut config = Config::load_over(None, Some(&file), Some(BTreeMap::new())).unwrap().config;
    config.store.path = None;
    config
}

fn plugins(place: &Path) -> PathBuf {
    place.join("plugins")
}

fn install(place: &Path, component: &[u8]) {
    let (file, plugins) = (place.join("texts.wasm"), plugins(place));
    std::fs::write(&file, component).unwrap();
    let words = ["install", file.to_str().unwrap(), "--name", "texts", "--yes", "--plugins", plugins.to_str().unwrap()];
    let said = plugin(&words);
    assert!(said.ends_with("Installed `texts`.\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_call_ends_where_it_began_and_the_next_is_the_new_components() {
    let mut world = World::start().await;
    let running = world.send().await;
    assert!(running.1.path.contains(FIRST), "{}", running.1.path);
    install(world.place.path(), &edition(SECOND));
    assert_eq!(world.reload().await.not_replaced, None);
    let next = world.send().await;
    assert!(next.1.path.contains(SECOND), "{}", next.1.path);
    assert_eq!(world.answer(running).await, "sent", "the call that was under way");
    assert_eq!(world.answer(next).await, "sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_leaves_what_runs_and_says_why() {
    let mut world = World::start().await;
    install(world.place.path(), &edition(SECOND));
    let digest = plugin_kit::sha256(&edition(SECOND));
    let installed = plugins(world.place.path()).join(format!("{digest}.wasm"));
    std::fs::write(&installed, "somebody else's").unwrap();
    let why = world.reload().await.not_replaced.unwrap();
    assert!(why.contains(&digest) && why.contains(&plugin_kit::sha256(b"somebody else's")), "{why}");
    let call = world.send().await;
    assert!(call.1.path.contains(FIRST), "{}", call.1.path);
    assert_eq!(world.answer(call).await, "sent");

    let directory = plugins(world.place.path());
    plugin(&["rollback", "texts", "--plugins", directory.to_str().unwrap()]);
    assert_eq!(world.reload().await.not_replaced, None, "it is the one that runs again");

    plugin(&["remove", "texts", "--plugins", directory.to_str().unwrap()]);
    let why = world.reload().await.not_replaced.unwrap();
    assert!(why.contains("no plugin `texts` is installed"), "{why}");
    let call = world.send().await;
    assert!(call.1.path.contains(FIRST), "{}", call.1.path);
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_are_taken_up_too() {
    let mut world = World::start().await;
    let directory = plugins(world.place.path());
    plugin(&["grant", "texts", "--host", "api.twilio.com", "--plugins", directory.to_str().unwrap()]);
    let why = world.reload().await.not_replaced.unwrap();
    assert!(why.contains("providers.texts.secrets.auth_token: is not granted"), "{why}");
    plugin(&["grant", "texts", "--secret", "auth_token", "--plugins", directory.to_str().unwrap()]);
    assert_eq!(world.reload().await.not_replaced, None);
}
