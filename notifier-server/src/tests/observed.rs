//! What stands around every request: ids, deadlines, the net for panics, headers.

use std::time::Duration;

use axum::routing::get;

use super::*;

#[tokio::test]
async fn an_id_goes_with_every_request() {
    let server = TestServer::start().await;
    let ask = |id: &'static str| {
        server.call(Request::get("/v1/health").header("x-request-id", id).body(Body::empty()).unwrap())
    };
    assert_eq!(ask("trace-1").await.headers["x-request-id"], "trace-1");
    let made: Vec<_> =
        [ask("not plain").await, ask("").await].map(|answer| answer.headers["x-request-id"].clone()).into();
    assert_ne!(made[0], made[1]);
    assert!(made.iter().all(|id| id.to_str().unwrap().len() > 16), "{made:?}");
}

#[tokio::test]
async fn a_panic_is_an_error_of_one_request() {
    async fn defect() {
        panic!("a defect");
    }
    let server = TestServer::start_with(settings(), Router::new().route("/defect", get(defect))).await;
    server.get("/defect").await.problem(500, "internal");
    server.get("/v1/health").await.ok();
}

/// Runs the call and moves the clock to its deadline as soon as it waits for that.
async fn at_the_deadline(server: &TestServer, request: Request<Body>) -> Answer {
    let call = server.call(request);
    let passing = async {
        while server.clock.next_deadline().is_none() {
            tokio::task::yield_now().await;
        }
        while server.clock.advance_to_next_deadline() {
            tokio::task::yield_now().await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        answer = call => answer,
        () = passing => unreachable!("it never ends"),
    }
}

fn elapsed(server: &TestServer) -> Duration {
    server.app.clock.now().duration_since(noon()).try_into().unwrap()
}

#[tokio::test]
async fn an_answer_has_a_deadline() {
    let never = Router::new().route("/never", get(std::future::pending::<()>));
    let server = TestServer::start_with(settings(), never).await;
    let answer = at_the_deadline(&server, Request::get("/never").body(Body::empty()).unwrap()).await;
    answer.problem(503, "unavailable");
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(elapsed(&server), settings().request_timeout);
}

#[tokio::test]
async fn a_body_has_a_deadline() {
    let server = TestServer::start().await;
    let dribble = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = Request::post("/v1/notifications").header("content-type", "application/json");
    let answer = at_the_deadline(&server, request.body(Body::from_stream(dribble)).unwrap()).await;
    answer.problem(408, "request-timeout");
    assert_eq!(answer.headers["connection"], "close");
    assert_eq!(elapsed(&server), settings().body_timeout);
}

#[tokio::test]
async fn answers_are_not_cached_and_not_guessed_at() {
    let server = TestServer::start().await;
    for path in ["/v1/health", "/v1/nothing", "/v1/providers"] {
        let answer = server.get(path).await;
        assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
    }
}
