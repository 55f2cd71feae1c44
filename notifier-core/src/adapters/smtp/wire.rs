//! Lines over a stream: whole, bounded replies, and no longer than a server may take.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::reply::{Line, Reply};
use super::verdict::{Failure, Stage};
use crate::ports::clock::{Clock, within};

/// TCP, TLS over it, or a pipe in a test.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The longest line of a reply that is read. RFC 5321 section 4.5.3.1.5 allows 512 bytes; there are servers that write more.
const LINE_BYTES_MAX: usize = 4_096;

/// How much is read at once, at least.
const READ_BYTES: usize = 512;

/// The most lines of a reply that are read: the longest are answers to `EHLO`.
const REPLY_LINES_MAX: usize = 128;

/// A stream, and what of it was read too early.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
    clock: Arc<dyn Clock>,
    /// How long the server may take for one answer.
    patience: Duration,
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Stream>, clock: Arc<dyn Clock>, patience: Duration) -> Self {
        Self { stream, unread: Vec::new(), clock, patience }
    }

    /// Sends a command, and waits for its answer.
    pub(super) async fn ask(&mut self, stage: Stage, command: &str) -> Result<Reply, Failure> {
        let line = format!("{command}\r\n");
        let (clock, patience) = (Arc::clone(&self.clock), self.patience);
        let asking = async {
            self.write(stage, line.as_bytes()).await?;
            self.read_reply(stage).await
        };
        within(&*clock, patience, asking).await.unwrap_or(Err(Failure::Slow(stage, patience.as_millis())))
    }

    /// Waits for what the server says first.
    pub(super) async fn greeting(&mut self) -> Result<Reply, Failure> {
        let (clock, patience) = (Arc::clone(&self.clock), self.patience);
        let reading = within(&*clock, patience, self.read_reply(Stage::Greeting)).await;
        reading.unwrap_or(Err(Failure::Slow(Stage::Greeting, patience.as_millis())))
    }

    /// Sends bytes as they are.
    pub(super) async fn write(&mut self, stage: Stage, bytes: &[u8]) -> Result<(), Failure> {
        let writing = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        writing.await.map_err(|error| Failure::Broken(stage, format!("the connection was lost: {error}")))
    }

    /// Reads one whole reply, however long it takes.
    pub(super) async fn read_reply(&mut self, stage: Stage) -> Result<Reply, Failure> {
        let nonsense = |problem: &str| Failure::Broken(stage, format!("what answers is no mail server: {problem}"));
        let mut lines = Vec::new();
        let mut code = None;
        loop {
            let line = self.read_line(stage).await?;
            let line = Line::parse(&line).ok_or_else(|| nonsense("a line does not begin with a reply code"))?;
            if *code.get_or_insert(line.code) != line.code {
                return Err(nonsense("the lines of one reply have different codes"));
            }
            lines.push(line.text);
            if line.is_last {
                return Ok(Reply { code: line.code, lines });
            }
            if lines.len() >= REPLY_LINES_MAX {
                return Err(nonsense(&format!("a reply has more than {REPLY_LINES_MAX} lines")));
            }
        }
    }

    /// One line without its end.
    async fn read_line(&mut self, stage: Stage) -> Result<Vec<u8>, Failure> {
        let broken = |problem: String| Failure::Broken(stage, problem);
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.unread.drain(..=end).collect();
                line.truncate(line.trim_ascii_end().len());
                return Ok(line);
            }
            if self.unread.len() >= LINE_BYTES_MAX {
                return Err(broken(format!("what answers is no mail server: a line has over {LINE_BYTES_MAX} bytes")));
            }
            self.unread.reserve(READ_BYTES);
            match self.stream.read_buf(&mut self.unread).await {
                Ok(0) => return Err(broken("the server closed the connection".to_owned())),
                Ok(_) => {}
                Err(error) => return Err(broken(format!("the connection was lost: {error}"))),
            }
        }
    }

    /// Whether the server has said nothing that was not read, and has not left. It says nothing unasked but that it leaves.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.unread.is_empty() && self.stream.read(&mut [0; 1]).now_or_never().is_none()
    }

    /// The bare stream, for a layer over it; `None` when something of it was read already. That would belong to the layer, or was
    /// put there by somebody in between who wants it taken for what comes out of it (CVE-2011-0411 and its kin).
    pub(super) fn into_stream(self) -> Option<Box<dyn Stream>> {
        self.unread.is_empty().then_some(self.stream)
    }
}
