//! What operators look at and change: providers, routes, suppressions, dead letters, replays, numbers.

use notifier_core::testing::Answer as Told;
use notifier_core::{Chain, Outcome, Problem, ProviderName, ProviderPolicy, RejectionKind, Route};

use super::*;

fn rejected() -> Told {
    Told::Now(Outcome::Rejected { kind: RejectionKind::Message, problem: Problem::coded("21610", "no") })
}

/// Submits a text message that fails, and returns its id.
async fn failed(server: &TestServer, more: Value) -> String {
    let id = server.sms(more).await;
    server.settled(&id).await;
    assert_eq!(server.state(&id).await, "failed");
    id
}

#[tokio::test]
async fn a_breaker_is_set_by_hand_and_shown() {
    let server = TestServer::start().await;
    let breaker = |provider: &Value| (provider["breaker"]["set_by_hand"].clone(), provider["standing"].clone());
    let shown = server.get("/v1/providers").await.ok()["items"][0].clone();
    assert_eq!((&shown["breaker"]["state"], &shown["breaker"]["percent"]), (&json!("closed"), &json!(100)));
    assert_eq!(shown["limits"], json!({"concurrent_calls_max": 64}));
    let open = server.put("/v1/providers/scripted/breaker", &json!({"state": "open"})).await.ok();
    assert_eq!(breaker(&open), (json!("open"), json!("refuses")));
    assert_eq!(breaker(&server.get("/v1/providers").await.ok()["items"][0]), (json!("open"), json!("refuses")));
    let metrics = String::from_utf8(server.get("/metrics").await.body).unwrap();
    assert!(metrics.contains("notifier_provider_breaker{provider=\"scripted\",state=\"open\"} 1\n"), "{metrics}");
    let id = server.sms(json!({})).await;
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.state(&id).await, "pending");
    let closed = server.put("/v1/providers/scripted/breaker", &json!({"state": "closed"})).await.ok();
    assert_eq!(breaker(&closed), (json!("closed"), json!("takes")));
    let automatic = server.put("/v1/providers/scripted/breaker", &json!({"state": "automatic"})).await.ok();
    assert_eq!(breaker(&automatic), (Value::Null, json!("takes")));
    server.clock.advance(jiff::SignedDuration::from_secs(30));
    server.settled(&id).await;
    server.put("/v1/providers/other/breaker", &json!({"state": "open"})).await.problem(404, "not-found");
}

#[tokio::test]
async fn routes_and_limits_are_shown() {
    let name = |name: &str| ProviderName::new(name).unwrap();
    let build = |builder: NotifierBuilder| {
        let mut special = Route::of(Channel::Sms, Chain::Weighted(vec![(name("scripted"), 51), (name("second"), 49)]));
        special.prefix = Some("+44".into());
        let mut policy = ProviderPolicy::default();
        policy.calls_per_day_max = Some(100);
        policy.calls_per_second_max = std::num::NonZeroU32::new(5);
        let second = Arc::new(ScriptedProvider::accepting());
        builder
            .provider("second", second)
            .provider_policy("second", policy)
            .route_by(special)
            .route(Channel::Sms, "scripted")
    };
    let server = TestServer::start_built(settings(), Router::new(), ScriptedProvider::accepting(), build).await;
    let routes = server.get("/v1/routes").await.ok()["items"].clone();
    assert_eq!(
        (&routes[0]["prefix"], &routes[0]["providers"][0]),
        (&json!("+44"), &json!({"name": "scripted", "weight": 51}))
    );
    assert_eq!((&routes[1]["choice"], &routes[1]["providers"]), (&json!("ordered"), &json!([{"name": "scripted"}])));
    let second = server.get("/v1/providers").await.ok()["items"][1].clone();
    let limits = json!({"concurrent_calls_max": 64, "calls_per_second_max": 5, "calls_per_day_max": 100});
    assert_eq!((&second["name"], &second["limits"]), (&json!("second"), &limits));
    assert_eq!((&second["calls"]["today"], &second["routed"]), (&json!(0), &json!(["sms"])));
}

#[tokio::test]
async fn addresses_are_suppressed_and_allowed_again() {
    let server = TestServer::start().await;
    let path = "/v1/suppressions/email/Ana@Example.com";
    server.get(path).await.problem(404, "not-found");
    let stored = server.put(path, &json!({"note": "asked for it"})).await.ok();
    assert_eq!((&stored["address"], &stored["cause"]), (&json!("ana@example.com"), &json!("manual")));
    assert_eq!(server.get(path).await.ok(), stored);
    // Without a body.
    let request = Request::put("/v1/suppressions/sms/%2B14155550101").body(Body::empty()).unwrap();
    assert_eq!(server.call(request).await.ok()["note"], "");
    let id = server.sms(json!({})).await;
    server.settled(&id).await;
    assert_eq!(server.state(&id).await, "suppressed");
    assert_eq!(server.delete("/v1/suppressions/sms/%2B14155550101").await.status, StatusCode::NO_CONTENT);
    server.delete("/v1/suppressions/sms/%2B14155550101").await.problem(404, "not-found");
    let id = server.sms(json!({})).await;
    server.settled(&id).await;
    assert_eq!(server.state(&id).await, "sent");
}

#[tokio::test]
async fn suppressions_are_listed_in_pages() {
    let server = TestServer::start().await;
    for address in ["sms/%2B14155550102", "email/b%2Bc@example.com", "sms/%2B14155550101", "email/a@example.com"] {
        server.put(&format!("/v1/suppressions/{address}"), &json!({})).await.ok();
    }
    let (mut listed, mut path) = (Vec::new(), "/v1/suppressions?limit=1".to_owned());
    loop {
        let page = server.get(&path).await.ok();
        assert!(page["items"].as_array().unwrap().len() <= 1);
        listed
            .extend(page["items"].as_array().unwrap().iter().map(|item| item["address"].as_str().unwrap().to_owned()));
        assert!(listed.len() <= 4, "{listed:?}");
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/suppressions?limit=1&cursor={next}");
    }
    assert_eq!(listed, ["a@example.com", "b+c@example.com", "+14155550101", "+14155550102"]);
}

#[tokio::test]
async fn dead_letters_are_listed_in_pages_and_replayed_one_by_one() {
    let server = TestServer::start_answering([rejected(), rejected(), rejected()]).await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let more = if number == 1 { json!({"subject": "1"}) } else { json!({}) };
        ids.push(failed(&server, more).await);
        server.clock.advance(jiff::SignedDuration::from_secs(1));
    }
    let (mut listed, mut path) = (Vec::new(), "/v1/dead-letters?limit=2".to_owned());
    loop {
        let page = server.get(&path).await.ok();
        let items = page["items"].as_array().unwrap();
        listed.extend(items.iter().map(|item| item["notification_id"].as_str().unwrap().to_owned()));
        assert!(listed.len() <= 3, "{listed:?}");
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/dead-letters?limit=2&cursor={next}");
    }
    let latest_first: Vec<String> = ids.iter().rev().cloned().collect();
    assert_eq!(listed, latest_first);
    let about = server.get("/v1/dead-letters?subject=1&state=failed").await.ok()["items"].clone();
    assert_eq!(about.as_array().unwrap().len(), 1);
    assert_eq!((&about[0]["subject"], &about[0]["died_at"]), (&json!("1"), &json!("2026-06-01T12:00:01Z")));
    assert_eq!(about[0]["delivery"]["last_attempt"]["problem"]["code"], "21610");

    let path = format!("/v1/dead-letters/{}.sms/replay", ids[1]);
    let answer = server.send(Method::POST, &path, &json!({})).await;
    assert_eq!((answer.status, &answer.json()["deliveries"][0]["state"]), (StatusCode::ACCEPTED, &json!("pending")));
    server.settled(&ids[1]).await;
    assert_eq!(server.state(&ids[1]).await, "sent");
    server.post(&path, &json!({})).await.problem(409, "too-late");
    let unknown = "/v1/dead-letters/0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.sms/replay";
    server.post(unknown, &json!({})).await.problem(404, "not-found");
    assert_eq!(server.get("/v1/stats").await.ok()["now"]["dead"], 2);
}

#[tokio::test]
async fn many_dead_letters_are_replayed_with_progress() {
    let server = TestServer::start_answering([rejected(), rejected()]).await;
    let ids = [failed(&server, json!({})).await, failed(&server, json!({"subject": "1"})).await];
    server.clock.advance(jiff::SignedDuration::from_secs(1));
    let request = json!({"filter": {"subject": "1"}, "per_second": 100});
    let answer = server.post("/v1/replays", &request).await;
    assert_eq!((answer.status, &answer.headers["location"]), (StatusCode::ACCEPTED, &"/v1/replays/1".parse().unwrap()));
    server.settled(&ids[1]).await;
    while server.get("/v1/replays/1").await.ok()["ended_at"].is_null() {
        server.clock.advance(jiff::SignedDuration::from_millis(10));
        tokio::task::yield_now().await;
    }
    let progress = server.get("/v1/replays/1").await.ok();
    assert_eq!((&progress["examined"], &progress["replayed"]), (&json!(1), &json!(1)), "{progress}");
    assert_eq!((&progress["filter"], &progress["per_second"]), (&json!({"subject": "1"}), &json!(100)));
    server.settled(&ids[1]).await;
    assert_eq!((server.state(&ids[0]).await.as_str(), server.state(&ids[1]).await.as_str()), ("failed", "sent"));
    assert_eq!(server.get("/v1/replays").await.ok()["items"], json!([progress]));
    server.get("/v1/replays/2").await.problem(404, "not-found");
}

#[tokio::test]
async fn numbers_are_told_to_people_and_to_prometheus() {
    let server = TestServer::start_answering([rejected()]).await;
    failed(&server, json!({})).await;
    server.sms(json!({"schedule": {"at": "2026-06-02T12:00:00Z"}})).await;
    let stats = server.get("/v1/stats").await.ok();
    assert_eq!(
        stats["now"],
        json!({"pending": {"urgent": 0, "normal": 1, "bulk": 0}, "sending": 0, "dead": 1, "unmatched_receipts": 0})
    );
    let since = &stats["since_start"];
    assert_eq!((&since["accepted"], &since["attempts"], &since["failed"]), (&json!(2), &json!(1), &json!(1)));
    let answer = server.get("/metrics").await;
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = String::from_utf8(answer.body).unwrap();
    for line in [
        "# TYPE notifier_stuck_deliveries_repaired_total counter",
        "notifier_stuck_deliveries_repaired_total 0",
        "notifier_notifications_accepted_total 2",
        "notifier_deliveries_failed_total 1",
        "notifier_deliveries_pending{lane=\"normal\"} 1",
        "notifier_deliveries_pending{lane=\"urgent\"} 0",
        "notifier_dead_letters 1",
        "notifier_receipts_forgotten_total 0",
        "notifier_provider_breaker{provider=\"scripted\",state=\"closed\"} 1",
        "notifier_provider_breaker{provider=\"scripted\",state=\"open\"} 0",
        "notifier_provider_percent{provider=\"scripted\"} 100",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}:\n{text}");
    }
    // Every sample has its type before it, and the last line has an end.
    let mut known = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            Some((name, _)) => known.push(name),
            None if line.starts_with('#') => {}
            None => assert!(known.contains(&line.split(['{', ' ']).next().unwrap()), "{line}"),
        }
    }
    assert!(known.len() >= 12 && text.ends_with('\n'));
}
