//! Fates as JSON: `{"receipt":"late","delay_ms":3000}`.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::{Service, problem::Problem};
use super::{Fate, Receipts};

/// The wait of a late receipt when nothing is said.
const DELAY_MS: u64 = 3_000;

/// The longest wait that can be asked for.
const DELAY_MS_MAX: u64 = 600_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FateRequest {
    receipt: String,
    delay_ms: Option<u64>,
}

/// Reads what is to become of messages.
pub(in super::super) fn parse(body: &[u8]) -> Result<Fate, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let request: FateRequest =
        serde_path_to_error::deserialize(&mut json).map_err(|error| Problem::malformed_json(&error))?;
    json.end().map_err(|error| Problem::bad_request(format!("the body is not one JSON object: {error}")))?;
    if request.delay_ms.is_some() && request.receipt != "late" {
        return Err(Problem::field("delay_ms", "goes with `late`"));
    }
    match request.receipt.as_str() {
        "delivered" => Ok(Fate::Delivered),
        "failed" => Ok(Fate::Failed),
        "bounced" => Ok(Fate::Bounced),
        "none" => Ok(Fate::None),
        "late" => match request.delay_ms.unwrap_or(DELAY_MS) {
            delay_ms @ 1..=DELAY_MS_MAX => Ok(Fate::Late { delay_ms }),
            _ => Err(Problem::field("delay_ms", format!("must be 1 to {DELAY_MS_MAX}"))),
        },
        unknown => {
            let known = "`delivered`, `late`, `failed`, `bounced` or `none`";
            Err(Problem::field("receipt", format!("`{unknown}` is not known: use {known}")))
        }
    }
}

/// What is to become of messages, as JSON.
pub(in super::super) fn render(fate: Fate) -> Value {
    match fate {
        Fate::Delivered => json!({ "receipt": "delivered" }),
        Fate::Late { delay_ms } => json!({ "receipt": "late", "delay_ms": delay_ms }),
        Fate::Failed => json!({ "receipt": "failed" }),
        Fate::Bounced => json!({ "receipt": "bounced" }),
        Fate::None => json!({ "receipt": "none" }),
    }
}

/// The same of every service that reports, by name.
pub(in super::super) fn render_all(receipts: &Receipts) -> Map<String, Value> {
    let entry = |service: Service| Some((service.name().to_owned(), render(receipts.fate(service)?)));
    Service::ALL.into_iter().filter_map(entry).collect()
}
