//! The load generator: so many connections, each with one request at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use notifier_tests::client::Client;
use serde_json::{Value, json};

use super::Failure;
use super::stopwatch::{Durations, Stopwatch};

/// What is submitted.
#[derive(Clone)]
pub(crate) struct Load {
    body: Bytes,
}

impl Load {
    /// An email that is not due for a year: accepted and stored, nothing more.
    pub(crate) fn scheduled_far() -> Self {
        let clock = notifier_core::SystemClock;
        let due_at = notifier_core::Clock::now(&clock) + jiff::SignedDuration::from_hours(24 * 365);
        Self::of(Some(due_at))
    }

    /// An email that is due at once.
    pub(crate) fn at_once() -> Self {
        Self::of(None)
    }

    /// An email that is due then.
    pub(crate) fn of(due_at: Option<jiff::Timestamp>) -> Self {
        Self::in_category("default", due_at)
    }

    /// An email of that category that is due then.
    pub(crate) fn in_category(category: &str, due_at: Option<jiff::Timestamp>) -> Self {
        Self::about("Rent for {{month}}", category, due_at)
    }

    /// The same with that subject.
    pub(crate) fn about(subject: &str, category: &str, due_at: Option<jiff::Timestamp>) -> Self {
        let mut request: Value = json!({
            "category": category,
            "recipient": {"id": "1", "email": "ada@example.com"},
            "content": {"email": {
                "subject": subject,
                "text": "Dear {{name}}, the rent of {{amount}} for {{month}} is due on the first. Thank you.",
            }},
            "variables": {"name": "Ada", "amount": "1,200.00 USD", "month": "January"},
        });
        if let Some(due_at) = due_at {
            request["schedule"] = json!({"at": due_at.to_string()});
        }
        Self { body: Bytes::from(request.to_string()) }
    }

    /// Submits it once.
    pub(crate) async fn submit(&self, client: &Client) -> Result<(), Failure> {
        let headers = [("content-type", "application/json")];
        let answer = client.send(Method::POST, "/v1/notifications", &headers, self.body.clone()).await?;
        if answer.status != 202 {
            return Err(format!("refused: {} {}", answer.status, answer.json).into());
        }
        Ok(())
    }

    /// Submits it once and returns the id under which it was accepted.
    pub(crate) async fn submit_marked(&self, client: &Client, key: &str) -> Result<String, Failure> {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        let answer = client.send(Method::POST, "/v1/notifications", &headers, self.body.clone()).await?;
        let id = answer.json["id"].as_str().ok_or_else(|| format!("refused: {} {}", answer.status, answer.json))?;
        Ok(id.to_owned())
    }

    /// Submits it so many times in one call.
    pub(crate) async fn submit_many(&self, client: &Client, items: usize) -> Result<(), Failure> {
        let mut body = Vec::with_capacity((self.body.len() + 1) * items);
        for _ in 0..items {
            body.extend_from_slice(&self.body);
            body.push(b'\n');
        }
        let headers = [("content-type", "application/x-ndjson")];
        let answer = client.send(Method::POST, "/v1/notifications/batch", &headers, body).await?;
        let lines = answer.bytes.split(|byte| *byte == b'\n');
        let accepted = lines.filter(|line| line.windows(12).any(|part| part == b"\"status\":202")).count();
        if answer.status != 200 || accepted != items {
            return Err(format!("{accepted} of {items} accepted, status {}", answer.status).into());
        }
        Ok(())
    }

    /// Submits it so many times in calls of `per_call`, over so many connections.
    pub(crate) async fn run_in_bulk(
        &self,
        client: &Client,
        connections: usize,
        calls: usize,
        per_call: usize,
    ) -> Result<Duration, Failure> {
        let started = Arc::new(AtomicUsize::new(0));
        let watch = Stopwatch::start();
        let workers: Vec<_> = (0..connections)
            .map(|_| {
                let (load, client, started) = (self.clone(), client.clone(), Arc::clone(&started));
                tokio::spawn(async move {
                    while started.fetch_add(1, Ordering::Relaxed) < calls {
                        load.submit_many(&client, per_call).await?;
                    }
                    Ok::<_, Failure>(())
                })
            })
            .collect();
        for worker in workers {
            worker.await??;
        }
        Ok(watch.elapsed())
    }

    /// Submits it so many times over so many connections.
    pub(crate) async fn run(&self, client: &Client, connections: usize, requests: usize) -> Result<Durations, Failure> {
        let started = Arc::new(AtomicUsize::new(0));
        let watch = Stopwatch::start();
        let workers: Vec<_> = (0..connections)
            .map(|_| {
                let (load, client, started) = (self.clone(), client.clone(), Arc::clone(&started));
                tokio::spawn(async move {
                    let mut durations = Vec::new();
                    while started.fetch_add(1, Ordering::Relaxed) < requests {
                        let watch = Stopwatch::start();
                        load.submit(&client).await?;
                        durations.push(watch.elapsed());
                    }
                    Ok::<_, Failure>(durations)
                })
            })
            .collect();
        let mut durations = Vec::with_capacity(requests);
        for worker in workers {
            durations.extend(worker.await??);
        }
        Ok(Durations::new(durations, watch.elapsed()))
    }
}
