//! Messages at a steady pace, whatever becomes of them: who sends does not slow down because the server does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use notifier_core::{Clock, SystemClock};
use notifier_tests::client::Client;
use serde_json::{Value, json};
use tokio::task::{JoinError, JoinSet};

use super::Failure;

/// Requests at the same time on one channel: with more, it would be connections that are measured.
const REQUESTS_MAX: usize = 256;

/// One that was accepted.
pub(crate) struct Poured {
    /// Its subject, or its text.
    pub(crate) mark: String,
    /// When its request was to be made. What the sender is late counts: it waits for the server.
    pub(crate) at: Timestamp,
}

/// All that were submitted on a channel.
#[derive(Default)]
pub(crate) struct Stream {
    pub(crate) accepted: Vec<Poured>,
    /// Requests that were refused or not answered.
    pub(crate) refused: usize,
}

impl Stream {
    fn note(&mut self, done: Result<Option<Poured>, JoinError>) -> Result<(), Failure> {
        match done? {
            Some(poured) => self.accepted.push(poured),
            None => self.refused += 1,
        }
        Ok(())
    }
}

/// Submits messages on that channel, so many a second, until it is over.
pub(crate) async fn pour(
    client: Client,
    channel: &'static str,
    per_s: u32,
    is_over: Arc<AtomicBool>,
) -> Result<Stream, Failure> {
    let began = SystemClock.now();
    let mut submitting = JoinSet::new();
    let mut stream = Stream::default();
    for number in 0_u32.. {
        let at = began + SignedDuration::try_from(Duration::from_secs(1) * number / per_s)?;
        SystemClock.sleep_until(at).await;
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        while submitting.len() >= REQUESTS_MAX
            && let Some(done) = submitting.join_next().await
        {
            stream.note(done)?;
        }
        let (client, mark) = (client.clone(), format!("{channel}-{number}"));
        submitting.spawn(async move {
            let answer = client.post("/v1/notifications", &message(channel, &mark)).await;
            let is_accepted = answer.is_ok_and(|answer| answer.status == 202);
            is_accepted.then_some(Poured { mark, at })
        });
        while let Some(done) = submitting.try_join_next() {
            stream.note(done)?;
        }
    }
    while let Some(done) = submitting.join_next().await {
        stream.note(done)?;
    }
    Ok(stream)
}

fn message(channel: &str, mark: &str) -> Value {
    let content = match channel {
        "email" => json!({"email": {"subject": mark, "text": "The water is off from 9 to 11."}}),
        _ => json!({"sms": {"text": mark}}),
    };
    json!({
        "recipient": {"id": "1", "email": "ada@example.com", "phone": "+14155550101"},
        "channels": [channel],
        "content": content,
    })
}
