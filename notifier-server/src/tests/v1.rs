//! The routes under `/v1`.

use super::*;

fn request() -> Value {
    json!({
        "recipient": {"id": "1"}, "subject": "1", "variables": {"name": "Ana"},
        "content": {
            "email": {"subject": "About {{subject.address}}", "text": "Dear {{name}}"},
            "sms": {"text": "Dear {{name}}"},
        },
    })
}

#[tokio::test]
async fn a_notification_is_accepted_sent_and_explained() {
    let server = TestServer::start().await;
    let answer = server.post("/v1/notifications", &request()).await;
    assert_eq!(answer.status, 202);
    let submitted = answer.json();
    let id = submitted["id"].as_str().unwrap();
    assert_eq!(answer.headers["location"], format!("/v1/notifications/{id}"));
    let channels: Vec<&Value> = submitted["deliveries"].as_array().unwrap().iter().map(|d| &d["channel"]).collect();
    assert_eq!(channels, ["email", "sms"]);
    assert_eq!(submitted["deliveries"][1]["id"], format!("{id}.sms"));
    assert_eq!((&submitted["due_at"], &submitted["repeated"]), (&json!("2026-06-01T12:00:00Z"), &json!(false)));

    server.settled(id).await;
    let notification = server.get(&format!("/v1/notifications/{id}")).await.ok();
    assert_eq!(notification["deliveries"][0]["state"], "sent");
    assert_eq!(notification["deliveries"][0]["last_attempt"]["address"], "ana@example.com");
    assert_eq!(notification["content"]["sms"]["text"], "Dear {{name}}");
    let timeline = server.get(&format!("/v1/notifications/{id}/timeline")).await.ok();
    let kinds: Vec<&str> =
        timeline["facts"].as_array().unwrap().iter().filter_map(|fact| fact["kind"].as_str()).collect();
    assert_eq!(kinds.first(), Some(&"accepted"));
    assert_eq!(kinds.iter().filter(|kind| **kind == "sent").count(), 2, "{kinds:?}");
    assert_eq!(server.provider.calls().len(), 2);
}

#[tokio::test]
async fn a_key_makes_one_notification_of_two_requests() {
    let server = TestServer::start().await;
    let with_header = |body: &Value| {
        let request = Request::post("/v1/notifications").header("content-type", "application/json");
        request.header("idempotency-key", "k-1").body(Body::from(body.to_string())).unwrap()
    };
    let first = server.call(with_header(&request())).await.json();
    let mut in_body = request();
    in_body["idempotency_key"] = "k-1".into();
    let second = server.post("/v1/notifications", &in_body).await.json();
    assert_eq!((&second["id"], &second["repeated"]), (&first["id"], &json!(true)));

    let mut other = request();
    other["variables"]["name"] = "Ben".into();
    let problem = server.call(with_header(&other)).await.problem(409, "key-reused");
    assert_eq!(problem["field"], "idempotency_key");
    assert!(problem["detail"].as_str().unwrap().contains(first["id"].as_str().unwrap()), "{problem}");

    in_body["idempotency_key"] = "k-2".into();
    let problem = server.call(with_header(&in_body)).await.problem(422, "invalid-request");
    assert_eq!(problem["field"], "idempotency_key");
}

#[tokio::test]
async fn pages_lead_from_the_newest_to_the_oldest() {
    let server = TestServer::start().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        server.clock.advance(jiff::SignedDuration::from_secs(1));
        let mut request = request();
        request["recipient"] =
            json!({"id": format!("r{}", number % 2), "email": "ana@example.com", "phone": "+14155550101"});
        ids.push(server.post("/v1/notifications", &request).await.json()["id"].as_str().unwrap().to_owned());
    }
    ids.reverse();
    let mut listed = Vec::new();
    let mut path = "/v1/notifications?limit=2".to_owned();
    loop {
        let page = server.get(&path).await.ok();
        assert!(page["items"].as_array().unwrap().len() <= 2);
        listed.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/notifications?limit=2&cursor={next}");
    }
    assert_eq!(listed, ids);
    let of_one = server.get("/v1/notifications?recipient_id=r1").await.ok();
    let of_one: Vec<&str> =
        of_one["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(of_one, [&ids[1], &ids[3]]);
}

#[tokio::test]
async fn a_cancellation_says_what_it_stopped() {
    let server = TestServer::start().await;
    let mut later = request();
    later["schedule"] = json!({"at": "2026-06-01T13:00:00Z"});
    let id = server.post("/v1/notifications", &later).await.json()["id"].as_str().unwrap().to_owned();
    let answer = server.post(&format!("/v1/notifications/{id}/cancel"), &json!({})).await.ok();
    assert_eq!(answer["stopped"], true);
    assert_eq!(answer["deliveries"][0]["state"], "cancelled");
    assert_eq!(answer["deliveries"][0]["reason"]["code"], "cancel.requested");

    let id = server.post("/v1/notifications", &request()).await.json()["id"].as_str().unwrap().to_owned();
    server.settled(&id).await;
    let answer = server.post(&format!("/v1/notifications/{id}/cancel"), &json!({})).await.ok();
    assert_eq!((&answer["stopped"], &answer["deliveries"][1]["stopped"]), (&json!(false), &json!(false)));
    assert_eq!(answer["deliveries"][1]["state"], "sent");
}

#[tokio::test]
async fn preferences_are_stored_and_count() {
    let server = TestServer::start().await;
    server.get("/v1/preferences/1").await.problem(404, "not-found");
    let wanted = json!({"channels": {"sms": false}, "interests": {"location": "Seattle"}});
    let stored = server.put("/v1/preferences/1", &wanted).await.ok();
    assert_eq!(stored, json!({"recipient_id": "1", "channels": {"sms": false}, "interests": {"location": "Seattle"}}));
    assert_eq!(server.get("/v1/preferences/1").await.ok(), stored);
    let id = server.post("/v1/notifications", &request()).await.json()["id"].as_str().unwrap().to_owned();
    server.settled(&id).await;
    let notification = server.get(&format!("/v1/notifications/{id}")).await.ok();
    assert_eq!(notification["deliveries"][1]["state"], "suppressed");
    assert_eq!(notification["deliveries"][1]["reason"]["code"], "preference.channel_off");
}

#[tokio::test]
async fn templates_have_versions() {
    let server = TestServer::start().await;
    let first = json!({"sms": {"text": "one {{n}}"}, "variables": {"n": {"type": "number"}}});
    let second = json!({"sms": {"text": "two {{n}}"}, "locales": {"es": {"sms": {"text": "dos {{n}}"}}}});
    assert_eq!(server.put("/v1/templates/t", &first).await.ok()["version"], 1);
    assert_eq!(server.put("/v1/templates/t", &first).await.ok()["version"], 1);
    assert_eq!(server.put("/v1/templates/t", &second).await.ok()["version"], 2);
    assert_eq!(server.get("/v1/templates/t").await.ok()["sms"]["text"], "two {{n}}");
    assert_eq!(server.get("/v1/templates/t/versions/1").await.ok()["variables"]["n"]["required"], true);
    server.get("/v1/templates/t/versions/3").await.problem(404, "not-found");
    server.get("/v1/templates/u").await.problem(404, "not-found");
    let list = server.get("/v1/templates").await.ok();
    assert_eq!((list["items"].as_array().unwrap().len(), &list["items"][0]["version"]), (1, &json!(2)));
}

#[tokio::test]
async fn templates_are_listed_in_pages() {
    let server = TestServer::start().await;
    for name in ["b", "a", "d", "c", "aa"] {
        server.put(&format!("/v1/templates/{name}"), &json!({"sms": {"text": "x"}})).await.ok();
    }
    let (mut names, mut path) = (Vec::new(), "/v1/templates?limit=2".to_owned());
    let mut pages = 0;
    loop {
        let page = server.get(&path).await.ok();
        let items = page["items"].as_array().unwrap();
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/templates?limit=2&cursor={next}");
    }
    assert_eq!((names.join(" ").as_str(), pages), ("a aa b c d", 3));
    let all = server.get("/v1/templates?limit=5").await.ok();
    assert_eq!((all["items"].as_array().unwrap().len(), &all["next"]), (5, &Value::Null));
}

#[tokio::test]
async fn a_wait_ends_before_the_request_would() {
    let settings = ServerSettings { request_timeout: Duration::from_secs(10), ..settings() };
    let server = TestServer::start_with(settings, Router::new()).await;
    let request = json!({
        "recipient": {"id": "1"}, "content": {"sms": {"text": "x"}}, "schedule": {"at": "2026-06-02T12:00:00Z"},
    });
    let id = server.post("/v1/notifications", &request).await.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/notifications/{id}?wait_ms=15000");
    let (answer, ()) = tokio::join!(server.get(&path), async {
        for _ in 0..15 {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            server.clock.advance(jiff::SignedDuration::from_secs(1));
        }
    });
    assert_eq!(answer.ok()["deliveries"][0]["state"], "pending");
}

#[tokio::test]
async fn providers_are_listed_with_their_routes() {
    let server = TestServer::start().await;
    let list = server.get("/v1/providers").await.ok();
    assert_eq!(list["items"][0]["name"], "scripted");
    assert_eq!(list["items"][0]["routed"], json!(["email", "sms", "push", "chat", "webhook"]));
}

#[tokio::test]
async fn a_stopping_server_lives_but_is_not_ready() {
    let server = TestServer::start().await;
    assert_eq!(server.get("/v1/ready").await.ok()["status"], "ready");
    server.app.stop();
    assert_eq!(server.get("/v1/health").await.ok()["status"], "ok");
    let answer = server.get("/v1/ready").await;
    answer.problem(503, "stopping");
    assert!(answer.headers.contains_key("retry-after"));
}
