//! A server that says what a script says, and minds that it hears what the script says.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::adapters::smtp::dial::Dial;
use crate::adapters::smtp::wire::Stream;
use crate::adapters::tls::certificates::server_config;

/// Scripts, one for each connection. Their lines:
///
/// - `S: text` says a line; `S* text` says it without its end, each character as one byte.
/// - `C: text` hears exactly that line; `C* message` hears a message to its dot; `C| ` hears any line and keeps it.
/// - `TLS` begins encryption; `TLS?` too, and does not mind when that fails.
/// - `HANG` says nothing more, and tells the test; `CLOSE` ends the connection; `WAIT` waits for [`Scripts::go_on`].
///
/// At the end of its script, the server waits for the other side to end the connection.
#[derive(Clone)]
pub(super) struct Scripts {
    open: Arc<Mutex<VecDeque<Vec<&'static str>>>>,
    playing: Arc<Mutex<Vec<JoinHandle<Heard>>>>,
    hanging: watch::Sender<usize>,
    gone_on: watch::Sender<bool>,
    over: watch::Sender<usize>,
}

impl Scripts {
    pub(super) fn new(scripts: impl IntoIterator<Item = Vec<&'static str>>) -> Self {
        Self {
            open: Arc::new(Mutex::new(scripts.into_iter().collect())),
            playing: Arc::default(),
            hanging: watch::Sender::new(0),
            gone_on: watch::Sender::new(false),
            over: watch::Sender::new(0),
        }
    }

    /// Returns once a server has stopped talking.
    pub(super) async fn hangs(&self) {
        let mut hanging = self.hanging.subscribe();
        hanging.wait_for(|count| *count > 0).await.unwrap();
    }

    /// Lets those go on that wait.
    pub(super) fn go_on(&self) {
        self.gone_on.send_replace(true);
    }

    /// Lets the servers say what they have to say by now.
    pub(super) async fn rest(&self) {
        for _ in 0..32 {
            tokio::task::yield_now().await;
        }
    }

    /// Returns once so many conversations are over.
    pub(super) async fn played(&self, count: usize) {
        let mut over = self.over.subscribe();
        over.wait_for(|over| *over >= count).await.unwrap();
    }

    /// Ends every server at once.
    pub(super) fn abort(&self) {
        self.playing.lock().unwrap().drain(..).for_each(|playing| playing.abort());
    }

    /// How many connections there were.
    pub(super) fn connections(&self) -> usize {
        self.playing.lock().unwrap().len()
    }

    /// The messages, and lines of `C| `, that were heard, once every conversation is over; each must have gone by its script, and each script must
    /// have been played.
    pub(super) async fn finish(self) -> Vec<String> {
        let playing = std::mem::take(&mut *self.playing.lock().unwrap());
        let mut heard = Vec::new();
        for (number, one) in playing.into_iter().enumerate() {
            heard.extend(one.await.unwrap().unwrap_or_else(|problem| panic!("connection {number}: {problem}")));
        }
        assert!(self.open.lock().unwrap().is_empty(), "scripts that were not played");
        heard
    }
}

#[async_trait]
impl Dial for Scripts {
    async fn dial(&self) -> io::Result<(Box<dyn Stream>, Option<IpAddr>)> {
        let script = self.open.lock().unwrap().pop_front();
        let script = script.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        let (client, server) = duplex(64 * 1024);
        let player = Player { stream: Some(Box::new(server)), heard: Vec::new(), scripts: self.clone() };
        let over = self.over.clone();
        let playing = async move {
            let heard = player.play(script).await;
            over.send_modify(|over| *over += 1);
            heard
        };
        self.playing.lock().unwrap().push(tokio::spawn(playing));
        Ok((Box::new(client), Some([192, 0, 2, 7].into())))
    }
}

/// What was heard, or what went against the script.
type Heard = Result<Vec<String>, String>;

struct Player {
    stream: Option<Box<dyn Stream>>,
    heard: Vec<String>,
    scripts: Scripts,
}

impl Player {
    async fn play(mut self, script: Vec<&'static str>) -> Heard {
        for line in script {
            match line.split_at_checked(3).unwrap_or((line, "")) {
                ("S: ", text) => self.say(format!("{text}\r\n").into_bytes()).await,
                ("S* ", text) => self.say(text.chars().map(|c| c as u8).collect()).await,
                ("C: ", text) => self.hear(Some(text)).await?,
                ("C| ", _) => self.hear(None).await?,
                ("C* ", _) => self.hear_message().await?,
                _ => match line {
                    "TLS" => self.encrypt().await?,
                    "TLS?" => {
                        let _ = self.encrypt().await;
                    }
                    "HANG" => self.scripts.hanging.send_modify(|count| *count += 1),
                    "WAIT" => {
                        let mut gone_on = self.scripts.gone_on.subscribe();
                        gone_on.wait_for(|gone_on| *gone_on).await.unwrap();
                    }
                    "CLOSE" => return Ok(self.heard),
                    other => return Err(format!("no such step: {other}")),
                },
            }
        }
        let Some(stream) = &mut self.stream else { return Ok(self.heard) };
        let mut rest = [0; 256];
        match stream.read(&mut rest).await {
            Ok(0) | Err(_) => Ok(self.heard),
            // Whoever says it would wait for an answer for ever.
            Ok(count) => Err(format!("heard more: {}", String::from_utf8_lossy(&rest[..count]))),
        }
    }

    fn stream(&mut self) -> Result<&mut Box<dyn Stream>, String> {
        self.stream.as_mut().ok_or_else(|| "there is no connection any more".to_owned())
    }

    /// Whether anybody listens is not the server's concern.
    async fn say(&mut self, bytes: Vec<u8>) {
        if let Some(stream) = &mut self.stream {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
        }
    }

    async fn until(&mut self, end: &[u8]) -> Result<String, String> {
        let mut heard = Vec::new();
        while !heard.ends_with(end) {
            let byte = self.stream()?.read_u8().await;
            let so_far = String::from_utf8_lossy(&heard).into_owned();
            heard.push(byte.map_err(|_| format!("the other side left after {so_far:?}"))?);
        }
        String::from_utf8(heard).map_err(|error| error.to_string())
    }

    async fn hear(&mut self, expected: Option<&str>) -> Result<(), String> {
        let line = self.until(b"\r\n").await.map_err(|problem| format!("instead of {expected:?}: {problem}"))?;
        match expected {
            Some(expected) if line.trim_end() != expected => Err(format!("{line:?} instead of {expected:?}")),
            Some(_) => Ok(()),
            None => {
                self.heard.push(line.trim_end().to_owned());
                Ok(())
            }
        }
    }

    async fn hear_message(&mut self) -> Result<(), String> {
        let message = self.until(b"\r\n.\r\n").await?;
        self.heard.push(message);
        Ok(())
    }

    async fn encrypt(&mut self) -> Result<(), String> {
        let acceptor = TlsAcceptor::from(Arc::new(server_config()));
        let stream = self.stream.take().ok_or("there is no connection any more")?;
        let stream = acceptor.accept(stream).await.map_err(|error| format!("TLS: {error}"))?;
        self.stream = Some(Box::new(stream));
        Ok(())
    }
}
