//! The user database and the property service.

use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::super::{Property, Service, User, seed_preferences, seed_properties, seed_template, seed_users};
use super::fixture::{Answer, Fixture, exchange, options};

async fn look_up(fixture: &Fixture, service: Service, method: Method, path: &str, key: Option<&str>) -> Answer {
    let mut request = Request::builder().method(method).uri(format!("{}{path}", fixture.sandbox.url(service)));
    if let Some(key) = key {
        request = request.header("X-API-Key", key);
    }
    exchange(request.body(Default::default()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn answers_follow_key_method_and_id() {
    let fixture = Fixture::start().await;
    let credentials = fixture.sandbox.credentials();
    let (users, properties) = (credentials.directory_api_key.as_str(), credentials.catalog_api_key.as_str());
    let ana = json!({ "id": "1", "email": "ana@example.com", "phone_number": "+14155550101" });
    let miami =
        json!({ "id": "3", "address": "45 Coral Way, Miami, FL 33129", "property_type": "house", "price": 3200 });
    let cases = [
        (Service::Directory, Method::GET, "/users/1", Some(users), 200, ana),
        (Service::Directory, Method::GET, "/users/5", Some(users), 404, json!({ "detail": "User not found" })),
        (Service::Directory, Method::GET, "/users/1", None, 401, json!({ "detail": "Invalid or missing API key" })),
        (
            Service::Directory,
            Method::GET,
            "/users/5",
            Some("x"),
            401,
            json!({ "detail": "Invalid or missing API key" }),
        ),
        (Service::Directory, Method::POST, "/users/1", Some(users), 405, json!({ "detail": "Method not allowed" })),
        (Service::Directory, Method::GET, "/users", Some(users), 404, json!({ "detail": "Not found" })),
        (Service::Directory, Method::GET, "/properties/1", Some(users), 404, json!({ "detail": "Not found" })),
        (Service::Catalog, Method::GET, "/properties/3", Some(properties), 200, miami),
        (
            Service::Catalog,
            Method::GET,
            "/properties/9",
            Some(properties),
            404,
            json!({ "detail": "Property not found" }),
        ),
        (
            Service::Catalog,
            Method::GET,
            "/properties/3",
            Some(users),
            401,
            json!({ "detail": "Invalid or missing API key" }),
        ),
    ];
    for (service, method, path, key, status, body) in cases {
        let answer = look_up(&fixture, service, method, path, key).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (status, body), "{path} {key:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    assert_eq!((fixture.counters(Service::Directory).accepted, fixture.counters(Service::Directory).refused), (1, 6));
    assert_eq!((fixture.counters(Service::Catalog).accepted, fixture.counters(Service::Catalog).refused), (1, 2));
}

#[tokio::test]
async fn other_records_can_be_given() {
    let mut options = options();
    options.users =
        vec![User { id: "a/b".to_owned(), email: "x@example.com".to_owned(), phone_number: "+1".to_owned() }];
    options.properties = Vec::<Property>::new();
    let fixture = Fixture::with(options).await;
    let key = fixture.sandbox.credentials().directory_api_key.as_str();
    let answer = look_up(&fixture, Service::Directory, Method::GET, "/users/a%2Fb", Some(key)).await;
    assert_eq!(answer.json()["email"], "x@example.com");
}

#[tokio::test]
async fn lookups_fail_on_demand() {
    let fixture = Fixture::start().await;
    let credentials = fixture.sandbox.credentials();
    for (service, path, key) in [
        (Service::Directory, "/users/1", &credentials.directory_api_key),
        (Service::Catalog, "/properties/1", &credentials.catalog_api_key),
    ] {
        fixture.set_fault(service, &json!({ "fault": "unavailable", "times": 1 })).await;
        let answer = look_up(&fixture, service, Method::GET, path, Some(key)).await;
        assert_eq!(
            (answer.status, answer.json()),
            (StatusCode::SERVICE_UNAVAILABLE, json!({ "detail": "Service unavailable" }))
        );
        assert_eq!(look_up(&fixture, service, Method::GET, path, Some(key)).await.status, StatusCode::OK);

        fixture.set_fault(service, &json!({ "fault": "hang" })).await;
        let mut hanging = Box::pin(look_up(&fixture, service, Method::GET, path, Some(key)));
        let mut changes = fixture.sandbox.inbox().changes();
        while fixture.counters(service).faulted < 2 {
            tokio::select! {
                answer = &mut hanging => panic!("{answer:?}"),
                changed = changes.changed() => changed.unwrap(),
            }
        }
        fixture.sandbox.faults().clear_all();
        assert_eq!(hanging.await.status, StatusCode::OK);
    }
}

#[test]
fn the_seeds_are_the_four_users() {
    let users = seed_users();
    let wanted: Vec<_> = seed_preferences()
        .iter()
        .map(|preference| (preference.user_id, preference.email_enabled, preference.sms_enabled))
        .collect();
    assert_eq!(wanted, [("1", true, true), ("2", true, false), ("3", false, true), ("4", false, false)]);
    assert_eq!(users.iter().map(|user| user.id.as_str()).collect::<Vec<_>>(), ["1", "2", "3", "4"]);
    assert_eq!(seed_properties().len(), 4);
    let template = seed_template();
    for content in [template.email_text, template.email_html, template.sms_text] {
        for variable in ["{{subject.address}}", "{{amount}}", "{{due_date}}"] {
            assert!(content.contains(variable), "{variable} in {content}");
        }
    }
    assert_ne!(json!(users), Value::Null);
}
