//! The event stream, and what shutting down does to it.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::super::{Channel, Message, Service};
use super::fixture::{Fixture, PATIENCE, SMS, exchange, open};

/// A client of `/sandbox/events`.
struct Events {
    body: Incoming,
    buffer: String,
}

#[derive(Debug)]
struct Event {
    id: Option<u64>,
    name: String,
    data: Value,
}

impl Events {
    async fn open(fixture: &Fixture, query: &str, last_event_id: Option<u64>) -> Self {
        let mut request = Request::get(format!("{}/sandbox/events{query}", fixture.console_url));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = open(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body(), buffer: String::new() }
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        while !self.buffer.contains("\n\n") {
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await.unwrap()?;
            self.buffer.push_str(std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap());
        }
        let (text, rest) = self.buffer.split_once("\n\n").unwrap();
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let event = Event {
            id: field("id: ").map(|id| id.parse().unwrap()),
            name: field("event: ").unwrap().to_owned(),
            data: serde_json::from_str(field("data: ").unwrap()).unwrap(),
        };
        self.buffer = rest.to_owned();
        Some(event)
    }

    async fn next_named(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.unwrap();
            if event.name == name {
                return event;
            }
        }
    }

    /// The next state that the condition holds for.
    async fn until_state(&mut self, condition: impl Fn(&Value) -> bool) -> Value {
        loop {
            let state = self.next_named("state").await.data;
            if condition(&state) {
                return state;
            }
        }
    }
}

#[tokio::test]
async fn messages_faults_and_clearing_are_told_live() {
    let fixture = Fixture::start().await;
    let mut events = Events::open(&fixture, "", None).await;
    let first = events.next().await.unwrap();
    assert_eq!(first.name, "state");
    assert_eq!(first.data["counters"]["twilio"]["accepted"], 0);
    assert!(first.data["curl_example"].as_str().unwrap().starts_with("curl "));

    fixture.send_sms(SMS).await;
    let message = events.next_named("message").await;
    assert_eq!((message.id, &message.data["seq"], &message.data["text"]), (Some(1), &json!(1), &json!("Hello")));
    assert_eq!(message.data["segments"]["parts"], json!([{ "text": "Hello", "units": 5 }]));
    assert_eq!(message.data["received_at"], super::fixture::NOW);

    fixture.set_fault(Service::Twilio, &json!({ "fault": "unavailable", "times": 1 })).await;
    events.until_state(|state| state["faults"]["twilio"] == json!({ "fault": "unavailable", "times_left": 1 })).await;
    fixture.send_sms(SMS).await;
    events
        .until_state(|state| state["faults"]["twilio"].is_null() && state["counters"]["twilio"]["faulted"] == 1)
        .await;

    fixture.console(Method::DELETE, "/sandbox/messages", "").await;
    events.next_named("cleared").await;
    events.until_state(|state| state["counters"]["twilio"]["accepted"] == 0).await;
}

#[tokio::test]
async fn a_stream_starts_where_it_is_asked_to() {
    let fixture = Fixture::start().await;
    for _ in 0..4 {
        fixture.send_sms(SMS).await;
    }
    for (query, last_event_id, first) in [
        ("?replay=2", None, 3),
        ("?replay=100", None, 1),
        ("?after=3", None, 4),
        ("", Some(1), 2),
        ("?replay=1", Some(2), 3),
        // A number of a run before this one: everything is new.
        ("", Some(77), 1),
    ] {
        let mut events = Events::open(&fixture, query, last_event_id).await;
        for seq in first..=4 {
            assert_eq!(events.next_named("message").await.id, Some(seq), "{query} {last_event_id:?}");
        }
    }
}

#[tokio::test]
async fn a_slow_listener_gets_everything_in_order() {
    let fixture = Fixture::start().await;
    let mut events = Events::open(&fixture, "", None).await;
    for _ in 0..250 {
        fixture.send_sms(SMS).await;
    }
    for seq in 1..=250 {
        assert_eq!(events.next_named("message").await.id, Some(seq));
    }
}

#[tokio::test]
async fn more_than_one_chunk_holds_comes_in_several() {
    let fixture = Fixture::start().await;
    for _ in 0..2_500 {
        fixture.sandbox.inbox().store(Message::new(Service::Twilio, Channel::Sms, "SM1".to_owned()));
    }
    let mut events = Events::open(&fixture, "?after=0", None).await;
    for seq in 1..=2_500 {
        assert_eq!(events.next_named("message").await.id, Some(seq));
    }
}

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let fixture = Fixture::start().await;
    for (query, field) in
        [("?replay=x", "replay"), ("?replay=10001", "replay"), ("?after=-1", "after"), ("?since=1", "since")]
    {
        let answer = fixture.get(&format!("/sandbox/events{query}")).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["field"]), (400, &json!(field)), "{query}");
    }
}

#[tokio::test]
async fn shutting_down_ends_streams_and_closes_ports() {
    let fixture = Fixture::start().await;
    let mut events = Events::open(&fixture, "", None).await;
    events.next().await.unwrap();
    let request = fixture.twilio_request(SMS);
    let address = request.uri().authority().unwrap().to_string();
    fixture.set_fault(Service::Twilio, &json!({ "fault": "hang" })).await;
    let hanging = tokio::spawn(exchange(request));
    events.until_state(|state| state["counters"]["twilio"]["faulted"] == 1).await;
    fixture.sandbox.shutdown().await;
    assert!(hanging.await.unwrap().is_err());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    while let Some(event) = events.next().await {
        assert_eq!(event.name, "state");
    }
}

#[tokio::test]
async fn dropping_does_the_same() {
    let fixture = Fixture::start().await;
    let mut events = Events::open(&fixture, "", None).await;
    events.next().await.unwrap();
    let Fixture { sandbox, console: _console, .. } = fixture;
    drop(sandbox);
    assert!(events.next().await.is_none());
}
