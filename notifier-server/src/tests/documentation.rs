//! The description of the API is complete, and works without the network.

use std::collections::BTreeSet;

use super::*;

async fn document() -> Value {
    TestServer::start().await.get("/openapi.json").await.ok()
}

/// What the routes' sources say, as `GET /v1/x`: an independent list, so that one that is not documented shows.
const ROUTES: [&str; 44] = [
    "DELETE /v1/suppressions/{channel}/{address}",
    "GET /health",
    "GET /metrics",
    "GET /notifications/{id}",
    "GET /preferences/{user_id}",
    "GET /problems/{name}",
    "GET /v1/dead-letters",
    "GET /v1/health",
    "GET /v1/notifications",
    "GET /v1/notifications/{id}",
    "GET /v1/notifications/{id}/explain",
    "GET /v1/notifications/{id}/timeline",
    "GET /v1/preferences/{recipient_id}",
    "GET /v1/providers",
    "GET /v1/ready",
    "GET /v1/replays",
    "GET /v1/replays/{number}",
    "GET /v1/routes",
    "GET /v1/stats",
    "GET /v1/suppressions",
    "GET /v1/suppressions/{channel}/{address}",
    "GET /v1/templates",
    "GET /v1/templates/{name}",
    "GET /v1/templates/{name}/versions/{version}",
    "POST /notifications/schedule",
    "POST /preferences/{user_id}",
    "POST /v1/dead-letters/{delivery_id}/replay",
    "POST /v1/explain",
    "POST /v1/notifications",
    "POST /v1/notifications/batch",
    "POST /v1/notifications/cancel",
    "POST /v1/notifications/replace",
    "POST /v1/notifications/reschedule",
    "POST /v1/notifications/{id}/acknowledge",
    "POST /v1/notifications/{id}/cancel",
    "POST /v1/notifications/{id}/replace",
    "POST /v1/notifications/{id}/reschedule",
    "POST /v1/receipts/{provider}",
    "POST /v1/replays",
    "PUT /preferences/{user_id}",
    "PUT /v1/preferences/{recipient_id}",
    "PUT /v1/providers/{name}/breaker",
    "PUT /v1/suppressions/{channel}/{address}",
    "PUT /v1/templates/{name}",
];

#[tokio::test]
async fn every_route_is_documented_and_every_documented_route_is_served() {
    let document = document().await;
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            documented.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let expected: BTreeSet<String> = ROUTES.iter().map(|route| (*route).to_owned()).collect();
    assert_eq!(documented, expected);

    let server = TestServer::start().await;
    for route in documented {
        let (method, path) = route.split_once(' ').unwrap();
        let path = path.replace(['{', '}'], "");
        let answer = server.send(method.parse().unwrap(), &path, &json!({})).await;
        assert_ne!(answer.status, 405, "{route}");
        let nothing_there = answer.status == 404
            && answer.json()["detail"].as_str().is_some_and(|detail| detail.starts_with("there is nothing at"));
        assert!(!nothing_there, "{route}");
    }
}

#[tokio::test]
async fn every_operation_has_a_name_a_summary_a_tag_and_problems() {
    let document = document().await;
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(names.insert(operation["operationId"].as_str().unwrap().to_owned()), "{place}");
            assert!(operation["summary"].is_string(), "{place}");
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{place}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.contains_key("default"), "{place}");
            for (status, response) in responses {
                let is_problem = response["content"]["application/problem+json"].is_object();
                assert_eq!(is_problem, !status.starts_with('2'), "{place} {status}");
            }
        }
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let document = document().await;
    let mut open = vec![&document];
    let mut seen = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::Object(entries) => {
                if let Some(Value::String(reference)) = entries.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                    seen += 1;
                }
                open.extend(entries.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(seen > 20, "{seen}");
    assert_eq!(document["openapi"], "3.1.0");
}

#[tokio::test]
async fn every_schema_and_field_is_described() {
    let document = document().await;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string() || schema.get("oneOf").is_some(), "{name}");
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let described =
                [property, &property["oneOf"][0], &property["oneOf"][1]].iter().any(|p| p["description"].is_string());
            assert!(described || property.get("$ref").is_some(), "{name}.{field}: {property}");
        }
    }
}

#[tokio::test]
async fn swagger_ui_comes_from_the_binary() {
    let server = TestServer::start().await;
    let page = server.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    let text = String::from_utf8(page.body).unwrap();
    assert!(!text.contains("http://") && !text.contains("https://"), "{text}");
    for asset in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        assert!(text.contains(asset), "{asset}");
        assert_eq!(server.get(&format!("/docs/{asset}")).await.status, 200, "{asset}");
    }
    let initializer = server.get("/docs/swagger-initializer.js").await.body;
    assert!(String::from_utf8(initializer).unwrap().contains("/openapi.json"));
}

#[tokio::test]
async fn problems_explain_themselves() {
    let server = TestServer::start().await;
    for kind in crate::problem::ProblemKind::ALL {
        let page = server.get(&format!("/problems/{}", kind.name())).await;
        assert_eq!(page.status, 200);
        assert!(String::from_utf8(page.body).unwrap().contains(kind.explanation()));
    }
    server.get("/problems/none").await.problem(404, "not-found");
}
