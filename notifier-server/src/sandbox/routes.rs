//! The routes under `/sandbox` that the server mounts: what arrived, live and as JSON, the faults, and what is reported.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use axum::{
    Router,
    body::Body,
    extract::{Path, RawQuery, Request, State},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use serde::Serialize;

use super::{
    Channel, Counters, Fate, Filter, Service,
    body::{self, BodyError},
    fault_request, form,
    live::{self, Source, Start},
    page,
    problem::Problem,
    receipts,
    wire::{self, MessageView},
};

const FAULT_BYTES_MAX: usize = 16 * 1024;

/// The most messages in one answer.
const LIMIT_MAX: usize = 10_000;

/// The most messages that a live stream starts with.
const REPLAY_MAX: usize = 10_000;

/// All routes.
pub(super) fn router(source: Source) -> Router {
    Router::new()
        .route("/sandbox", get(page::html))
        .route("/sandbox/page.css", get(page::stylesheet))
        .route("/sandbox/page.js", get(page::script))
        .route("/sandbox/messages", get(list_messages).delete(clear_messages))
        .route("/sandbox/messages/{seq}", get(show_message))
        .route("/sandbox/events", get(events))
        .route("/sandbox/faults", get(list_faults).delete(clear_faults))
        .route("/sandbox/faults/{service}", get(show_fault).put(set_fault).delete(clear_fault))
        .route("/sandbox/receipts", get(list_fates))
        .route("/sandbox/receipts/{service}", get(show_fate).put(choose_fate).delete(reset_fate))
        .with_state(source)
}

async fn list_messages(State(source): State<Source>, RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let filter = parse_filter(&query.unwrap_or_default())?;
    let messages = source.inbox.select(&filter);
    let views: Vec<_> = messages.iter().map(|message| MessageView::brief(message)).collect();
    let next_after = messages.last().map_or_else(|| source.inbox.seq_last(), |message| message.seq);
    json(&MessageList { messages: views, next_after, counters: wire::counters(&source.inbox) })
}

#[derive(Serialize)]
struct MessageList<'a> {
    messages: Vec<MessageView<'a>>,
    /// To be given as `after` for what arrives later.
    next_after: u64,
    counters: BTreeMap<&'static str, Counters>,
}

async fn show_message(State(source): State<Source>, Path(seq): Path<String>) -> Result<Response, Problem> {
    let seq = seq.parse().map_err(|_| Problem::field("seq", "must be a sequence number, as 17"))?;
    let message = source.inbox.message(seq);
    let message = message.ok_or_else(|| Problem::not_found(format!("no message {seq} is retained")))?;
    json(&MessageView::full(&message))
}

async fn clear_messages(State(source): State<Source>) -> StatusCode {
    source.inbox.clear();
    StatusCode::NO_CONTENT
}

async fn events(
    State(source): State<Source>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut start = Start::Newest(0);
    for (name, value) in query_pairs(&query.unwrap_or_default())? {
        match name.as_str() {
            "replay" => start = Start::Newest(number(&name, &value, REPLAY_MAX)?),
            "after" => start = Start::After(number(&name, &value, u64::MAX)?),
            _ => return Err(Problem::field(name, "is not a parameter: use `replay` or `after`")),
        }
    }
    if let Some(last) = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok()) {
        start = Start::After(last);
    }
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, Body::from_stream(live::events(source, start))).into_response())
}

async fn list_faults(State(source): State<Source>) -> Result<Response, Problem> {
    json(&fault_request::render_all(&source.faults))
}

async fn clear_faults(State(source): State<Source>) -> StatusCode {
    source.faults.clear_all();
    StatusCode::NO_CONTENT
}

async fn show_fault(State(source): State<Source>, Path(service): Path<String>) -> Result<Response, Problem> {
    let service = known_service(&service)?;
    json(&fault_request::render(source.faults.active(service).as_ref()))
}

async fn set_fault(
    State(source): State<Source>,
    Path(service): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let service = known_service(&service)?;
    let body = read_body(request).await?;
    let (fault, times) = fault_request::parse(&body)?;
    source.faults.set(service, fault, times)?;
    json(&fault_request::render(source.faults.active(service).as_ref()))
}

async fn clear_fault(State(source): State<Source>, Path(service): Path<String>) -> Result<StatusCode, Problem> {
    source.faults.clear(known_service(&service)?);
    Ok(StatusCode::NO_CONTENT)
}

async fn read_body(request: Request) -> Result<Bytes, Problem> {
    body::read(request.into_body(), FAULT_BYTES_MAX).await.map_err(|error| match error {
        BodyError::TooLarge => Problem::too_large(format!("a body has at most {FAULT_BYTES_MAX} bytes")),
        BodyError::Broken => Problem::bad_request("the body ended early"),
    })
}

async fn list_fates(State(source): State<Source>) -> Result<Response, Problem> {
    json(&receipts::render_all(&source.receipts))
}

async fn show_fate(State(source): State<Source>, Path(service): Path<String>) -> Result<Response, Problem> {
    let fate = source.receipts.fate(vendor(&service)?).unwrap_or_default();
    json(&receipts::render(fate))
}

async fn choose_fate(
    State(source): State<Source>,
    Path(service): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let service = vendor(&service)?;
    let fate = receipts::parse(&read_body(request).await?)?;
    source.receipts.choose(service, fate);
    json(&receipts::render(fate))
}

async fn reset_fate(State(source): State<Source>, Path(service): Path<String>) -> Result<StatusCode, Problem> {
    source.receipts.choose(vendor(&service)?, Fate::default());
    Ok(StatusCode::NO_CONTENT)
}

fn vendor(name: &str) -> Result<Service, Problem> {
    let vendor = Service::from_name(name).filter(|service| service.reports());
    let known = || names(Service::ALL.into_iter().filter(|service| service.reports()).map(Service::name));
    vendor.ok_or_else(|| Problem::not_found(format!("`{name}` reports nothing: there are {}", known())))
}

fn known_service(name: &str) -> Result<Service, Problem> {
    let known = || names(Service::ALL.map(Service::name));
    Service::from_name(name).ok_or_else(|| Problem::not_found(format!("no service `{name}`: there are {}", known())))
}

fn names(names: impl IntoIterator<Item = &'static str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn parse_filter(query: &str) -> Result<Filter, Problem> {
    let mut filter = Filter::default();
    for (name, value) in query_pairs(query)? {
        match name.as_str() {
            "provider" => {
                let service = Service::from_name(&value).filter(|service| service.takes_messages());
                let known =
                    || names(Service::ALL.into_iter().filter(|known| known.takes_messages()).map(Service::name));
                filter.provider =
                    Some(service.ok_or_else(|| Problem::field(name, format!("must be one of {}", known())))?);
            }
            "channel" => {
                let channel = Channel::ALL.into_iter().find(|channel| channel.name() == value);
                let known = || names(Channel::ALL.map(Channel::name));
                filter.channel =
                    Some(channel.ok_or_else(|| Problem::field(name, format!("must be one of {}", known())))?);
            }
            "to" => filter.to = Some(value),
            "after" => filter.after = Some(number(&name, &value, u64::MAX)?),
            "limit" => match number(&name, &value, LIMIT_MAX)? {
                0 => return Err(Problem::field(name, "must be at least 1")),
                limit => filter.limit = limit,
            },
            _ => {
                let detail = "is not a filter: use `provider`, `channel`, `to`, `after` or `limit`";
                return Err(Problem::field(name, detail));
            }
        }
    }
    Ok(filter)
}

fn query_pairs(query: &str) -> Result<Vec<(String, String)>, Problem> {
    let pairs = form::pairs(query.as_bytes()).collect::<Result<_, _>>();
    pairs.map_err(|error| Problem::bad_request(format!("malformed query: {error}")))
}

fn number<T: FromStr + PartialOrd + Display>(name: &str, value: &str, max: T) -> Result<T, Problem> {
    match value.parse() {
        Ok(number) if number <= max => Ok(number),
        _ => Err(Problem::field(name, format!("must be a whole number, at most {max}"))),
    }
}

fn json(value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| Problem::bad_request(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/json")], Body::from(body)).into_response())
}
