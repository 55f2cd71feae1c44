//! Stand-ins for a vendor: one that answers as documented, and one that does something else at the end.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use notifier_core::wasm::rehearsal::{Answer, Asked, StandIn};
use notifier_plugin_exchanges::{Exchange, Failure, Reply, Request, differences};

/// Answers a list of requests in order, and compares each with the one that is documented.
pub(super) struct Documented {
    script: Mutex<Script>,
}

struct Script {
    expected: VecDeque<(Option<Request>, Answer)>,
    differences: Vec<String>,
}

impl Documented {
    pub(super) fn new(exchanges: &[Exchange]) -> Self {
        let expected = exchanges.iter().map(|one| (one.request.clone(), Answer::Reply(one.reply.clone())));
        Self { script: Mutex::new(Script { expected: expected.collect(), differences: Vec::new() }) }
    }

    /// The same requests, none compared, with another answer to the last of them and to all after it.
    pub(super) fn but_at_the_end(exchanges: &[Exchange], answer: Answer) -> Otherwise {
        let before = exchanges.len().saturating_sub(1);
        let earlier = exchanges.iter().take(before).map(|one| Answer::Reply(one.reply.clone())).collect();
        Otherwise { earlier: Mutex::new(earlier), answer }
    }

    /// In what the requests differed from those that are documented, those that were never made included.
    pub(super) fn differences(&self) -> Vec<String> {
        let script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = script.differences.clone();
        found.extend(script.expected.iter().map(|(request, _)| match request {
            Some(request) => format!("never made: {} {}", request.method, request.url),
            None => "a request was never made".into(),
        }));
        found
    }
}

impl StandIn for Documented {
    fn answer(&self, asked: &Asked) -> Answer {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((request, answer)) = script.expected.pop_front() else {
            script.differences.push(format!("one more than documented: {} {}", asked.method, asked.url));
            return Answer::Reply(Reply::Failure(Failure::Unreachable));
        };
        let found = request.map_or_else(Vec::new, |request| differences(&request, &asked.seen()));
        script.differences.extend(found);
        answer
    }
}

/// Goes along, and then does something else.
pub(super) struct Otherwise {
    earlier: Mutex<VecDeque<Answer>>,
    answer: Answer,
}

impl StandIn for Otherwise {
    fn answer(&self, _: &Asked) -> Answer {
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        earlier.pop_front().unwrap_or_else(|| self.answer.clone())
    }
}

#[cfg(test)]
mod tests {
    use notifier_plugin_exchanges::Response;

    use super::*;

    fn asked(url: &str) -> Asked {
        Asked {
            method: "GET".into(),
            url: url.into(),
            headers: vec![],
            auth: None,
            secrets: vec![],
            body: vec![],
            timeout_ms: None,
        }
    }

    fn exchange(url: &str, status: u16) -> Exchange {
        let request = serde_json::from_value(serde_json::json!({ "method": "GET", "url": url })).unwrap();
        Exchange { request: Some(request), reply: reply(status) }
    }

    fn reply(status: u16) -> Reply {
        Reply::Response(Response { status, headers: Default::default(), body: None })
    }

    #[test]
    fn what_differs_what_is_missing_and_what_is_too_much_is_told() {
        let exchanges = [exchange("https://a.example/1", 200), exchange("https://a.example/2", 201)];
        let vendor = Documented::new(&exchanges);
        assert_eq!(vendor.answer(&asked("https://a.example/x")), Answer::Reply(reply(200)));
        let found = vendor.differences();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("url: want https://a.example/1, got"), "{found:?}");
        assert_eq!(found[1], "never made: GET https://a.example/2");
        vendor.answer(&asked("https://a.example/2"));
        vendor.answer(&asked("https://a.example/3"));
        assert_eq!(vendor.differences()[1], "one more than documented: GET https://a.example/3");
    }

    #[test]
    fn the_last_answer_is_the_other_one() {
        let exchanges = [exchange("https://a.example/1", 200), exchange("https://a.example/2", 201)];
        let vendor = Documented::but_at_the_end(&exchanges, Answer::Silence);
        let answers: Vec<_> = (0..3).map(|_| vendor.answer(&asked("https://a.example/"))).collect();
        assert_eq!(answers, [Answer::Reply(reply(200)), Answer::Silence, Answer::Silence]);
    }
}
