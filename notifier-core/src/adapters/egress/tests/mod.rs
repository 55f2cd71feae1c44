//! Attacks on the egress policy, and what failures look like.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod exchange;
mod http2;
pub(in crate::adapters) mod tls;
pub(in crate::adapters) mod vectors;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;
use jiff::Timestamp;

use super::Resolver;
use crate::ports::clock::Clock;

/// The time of the machine does not matter here.
struct Epoch;

#[async_trait]
impl Clock for Epoch {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn sleep_until(&self, _: Timestamp) {
        std::future::pending().await
    }
}

/// Gives one list of addresses after the other, and the last for ever; counts how often it was asked.
struct Answers {
    lists: Vec<Vec<IpAddr>>,
    asked: Arc<AtomicUsize>,
}

impl Answers {
    fn new(lists: &[&[&str]]) -> (Arc<Self>, Arc<AtomicUsize>) {
        let lists = lists.iter().map(|list| list.iter().map(|address| address.parse().unwrap()).collect()).collect();
        let asked = Arc::new(AtomicUsize::new(0));
        (Arc::new(Self { lists, asked: Arc::clone(&asked) }), asked)
    }
}

#[async_trait]
impl Resolver for Answers {
    async fn lookup(&self, _: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let turn = self.asked.fetch_add(1, SeqCst).min(self.lists.len() - 1);
        Ok(self.lists[turn].iter().map(|address| SocketAddr::new(*address, port)).collect())
    }
}
