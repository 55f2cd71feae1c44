//! What a component finds behind WASI: an empty machine, and a network that follows the same rules.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full};
use notifier_plugin_exchanges as file;
use serde_json::json;
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime::component::Component;
use wasmtime_wasi_http::{Error as HttpError, WasiBody, WasiHttpView};

use super::super::call::{CallState, Grants, Purpose, new_store};
use super::super::rehearsal::{self, Asked, StandIn};
use super::vendor::{Answer, Vendor, response};
use super::{config, engine, load};
use crate::adapters::egress::tests::vectors::{GRANTS, HEADERS, INSIDE, URLS, Verdict, spellings};
use crate::adapters::wasm::WasmProvider;

/// Counts what the environment holds: variables, arguments, and directories that are open; whether there is a current
/// directory.
const EMPTY_MACHINE: &str = r#"
(component
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))
    (export "initial-cwd" (func (result (option string))))))
  (import "wasi:filesystem/types@0.2.0" (instance $types (export "descriptor" (type (sub resource)))))
  (alias export $types "descriptor" (type $descriptor))
  (import "wasi:filesystem/preopens@0.2.0" (instance $preopens
    (alias outer 1 $descriptor (type $descriptor-outer))
    (export "descriptor" (type $descriptor-here (eq $descriptor-outer)))
    (export "get-directories" (func (result (list (tuple (own $descriptor-here) string)))))))
  (core module $memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 4096))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $mem))
  (alias core export $memory "realloc" (core func $realloc))
  (core func $variables (canon lower (func $environment "get-environment") (memory $mem) (realloc $realloc)))
  (core func $arguments (canon lower (func $environment "get-arguments") (memory $mem) (realloc $realloc)))
  (core func $directory (canon lower (func $environment "initial-cwd") (memory $mem) (realloc $realloc)))
  (core func $open (canon lower (func $preopens "get-directories") (memory $mem) (realloc $realloc)))
  (core module $main
    (import "host" "memory" (memory 1))
    (import "host" "variables" (func $variables (param i32)))
    (import "host" "arguments" (func $arguments (param i32)))
    (import "host" "directory" (func $directory (param i32)))
    (import "host" "open" (func $open (param i32)))
    (func (export "count") (result i32)
      (call $variables (i32.const 0))
      (call $arguments (i32.const 16))
      (call $directory (i32.const 32))
      (call $open (i32.const 48))
      (i32.add
        (i32.add (i32.load offset=4 (i32.const 0)) (i32.load offset=4 (i32.const 16)))
        (i32.add (i32.load8_u (i32.const 32)) (i32.load offset=4 (i32.const 48))))))
  (core instance $main (instantiate $main (with "host" (instance
    (export "memory" (memory $mem))
    (export "variables" (func $variables))
    (export "arguments" (func $arguments))
    (export "directory" (func $directory))
    (export "open" (func $open))))))
  (func (export "count") (result u32) (canon lift (core func $main "count"))))
"#;

fn provider(hosts: Vec<String>) -> WasmProvider {
    let mut config = config("wasi", notifier_plugins::HOSTILE.component, json!({}));
    config.hosts = Some(hosts);
    config.limits.requests_max = 2;
    load(config)
}

fn store(provider: &WasmProvider, timeout: Duration) -> Store<CallState> {
    new_store(engine(), &provider.grants, Purpose::Send { deadline: Instant::now() + timeout, timeout })
}

#[tokio::test]
async fn the_machine_is_empty() {
    let component = Component::new(engine().raw(), wat::parse_str(EMPTY_MACHINE).unwrap()).unwrap();
    let provider = provider(Vec::new());
    let mut store = store(&provider, Duration::from_secs(10));
    let instance = engine().linker.instantiate_async(&mut store, &component).await.unwrap();
    let count = instance.get_typed_func::<(), (u32,)>(&mut store, "count").unwrap();
    assert_eq!(count.call_async(&mut store, ()).await.unwrap(), (0,));
}

fn request(url: &str, body: Vec<u8>) -> Request<WasiBody> {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
    Request::post(url).header("content-length", "5").body(body).unwrap()
}

async fn send(store: &mut Store<CallState>, request: Request<WasiBody>) -> Result<(u16, Bytes), HttpError> {
    let sending = store.data_mut().http().hooks.send_request(request, None, Box::new(async { Ok(()) }));
    let (response, _) = Box::into_pin(sending).await?;
    let status = response.status().as_u16();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}

#[tokio::test]
async fn plain_requests_follow_the_same_rules() {
    let vendor = Vendor::start(|_| response("200 OK", "", "hello")).await;
    let provider = provider(vec![vendor.host()]);
    let mut store = store(&provider, Duration::from_secs(10));

    let answer = send(&mut store, request(&vendor.url("/path"), b"12345".to_vec())).await.unwrap();
    assert_eq!(answer, (200, Bytes::from_static(b"hello")));
    let [arrived] = vendor.arrived().try_into().unwrap();
    assert!(arrived.head.starts_with("POST /path HTTP/1.1"), "{}", arrived.head);
    assert_eq!((arrived.header("content-length"), arrived.body.as_slice()), (Some("5"), b"12345".as_slice()));

    let denied = send(&mut store, request("https://example.org/", Vec::new())).await;
    assert!(matches!(denied, Err(HttpError::HttpRequestDenied)), "{denied:?}");
    // Both counted.
    let counted = send(&mut store, request(&vendor.url("/"), Vec::new())).await;
    assert!(matches!(counted, Err(HttpError::HttpRequestDenied)), "{counted:?}");
    let large = send(&mut store, request(&vendor.url("/"), vec![0; 8 * 1024 * 1024 + 1])).await;
    assert!(matches!(large, Err(HttpError::HttpRequestBodySize(_))), "{large:?}");
    assert_eq!(vendor.arrived().len(), 1);
    let outgoing = &store.data().outgoing;
    assert!(outgoing.may_have_been_processed() && !outgoing.was_interrupted());
}

/// Where the call is a rehearsal, they are answered by the stand-in, and nobody is called.
#[tokio::test]
async fn plain_requests_are_rehearsed_as_well() {
    struct Teapot;

    impl StandIn for Teapot {
        fn answer(&self, asked: &Asked) -> rehearsal::Answer {
            let seen = (asked.method.as_str(), asked.url.as_str(), asked.body.as_slice(), asked.auth.as_ref());
            assert_eq!(seen, ("POST", "https://api.acme.example/path", b"12345".as_slice(), None));
            let reply = file::Response { status: 418, headers: Default::default(), body: None };
            rehearsal::Answer::Reply(file::Reply::Response(reply))
        }
    }

    let provider = provider(Vec::new());
    let stage = rehearsal::Stage::new(Arc::new(Teapot), Default::default());
    let grants = Arc::new(Grants { stage: Some(Arc::new(stage)), ..Grants::clone(&provider.grants) });
    let timeout = Duration::from_secs(10);
    let purpose = Purpose::Send { deadline: Instant::now() + timeout, timeout };
    let mut store = new_store(engine(), &grants, purpose);
    let answer = send(&mut store, request("https://api.acme.example/path", b"12345".to_vec())).await.unwrap();
    assert_eq!(answer, (418, Bytes::new()));
}

/// The attacks on the policy, through the door that every language's HTTP library uses.
#[tokio::test]
async fn of_all_attacks_none_escapes_through_wasi() {
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;
    let mut config = config("wasi", notifier_plugins::HOSTILE.component, json!({}));
    config.hosts = Some(GRANTS.iter().map(|host| (*host).to_owned()).chain([vendor.host()]).collect());
    config.limits.requests_max = u32::MAX;
    let provider = load(config);
    let mut store = store(&provider, Duration::from_secs(600));
    let odd = URLS.iter().filter(|(_, verdict)| *verdict != Verdict::Passes).map(|(url, _)| (*url).to_owned());
    let spelled = INSIDE.into_iter().flat_map(spellings).map(|host| format!("https://{host}/"));
    let (mut tried, mut escaped) = (0, Vec::new());
    for url in odd.chain(spelled) {
        tried += 1;
        let Ok(uri) = url.parse::<Uri>() else { continue };
        let mut attack = request(&vendor.url("/"), Vec::new());
        *attack.uri_mut() = uri;
        // Anything else would mean that somebody was looked up or called.
        match send(&mut store, attack).await {
            Err(HttpError::HttpRequestDenied | HttpError::InternalError(_)) => {}
            other => escaped.push(format!("{url}: {other:?}")),
        }
    }
    // A length is the client's to tell, whatever it is said to be here.
    for (name, value) in HEADERS.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length")) {
        tried += 1;
        let Some((name, value)) = HeaderName::try_from(*name).ok().zip(HeaderValue::try_from(*value).ok()) else {
            continue;
        };
        let mut attack = request(&vendor.url("/"), Vec::new());
        attack.headers_mut().insert(name.clone(), value);
        if send(&mut store, attack).await.is_ok() {
            escaped.push(name.to_string());
        }
    }
    eprintln!("{tried} egress vectors through wasi:http, {} escaped", escaped.len());
    assert!(escaped.is_empty() && vendor.arrived().is_empty(), "{}", escaped.join("\n"));
    assert!(tried >= 500, "{tried} vectors");
}

/// A request that the component gives up on may still have been processed.
#[tokio::test]
async fn an_abandoned_request_is_remembered() {
    let vendor = Vendor::start(|_| Answer::Silence).await;
    let provider = provider(vec![vendor.host()]);
    let mut store = store(&provider, Duration::from_secs(10));
    let outgoing = Arc::clone(&store.data().outgoing);
    assert!(!outgoing.may_have_been_processed());
    let sending = send(&mut store, request(&vendor.url("/"), b"12345".to_vec()));
    let abandoned = tokio::time::timeout(Duration::from_millis(300), sending).await;
    assert!(abandoned.is_err());
    assert!(outgoing.may_have_been_processed() && outgoing.was_interrupted());
}
