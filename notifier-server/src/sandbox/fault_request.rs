//! Faults as JSON: `{"fault":"rate_limited","retry_after_s":2,"times":1}`.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{ActiveFault, Fault, Faults, Refusal, Service, UnsuitableFault, problem::Problem};

const NAMES: &str =
    "`unavailable`, `rate_limited`, `rejected`, `hang`, `reset`, `accept_then_drop`, `accept_then_hang` or `slow`";

/// The longest wait that can be asked for.
const DELAY_MS_MAX: u64 = 600_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultRequest {
    fault: String,
    times: Option<u32>,
    retry_after_s: Option<u32>,
    code: Option<u32>,
    field: Option<String>,
    delay_ms: Option<u64>,
}

/// Reads a fault and how many times it is to happen.
pub(super) fn parse(body: &[u8]) -> Result<(Fault, Option<u32>), Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let request: FaultRequest =
        serde_path_to_error::deserialize(&mut json).map_err(|error| Problem::malformed_json(&error))?;
    json.end().map_err(|error| Problem::bad_request(format!("the body is not one JSON object: {error}")))?;
    let times = request.times;
    Ok((request.into_fault()?, times))
}

/// The faults of all services by name.
pub(super) fn render_all(faults: &Faults) -> Map<String, Value> {
    let entry = |service: Service| (service.name().to_owned(), render(faults.active(service).as_ref()));
    Service::ALL.into_iter().map(entry).collect()
}

/// A fault as JSON, with how many times are left; `null` for none.
pub(super) fn render(active: Option<&ActiveFault>) -> Value {
    let Some(ActiveFault { fault, times_left }) = active else {
        return Value::Null;
    };
    let rendered = match fault {
        Fault::Refuse(Refusal::Unavailable) => json!({ "fault": "unavailable" }),
        Fault::Refuse(Refusal::RateLimited { retry_after_s }) => {
            json!({ "fault": "rate_limited", "retry_after_s": retry_after_s })
        }
        Fault::Refuse(Refusal::Rejected { code, field }) => {
            json!({ "fault": "rejected", "code": code, "field": field })
        }
        Fault::Hang => json!({ "fault": "hang" }),
        Fault::Reset => json!({ "fault": "reset" }),
        Fault::AcceptThenDrop => json!({ "fault": "accept_then_drop" }),
        Fault::AcceptThenHang => json!({ "fault": "accept_then_hang" }),
        Fault::Slow { delay_ms } => json!({ "fault": "slow", "delay_ms": delay_ms }),
    };
    let times_left = json!({ "times_left": times_left });
    let fields: Map<String, Value> = [rendered, times_left]
        .into_iter()
        .filter_map(|value| if let Value::Object(fields) = value { Some(fields) } else { None })
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .collect();
    Value::Object(fields)
}

impl FaultRequest {
    fn into_fault(self) -> Result<Fault, Problem> {
        let takes: &[&str] = match self.fault.as_str() {
            "unavailable" | "hang" | "reset" | "accept_then_drop" | "accept_then_hang" => &[],
            "rate_limited" => &["retry_after_s"],
            "rejected" => &["code", "field"],
            "slow" => &["delay_ms"],
            unknown => return Err(Problem::field("fault", format!("`{unknown}` is not a fault: use {NAMES}"))),
        };
        let given = [
            ("retry_after_s", self.retry_after_s.is_some()),
            ("code", self.code.is_some()),
            ("field", self.field.is_some()),
            ("delay_ms", self.delay_ms.is_some()),
        ];
        if let Some((name, _)) = given.into_iter().find(|(name, given)| *given && !takes.contains(name)) {
            return Err(Problem::field(name, format!("does not belong to the fault `{}`", self.fault)));
        }
        Ok(match self.fault.as_str() {
            "unavailable" => Fault::Refuse(Refusal::Unavailable),
            "rate_limited" => Fault::Refuse(Refusal::RateLimited { retry_after_s: self.retry_after_s }),
            "rejected" => Fault::Refuse(Refusal::Rejected { code: self.code, field: self.field }),
            "hang" => Fault::Hang,
            "reset" => Fault::Reset,
            "accept_then_drop" => Fault::AcceptThenDrop,
            "accept_then_hang" => Fault::AcceptThenHang,
            _ => Fault::Slow { delay_ms: checked_delay(self.delay_ms)? },
        })
    }
}

impl From<UnsuitableFault> for Problem {
    fn from(fault: UnsuitableFault) -> Self {
        Self::field(fault.field, fault.reason)
    }
}

fn checked_delay(delay_ms: Option<u64>) -> Result<u64, Problem> {
    match delay_ms {
        Some(delay_ms @ 1..=DELAY_MS_MAX) => Ok(delay_ms),
        _ => Err(Problem::field("delay_ms", format!("the fault `slow` needs a delay from 1 to {DELAY_MS_MAX}"))),
    }
}
