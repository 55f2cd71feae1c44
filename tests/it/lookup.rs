//! The user database and the catalog over HTTP: what is an answer, what is an outage, and for how long an answer is kept.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use notifier_core::testing::ManualClock;
use notifier_core::{
    Catalog, Channel, Directory, HttpCatalog, HttpDirectory, HttpLookup, RecipientId, SecretString, SubjectId, TenantId,
};

/// The path of a request, and its API key.
type Asked = (String, Option<String>);

/// A service that gives one answer to everything, and remembers what it was asked.
struct Service {
    origin: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<Mutex<(u16, String)>>,
}

impl Service {
    async fn answering(status: u16, body: &str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let service = Self { origin, asked: Arc::default(), answer: Arc::new(Mutex::new((status, body.into()))) };
        let (asked, answer) = (Arc::clone(&service.asked), Arc::clone(&service.answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                let serve = service_fn(move |request: Request<Incoming>| {
                    let key = request.headers().get("x-api-key").map(|key| key.to_str().unwrap().to_owned());
                    asked.lock().unwrap().push((request.uri().path().to_owned(), key));
                    let (status, body) = answer.lock().unwrap().clone();
                    async move {
                        if status == 0 {
                            std::future::pending::<()>().await;
                        }
                        let body = Full::new(Bytes::from(body));
                        Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap())
                    }
                });
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve));
            }
        });
        service
    }

    fn lookup(&self, clock: &Arc<ManualClock>) -> HttpLookup {
        HttpLookup {
            base_url: format!("{}/api", self.origin),
            path: "/users/{id}".into(),
            api_key_header: Some(("X-API-Key".into(), SecretString::from("k3y".to_owned()))),
            timeout: Duration::from_millis(200),
            cache_ttl: Duration::from_secs(10),
            cache_bytes_max: 64 * 1024,
            fields: BTreeMap::new(),
            clock: Arc::clone(clock) as _,
        }
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()))
}

fn one() -> RecipientId {
    RecipientId::new("1").unwrap()
}

const ADA: &str = r#"{"id": 1, "email": "ada@example.com", "phone_number": "+14155550101", "first_name": "Ada"}"#;

#[tokio::test]
async fn an_answer_becomes_a_recipient() {
    let service = Service::answering(200, ADA).await;
    let directory = HttpDirectory::new(service.lookup(&clock())).unwrap();
    let id = RecipientId::new("a/b c?é").unwrap();
    let found = directory.recipient(&TenantId::unnamed(), &id).await.unwrap().unwrap();
    assert_eq!(found.address(Channel::Email), Some("ada@example.com"));
    assert_eq!(found.address(Channel::Sms), Some("+14155550101"));
    assert_eq!(found.attributes["first_name"], "Ada");
    let asked = service.asked.lock().unwrap().clone();
    assert_eq!(asked, [("/api/users/a%2Fb%20c%3F%C3%A9".to_owned(), Some("k3y".to_owned()))]);
}

#[tokio::test]
async fn an_answer_may_know_every_address() {
    let body = r#"{"email": "", "phone_number": "12", "push_token": "t-1", "chat_id": "C1", "webhook_url": "http://x.example.com/"}"#;
    let service = Service::answering(200, body).await;
    let mut lookup = service.lookup(&clock());
    let found =
        HttpDirectory::new(lookup.clone()).unwrap().recipient(&TenantId::unnamed(), &one()).await.unwrap().unwrap();
    let addresses = Channel::ALL.map(|channel| found.address(channel));
    assert_eq!(addresses, [None, None, Some("t-1"), Some("C1"), None]);
    assert_eq!(found.unusable.keys().copied().collect::<Vec<_>>(), [Channel::Sms, Channel::Webhook]);
    for (field, pointer) in [("push_token", "/chat_id"), ("chat_id", "/push_token"), ("webhook_url", "/nowhere")] {
        lookup.fields.insert(field.into(), pointer.into());
    }
    let found = HttpDirectory::new(lookup).unwrap().recipient(&TenantId::unnamed(), &one()).await.unwrap().unwrap();
    assert_eq!(Channel::ALL.map(|channel| found.address(channel)), [None, None, Some("C1"), Some("t-1"), None]);
    assert_eq!(found.unusable.keys().copied().collect::<Vec<_>>(), [Channel::Sms]);
}

#[tokio::test]
async fn fields_stand_where_the_configuration_says() {
    let service = Service::answering(
        200,
        r#"{"data": {"mail": "a@example.com", "lang": "es", "tz": "Europe/Madrid", "x": {"y": 1}}}"#,
    )
    .await;
    let mut lookup = service.lookup(&clock());
    for (field, pointer) in
        [("email", "/data/mail"), ("locale", "/data/lang"), ("time_zone", "/data/tz"), ("attributes", "/data/x")]
    {
        lookup.fields.insert(field.into(), pointer.into());
    }
    let found = HttpDirectory::new(lookup).unwrap().recipient(&TenantId::unnamed(), &one()).await.unwrap().unwrap();
    assert_eq!(found.address(Channel::Email), Some("a@example.com"));
    assert_eq!(found.locale.unwrap().as_str(), "es");
    assert_eq!(found.time_zone.unwrap().as_str(), "Europe/Madrid");
    assert_eq!(found.attributes["y"], 1);
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_kept_apart_and_told() {
    let service = Service::answering(200, r#"{"email": "not an address", "phone_number": null}"#).await;
    let directory = HttpDirectory::new(service.lookup(&clock())).unwrap();
    let found = directory.recipient(&TenantId::unnamed(), &one()).await.unwrap().unwrap();
    assert!(found.email.is_none() && found.unusable.contains_key(&Channel::Email));
    assert!(found.phone.is_none() && !found.unusable.contains_key(&Channel::Sms));
}

#[tokio::test]
async fn only_a_404_means_unknown() {
    for (status, body, is_unknown) in [
        (404, "{}", true),
        (200, "no json", false),
        (200, "[]", false),
        (401, "{}", false),
        (301, "{}", false),
        (429, "{}", false),
        (500, "{}", false),
        (0, "never", false),
    ] {
        let service = Service::answering(status, body).await;
        // A look-up has a real connection: its timeout runs on the system's clock.
        let mut lookup = service.lookup(&clock());
        lookup.clock = Arc::new(notifier_core::SystemClock);
        let directory = HttpDirectory::new(lookup).unwrap();
        let answer = directory.recipient(&TenantId::unnamed(), &one()).await;
        assert_eq!(matches!(answer, Ok(None)), is_unknown, "{status} {body}: {answer:?}");
        assert_eq!(answer.is_err(), !is_unknown, "{status} {body}: {answer:?}");
    }
}

#[tokio::test]
async fn nobody_listening_is_an_outage() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let service = Service::answering(200, ADA).await;
    let lookup = HttpLookup { base_url: origin, ..service.lookup(&clock()) };
    let answer = HttpDirectory::new(lookup).unwrap().recipient(&TenantId::unnamed(), &one()).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn answers_are_kept_for_a_while_and_outages_are_not() {
    let clock = clock();
    let service = Service::answering(500, "{}").await;
    let directory = HttpDirectory::new(service.lookup(&clock)).unwrap();
    let tenant = TenantId::unnamed();
    assert!(directory.recipient(&tenant, &one()).await.is_err());
    *service.answer.lock().unwrap() = (200, ADA.into());
    for _ in 0..3 {
        assert!(directory.recipient(&tenant, &one()).await.unwrap().is_some());
    }
    assert_eq!(service.asked(), 2, "one outage, one answer, two from the cache");
    clock.advance(jiff::SignedDuration::from_secs(10));
    assert!(directory.recipient(&tenant, &one()).await.unwrap().is_some());
    assert_eq!(service.asked(), 3);
    directory.recipient(&tenant, &RecipientId::new("2").unwrap()).await.unwrap();
    directory.recipient(&TenantId::new("other").unwrap(), &one()).await.unwrap();
    assert_eq!(service.asked(), 5, "another person and another tenant are other answers");
}

/// Somebody signs up and is welcomed: the first look-up came too early, the next one counts.
#[tokio::test]
async fn that_nobody_is_known_is_not_kept() {
    let service = Service::answering(404, "{}").await;
    let directory = HttpDirectory::new(service.lookup(&clock())).unwrap();
    let tenant = TenantId::unnamed();
    assert!(directory.recipient(&tenant, &one()).await.unwrap().is_none());
    *service.answer.lock().unwrap() = (200, ADA.into());
    assert!(directory.recipient(&tenant, &one()).await.unwrap().is_some());
}

#[tokio::test]
async fn who_asks_the_same_at_the_same_time_shares_the_answer() {
    let service = Service::answering(200, ADA).await;
    let directory = HttpDirectory::new(service.lookup(&clock())).unwrap();
    let (tenant, id) = (TenantId::unnamed(), one());
    let ask_all = || futures_util::future::join_all((0..50).map(|_| directory.recipient(&tenant, &id)));
    assert!(ask_all().await.iter().all(|found| matches!(found, Ok(Some(_)))));
    assert_eq!(service.asked(), 1);

    // An outage is shared by those who waited for it, and by nobody else.
    let service = Service::answering(500, "{}").await;
    let directory = HttpDirectory::new(service.lookup(&clock())).unwrap();
    let ask_all = || futures_util::future::join_all((0..50).map(|_| directory.recipient(&tenant, &id)));
    assert!(ask_all().await.iter().all(Result::is_err));
    assert_eq!(service.asked(), 1);
    *service.answer.lock().unwrap() = (200, ADA.into());
    assert!(ask_all().await.iter().all(|found| matches!(found, Ok(Some(_)))));
    assert_eq!(service.asked(), 2);
}

#[tokio::test]
async fn answers_that_are_kept_have_a_size() {
    let service =
        Service::answering(200, &format!(r#"{{"email": "ada@example.com", "notes": "{}"}}"#, "x".repeat(4_000))).await;
    let directory = HttpDirectory::new(service.lookup(&clock())).unwrap();
    for _ in 0..2 {
        for number in 0..400 {
            let id = RecipientId::new(number.to_string()).unwrap();
            directory.recipient(&TenantId::unnamed(), &id).await.unwrap();
        }
    }
    assert!(service.asked() > 600, "{}: 64 KiB hold a few of 400 answers of 4 KB", service.asked());
}

#[tokio::test]
async fn a_catalog_gives_fields() {
    let service = Service::answering(200, r#"{"id": 1, "address": "1 Main St", "price": 1200.5}"#).await;
    let lookup = HttpLookup { path: "/properties/{id}".into(), ..service.lookup(&clock()) };
    let catalog = HttpCatalog::new(lookup).unwrap();
    let found = catalog.subject(&TenantId::unnamed(), &SubjectId::new("1").unwrap()).await.unwrap().unwrap();
    assert_eq!((&found.fields["address"], &found.fields["price"]), (&"1 Main St".into(), &1200.5.into()));
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused() {
    let service = Service::answering(200, ADA).await;
    type Spoil = fn(&mut HttpLookup);
    let spoilt: [(&str, Spoil); 7] = [
        ("base_url", |l| l.base_url = "nowhere".into()),
        ("base_url", |l| l.base_url = "ftp://example.com".into()),
        ("base_url", |l| l.base_url = "https://example.com/?a=b".into()),
        ("path", |l| l.path = "/users".into()),
        ("api_key_header", |l| l.api_key_header = Some(("X Key".into(), SecretString::from("k".to_owned())))),
        ("fields.mail", |l| drop(l.fields.insert("mail".into(), "/mail".into()))),
        ("fields.email", |l| drop(l.fields.insert("email".into(), "mail".into()))),
    ];
    for (setting, spoil) in spoilt {
        let mut lookup = service.lookup(&clock());
        spoil(&mut lookup);
        let error = HttpDirectory::new(lookup).err().map(|error| error.setting);
        assert_eq!(error.as_deref(), Some(setting));
    }
}
