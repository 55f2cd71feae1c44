//! Whether a request is the one that a file asks for.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Auth, Body, Request};

/// A request as the plugin gave it to its host, before anything was filled in.
#[derive(Debug, Clone)]
pub struct SeenRequest<'a> {
    /// As `POST`.
    pub method: &'a str,
    /// As given.
    pub url: &'a str,
    /// As given.
    pub headers: &'a [(String, String)],
    /// How it is to be authenticated.
    pub auth: Option<Auth>,
    /// As given.
    pub body: &'a [u8],
}

/// In what it differs from the one that is wanted, a line each; none where it is that one.
#[must_use]
pub fn differences(wanted: &Request, seen: &SeenRequest<'_>) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |what: &str, wanted: &dyn std::fmt::Display, seen: &dyn std::fmt::Display| {
        let (wanted, seen) = (wanted.to_string(), seen.to_string());
        if wanted != seen {
            differences.push(format!("{what}: want {wanted}, got {seen}"));
        }
    };
    compare("method", &wanted.method, &seen.method);
    compare("url", &wanted.url, &seen.url);
    compare("headers", &headers_in_order(wanted.headers.iter()), &headers_in_order(pairs(seen.headers)));
    compare("auth", &format!("{:?}", wanted.auth), &format!("{:?}", seen.auth));
    let (wanted_body, seen_body) = bodies(wanted.body.as_ref(), seen.body);
    compare("body", &wanted_body, &seen_body);
    differences
}

fn pairs(headers: &[(String, String)]) -> impl Iterator<Item = (&String, &String)> {
    headers.iter().map(|(name, value)| (name, value))
}

fn headers_in_order<'a>(headers: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let mut by_name = BTreeMap::<String, Vec<&str>>::new();
    for (name, value) in headers {
        by_name.entry(name.to_ascii_lowercase()).or_default().push(value);
    }
    format!("{by_name:?}")
}

/// Both bodies as texts that are equal when the bodies mean the same.
fn bodies(wanted: Option<&Body>, seen: &[u8]) -> (String, String) {
    let lossy = || String::from_utf8_lossy(seen).into_owned();
    match wanted {
        None => (String::new(), lossy()),
        Some(Body::Json(json)) => {
            let seen = serde_json::from_slice::<Value>(seen).map_or_else(|_| lossy(), |json| json.to_string());
            (json.to_string(), seen)
        }
        Some(Body::Form(pairs)) => {
            let seen: Vec<(String, String)> = form_urlencoded::parse(seen).into_owned().collect();
            (format!("{pairs:?}"), format!("{seen:?}"))
        }
        Some(Body::Text(text)) => (text.clone(), lossy()),
        Some(body @ Body::Base64(_)) => {
            let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            (body.bytes().map_or_else(|| "bytes in base64 that cannot be read".into(), |bytes| hex(&bytes)), hex(seen))
        }
    }
}
