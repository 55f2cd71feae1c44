//! `/sandbox/events`: server-sent events (WHATWG HTML, section 9.2) of what arrives, for the page and for `curl -N`.
//!
//! Events: `state` (first, and whenever faults or counters changed), `message` (its `id` is the sequence number),
//! `cleared`. The stream reads the inbox from its own position, so that a slow reader costs nobody anything; a client
//! that reconnects with `Last-Event-ID` misses nothing that is still retained.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    Faults, Inbox, Message, Receipts, fault_request,
    inbox::Position,
    seed::CURL_EXAMPLE,
    wire::{self, MessageView},
};

/// Silence after which a comment is sent, so that a dead connection is found.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Messages put into one chunk.
const BATCH: usize = 1_000;

/// Pause after a chunk: under load, many messages share one instead of each waking the reader.
const PACE: Duration = Duration::from_millis(50);

/// Where a stream starts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    /// With that many of the newest messages.
    Newest(usize),
    /// Behind this sequence number.
    After(u64),
}

/// What a stream reads from.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) inbox: Inbox,
    pub(super) faults: Faults,
    pub(super) receipts: Receipts,
    /// Changes or ends when the sandbox shuts down.
    pub(super) closing: watch::Receiver<bool>,
    /// Tells this run of the sandbox from others: sequence numbers start anew with each.
    pub(super) instance: Arc<str>,
}

struct Reader {
    source: Source,
    changes: watch::Receiver<u64>,
    position: Position,
    /// The last `state` that was sent.
    state: Value,
    /// Whether a chunk was just sent.
    pausing: bool,
}

/// The events as chunks of a response body.
pub(super) fn events(source: Source, start: Start) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    let newest = |replayed| source.inbox.position_before_newest(replayed);
    let position = match start {
        Start::Newest(replayed) => newest(replayed),
        Start::After(seq) if seq <= source.inbox.seq_last() => Position { seq, ..newest(0) },
        // A number of an earlier run.
        Start::After(_) => newest(usize::MAX),
    };
    let changes = source.inbox.changes();
    let reader = Reader { source, changes, position, state: Value::Null, pausing: false };
    stream::unfold(reader, |mut reader| async move {
        let chunk = reader.next().await?;
        Some((Ok(Bytes::from(chunk)), reader))
    })
}

impl Reader {
    /// The next chunk; `None` at shutdown.
    async fn next(&mut self) -> Option<String> {
        if std::mem::take(&mut self.pausing) {
            // Either end of the pause will do: the time, or the shutdown that is looked at next.
            let _ = tokio::time::timeout(PACE, self.source.closing.changed()).await;
        }
        loop {
            if *self.source.closing.borrow() {
                return None;
            }
            self.changes.mark_unchanged();
            let chunk = self.pending();
            if !chunk.is_empty() {
                self.pausing = true;
                return Some(chunk);
            }
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                closed = self.source.closing.changed() => closed.ok()?,
                () = silence() => return Some(": still here\n\n".to_owned()),
            }
        }
    }

    /// What is new; empty if nothing is.
    fn pending(&mut self) -> String {
        let mut chunk = String::new();
        let (messages, position) = self.source.inbox.since(self.position, BATCH);
        if position.clearings != self.position.clearings {
            write_event(&mut chunk, None, "cleared", "{}");
        }
        self.position = position;
        let state = self.source.state();
        if state != self.state {
            write_event(&mut chunk, None, "state", &state.to_string());
            self.state = state;
        }
        for message in &messages {
            write_message(&mut chunk, message);
        }
        chunk
    }
}

impl Source {
    fn state(&self) -> Value {
        json!({
            "instance": &*self.instance,
            "counters": wire::counters(&self.inbox),
            "faults": fault_request::render_all(&self.faults),
            "curl_example": CURL_EXAMPLE,
        })
    }
}

async fn silence() {
    // Never ready by itself: only the time ends it.
    let _ = tokio::time::timeout(KEEP_ALIVE, std::future::pending::<()>()).await;
}

fn write_message(chunk: &mut String, message: &Message) {
    // A view of plain strings and numbers always renders; if it did not, the message would be missing, not garbled.
    if let Ok(json) = serde_json::to_string(&MessageView::brief(message)) {
        write_event(chunk, Some(message.seq), "message", &json);
    }
}

/// JSON holds no line break, so that one `data` line suffices.
fn write_event(chunk: &mut String, id: Option<u64>, event: &str, json: &str) {
    if let Some(id) = id {
        chunk.push_str(&format!("id: {id}\n"));
    }
    chunk.extend(["event: ", event, "\ndata: ", json, "\n\n"]);
}
