//! A REST service that answers `GET /{collection}/{id}` with a record: what the user database and the property
//! service have in common.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
    routing::any,
};
use bytes::Bytes;
use http::{
    Method, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
};
use serde_json::json;

use super::{
    Faults, Inbox, Service,
    body::{self, BodyError},
    counters::Event,
    listener,
};

/// A body is never needed here; a small one is tolerated.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// What such a service is made of.
pub(super) struct LookupService {
    pub(super) service: Service,
    /// What an unknown id is called in the answer, as `User not found`.
    pub(super) not_found: &'static str,
    pub(super) api_key: String,
    /// The answers by id, rendered once.
    pub(super) records: HashMap<String, Bytes>,
    pub(super) faults: Faults,
    pub(super) inbox: Inbox,
}

impl LookupService {
    /// Routes of the service, with records under `collection`, as `/users`.
    pub(super) fn router(self, collection: &str) -> Router {
        let record = format!("{collection}/{{id}}");
        Router::new().route(&record, any(find)).fallback(unknown_path).with_state(Arc::new(self))
    }

    fn refused(&self, status: StatusCode, detail: &str) -> Response {
        self.inbox.count(self.service, Event::Refused);
        detailed(status, detail)
    }
}

async fn find(State(service): State<Arc<LookupService>>, Path(id): Path<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match body::read(body, BODY_BYTES_MAX).await {
        Ok(_) => {}
        Err(BodyError::Broken) => return listener::no_answer(),
        Err(BodyError::TooLarge) => return service.refused(StatusCode::PAYLOAD_TOO_LARGE, "Body too large"),
    }
    if service.faults.admit(service.service).await.is_some() {
        return detailed(StatusCode::SERVICE_UNAVAILABLE, "Service unavailable");
    }
    if parts.headers.get("x-api-key").is_none_or(|key| key.as_bytes() != service.api_key.as_bytes()) {
        return service.refused(StatusCode::UNAUTHORIZED, "Invalid or missing API key");
    }
    if parts.method != Method::GET {
        let answer = service.refused(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
        return ([(ALLOW, "GET")], answer).into_response();
    }
    match service.records.get(&id) {
        Some(record) => {
            service.inbox.count(service.service, Event::Accepted);
            ([(CONTENT_TYPE, "application/json")], Body::from(record.clone())).into_response()
        }
        None => service.refused(StatusCode::NOT_FOUND, service.not_found),
    }
}

async fn unknown_path(State(service): State<Arc<LookupService>>) -> Response {
    service.refused(StatusCode::NOT_FOUND, "Not found")
}

fn detailed(status: StatusCode, detail: &str) -> Response {
    let body = json!({ "detail": detail }).to_string();
    (status, [(CONTENT_TYPE, "application/json")], Body::from(body)).into_response()
}
