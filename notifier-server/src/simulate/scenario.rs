//! What a scenario says, in types. `notifier-server/scenario.example.toml` documents every key.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use notifier_core::testing::Trouble;
use notifier_core::{Channel, Content, Template};
use serde_json::{Map, Value};

use crate::config::Config;

/// A scenario that was read and found to be in order.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) start: Timestamp,
    /// Nothing is asked for from here on.
    pub(crate) end: Timestamp,
    pub(crate) seed: u64,
    pub(crate) config: Config,
    pub(crate) recipients: Recipients,
    pub(crate) templates: Vec<Template>,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) behaviours: BTreeMap<String, Behaviour>,
    pub(crate) troubles: Vec<Episode>,
    pub(crate) expectations: Expectations,
}

/// Who is told. The same people in every schedule: the first of one is the first of the other.
#[derive(Clone, Debug)]
pub(crate) struct Recipients {
    /// They take turns.
    pub(crate) time_zones: Vec<String>,
    /// `#` stands for a digit; they take turns.
    pub(crate) phones: Vec<String>,
    /// How many of a hundred switched a channel off.
    pub(crate) opted_out: BTreeMap<Channel, f64>,
}

/// Something that is sent again and again.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) name: String,
    pub(crate) first: First,
    pub(crate) every: Option<Span>,
    pub(crate) count: Option<u64>,
    /// How long before it is due it is asked for.
    pub(crate) ahead: SignedDuration,
    /// Over how long a time the recipients are spread.
    pub(crate) spread: SignedDuration,
    pub(crate) recipients: u64,
    pub(crate) category: String,
    pub(crate) channels: Option<Vec<Channel>>,
    pub(crate) words: Words,
    pub(crate) variables: Map<String, Value>,
}

/// When it is due the first time.
#[derive(Clone, Debug)]
pub(crate) enum First {
    /// For everybody at the same time.
    At(Timestamp, TimeZone),
    /// By each recipient's own clock.
    Local(DateTime),
}

/// What is said.
#[derive(Clone, Debug)]
pub(crate) enum Words {
    Template(String),
    Written(Box<Content>),
}

/// How a provider is when it has no trouble.
#[derive(Clone, Debug, Default)]
pub(crate) struct Behaviour {
    pub(crate) latency: Duration,
    pub(crate) reports: Option<Reports>,
}

/// What a provider reports of the messages that it took, in percent; of the rest it says nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reports {
    pub(crate) delivered: f64,
    pub(crate) failed: f64,
    pub(crate) bounced: f64,
    pub(crate) delay: SignedDuration,
}

/// A provider has trouble for a while.
#[derive(Clone, Debug)]
pub(crate) struct Episode {
    pub(crate) provider: String,
    pub(crate) trouble: Trouble,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) percent: u8,
}

/// What must come of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expectations {
    pub(crate) sent_percent_min: Option<f64>,
    pub(crate) delivered_percent_min: Option<f64>,
    pub(crate) failed_max: Option<u64>,
    pub(crate) repeats_max: Option<u64>,
    pub(crate) refused_max: Option<u64>,
    pub(crate) late_p99_max: Option<SignedDuration>,
    pub(crate) late_max: Option<SignedDuration>,
}
