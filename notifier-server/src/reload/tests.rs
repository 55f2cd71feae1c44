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

/// The component with another text, of the same length, wherever that is.
fn renamed(component: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut component = component.to_vec();
    assert_eq!(from.len(), to.len());
    for place in 0..=component.len() - from.len() {
        if component[place..].starts_with(from.as_bytes()) {
            component[place..place + to.len()].copy_from_slice(to.as_bytes());
        }
    }
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
        Self::start_after(|_| ()).await
    }

    /// Something happens after the lock file was read, and before the server reads it.
    async fn start_after(meanwhile: impl FnOnce(&Path)) -> Self {
        let place = tempfile::tempdir().unwrap();
        install(place.path(), &edition(FIRST));
        let (address, vendor) = vendor().await;
        let config = configured(&place, &of_twilio(address));
        let mut reloader = Reloader::new(&config);
        meanwhile(place.path());
        let running = start(&config).await.unwrap();
        reloader.confirm();
        Self { place, running, reloader, vendor }
    }

    /// What `notifier plugin` says to these words about this directory.
    fn plugin(&self, words: &[&str]) -> String {
        let directory = plugins(self.place.path());
        plugin(&[words, &["--plugins", directory.to_str().unwrap()]].concat())
    }

    /// Has somebody change the file of that component: whoever reads it notices.
    fn alter(&self, component: &[u8]) {
        let name = format!("{}.wasm", plugin_kit::sha256(component));
        std::fs::write(plugins(self.place.path()).join(name), "somebody else's").unwrap();
    }

    /// Hands a message over, and waits until the vendor has the request.
    async fn send(&mut self) -> (NotificationId, Call) {
        let id = submit(&self.running).await;
        (id, self.vendor.recv().await.unwrap())
    }

    async fn reload(&mut self) -> ProviderStatus {
        self.reloader.reload(self.running.notifier()).await;
        self.running.notifier().providers().remove(0)
    }

    /// Lets the vendor answer; how the delivery then stands.
    async fn answer(&self, (id, call): (NotificationId, Call)) -> String {
        call.answer.send(()).unwrap();
        state(&self.running, id).await
    }
}

/// Hands a message over.
async fn submit(running: &Running) -> NotificationId {
    let mut request = NotificationRequest::to("tenant-42");
    request.recipient.phone = Some("+14155550101".into());
    request.content = Some(Content { sms: Some(SmsSource { text: "Hello".into() }), ..Content::default() });
    running.notifier().submit(request).await.unwrap().id
}

/// How its delivery stands in the end.
async fn state(running: &Running, id: NotificationId) -> String {
    let status = running.notifier().wait(&TenantId::unnamed(), id).await.unwrap().unwrap();
    status.deliveries[0].state.name().to_owned()
}

/// The settings of Twilio's component, and both of its secrets; of which it uses the first.
fn of_twilio(vendor: SocketAddr) -> String {
    format!(
        "hosts = [\"{vendor}\"]\nsettings = {{ account_sid = \"AC0123456789abcdef0123456789abcdef\", \
         from = \"+14155550123\", base_url = \"http://{vendor}\" }}\n\
         secrets = {{ auth_token = \"file:TOKEN\", api_key_secret = \"file:TOKEN\" }}\n"
    )
}

/// A server with the provider `texts`, which has these settings.
fn configured(place: &tempfile::TempDir, settings: &str) -> Config {
    let (token, file) = (place.path().join("token"), place.path().join("notifier.toml"));
    std::fs::write(&token, "12345").unwrap();
    let (plugins, settings) = (plugins(place.path()), settings.replace("TOKEN", token.to_str().unwrap()));
    let toml = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[plugins]\npath = {plugins:?}\ncache_path = \"\"\n\
         [providers.texts]\nplugin = \"texts\"\n{settings}[routes]\nsms = \"texts\"\n"
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
    world.alter(&edition(SECOND));
    let digest = plugin_kit::sha256(&edition(SECOND));
    let why = world.reload().await.not_replaced.unwrap();
    assert!(why.contains(&digest) && why.contains(&plugin_kit::sha256(b"somebody else's")), "{why}");
    let call = world.send().await;
    assert!(call.1.path.contains(FIRST), "{}", call.1.path);
    assert_eq!(world.answer(call).await, "sent");

    world.plugin(&["rollback", "texts"]);
    assert_eq!(world.reload().await.not_replaced, None, "it is the one that runs again");

    world.plugin(&["remove", "texts"]);
    let why = world.reload().await.not_replaced.unwrap();
    assert!(why.contains("no plugin `texts` is installed"), "{why}");
    let call = world.send().await;
    assert!(call.1.path.contains(FIRST), "{}", call.1.path);
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_are_taken_up_too() {
    let mut world = World::start().await;
    world.plugin(&["grant", "texts", "--host", "api.twilio.com", "--secret", "api_key_secret"]);
    let why = world.reload().await.not_replaced.unwrap();
    assert!(why.contains("providers.texts.secrets.auth_token: is not granted"), "{why}");
    world.plugin(&["grant", "texts", "--secret", "auth_token", "--secret", "api_key_secret"]);
    assert_eq!(world.reload().await.not_replaced, None);
}

/// What is put in its own place forgets signatures, access tokens and certificates.
#[tokio::test(flavor = "multi_thread")]
async fn what_changes_nothing_about_how_it_runs_replaces_nothing() {
    let mut world = World::start().await;
    world.alter(&edition(FIRST));
    for words in [["pin", "texts"].as_slice(), &["pin", "texts", "--release"]] {
        let said = world.plugin(words);
        assert!(said.starts_with("`texts` is "), "{said}");
        assert_eq!(world.reload().await.not_replaced, None, "{words:?}: nobody reads the component");
    }
    install(world.place.path(), &edition(SECOND));
    world.plugin(&["rollback", "texts"]);
    assert_eq!(world.reload().await.not_replaced, None, "there and back");

    world.plugin(&["grant", "texts", "--secret", "auth_token"]);
    let why = world.reload().await.not_replaced.unwrap();
    assert!(why.contains(&plugin_kit::sha256(&edition(FIRST))), "with other grants it runs otherwise: {why}");
}

/// Which of the two the server has is the one that it read, and not the one that was read before.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_installed_while_it_started_can_be_taken_back() {
    let mut world = World::start_after(|place| install(place, &edition(SECOND))).await;
    let call = world.send().await;
    assert!(call.1.path.contains(SECOND), "{}", call.1.path);
    world.plugin(&["rollback", "texts"]);
    assert_eq!(world.reload().await.not_replaced, None);
    let next = world.send().await;
    assert!(next.1.path.contains(FIRST), "{}", next.1.path);
    assert_eq!((world.answer(call).await, world.answer(next).await), ("sent".to_owned(), "sent".to_owned()));
}

/// The configuration still has the secret that the version before asked for.
#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_asks_for_fewer_secrets_is_taken_up_and_started_with() {
    let mut world = World::start().await;
    install(world.place.path(), &renamed(&edition(SECOND), "api_key_secret", "api_key_sekret"));
    let listed = world.plugin(&["list"]);
    assert!(listed.contains("  secrets    auth_token, api_key_sekret\n"), "{listed}");
    assert_eq!(world.reload().await.not_replaced, None);
    let call = world.send().await;
    assert!(call.1.path.contains(SECOND), "{}", call.1.path);
    assert_eq!(world.answer(call).await, "sent");

    let restarted = start(&world.reloader.config).await.unwrap();
    let id = submit(&restarted).await;
    let call = world.vendor.recv().await.unwrap();
    assert!(call.path.contains(SECOND), "{}", call.path);
    call.answer.send(()).unwrap();
    assert_eq!(state(&restarted, id).await, "sent");
}

/// The fixture asks for one secret, and names another in its request.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_configured_and_not_granted_never_goes_out() {
    let place = tempfile::tempdir().unwrap();
    install(place.path(), notifier_plugins::HOSTILE.component);
    let (address, mut vendor) = vendor().await;
    let settings = format!(
        "hosts = [\"{address}\"]\nsettings = {{ attack = \"bad_secret\", url = \"http://{address}/\" }}\n\
         secrets = {{ not-granted = \"file:TOKEN\" }}\n"
    );
    let running = start(&configured(&place, &settings)).await.unwrap();
    let id = submit(&running).await;
    tokio::select! {
        call = vendor.recv() => panic!("it went out, to {:?}", call.map(|call| call.path)),
        state = state(&running, id) => assert_eq!(state, "failed"),
    }
}
