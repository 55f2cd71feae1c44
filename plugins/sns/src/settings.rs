//! The operator's settings of an SNS account.

use std::collections::BTreeMap;

use notifier_plugin_sdk::{SettingProblem, check_base_url};
use serde::Deserialize;

use crate::endpoint;
use crate::sender::Sender;

/// The schema of [`Settings`]; a test compares the two.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Who sends, and on what terms.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// As `eu-central-1`.
    pub region: String,
    /// The API's root, instead of the region's. Plain HTTP for loopback only.
    pub base_url: Option<String>,
    /// Whether the credentials are temporary, with a session token beside the key.
    #[serde(default)]
    pub session_token: bool,
    /// Name shown as sender of messages that name none, in the countries that allow one.
    pub sender_id: Option<String>,
    /// Number or short code of the account that sends messages which name no sender.
    pub origination_number: Option<String>,
    /// How carriers should treat messages. The account's default where it is missing.
    pub sms_type: Option<SmsType>,
    /// What one message may cost, in US dollars.
    pub max_price: Option<String>,
    /// Entity id of the sender, which India's regulator gives.
    pub india_entity_id: Option<String>,
    /// Ids of templates by category, which India's regulator gives.
    #[serde(default)]
    pub india_template_ids: BTreeMap<String, String>,
}

/// What a message is for.
#[derive(Debug, Clone, Copy, Deserialize)]
pub enum SmsType {
    /// Marketing: as cheap as possible.
    Promotional,
    /// One-time passwords and the like: as reliable as possible.
    Transactional,
}

impl SmsType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Promotional => "Promotional",
            Self::Transactional => "Transactional",
        }
    }
}

impl Settings {
    pub(crate) fn base_url(&self) -> String {
        self.base_url.clone().unwrap_or_else(|| format!("https://{}", endpoint::host(&self.region)))
    }

    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut report = |setting: &str, problem: Option<String>| {
            problems.extend(problem.map(|problem| SettingProblem { setting: setting.into(), problem }));
        };
        if !endpoint::is_region(&self.region) {
            report("region", Some(format!("`{}` is not a region: want one as `eu-central-1`", self.region)));
        }
        report("base_url", self.base_url.as_deref().and_then(|url| check_base_url(url).err()));
        report(
            "sender_id",
            self.sender_id.as_deref().and_then(|sender| match Sender::parse(sender) {
                Ok(Sender::Name(_)) => None,
                Ok(Sender::Number(number)) => Some(format!("`{number}` is a number: set `origination_number`")),
                Err(problem) => Some(problem),
            }),
        );
        report(
            "origination_number",
            self.origination_number.as_deref().and_then(|sender| match Sender::parse(sender) {
                Ok(Sender::Number(_)) => None,
                Ok(Sender::Name(name)) => Some(format!("`{name}` is a name: set `sender_id`")),
                Err(problem) => Some(problem),
            }),
        );
        if let Some(price) = self.max_price.as_deref().filter(|price| !is_price(price)) {
            report("max_price", Some(format!("`{price}` is not a price in US dollars: want one as `0.05`")));
        }
        report("india_entity_id", self.india_entity_id.as_deref().and_then(check_registered_id));
        for (category, id) in &self.india_template_ids {
            report(&format!("india_template_ids.{category}"), check_registered_id(id));
        }
        problems
    }
}

fn is_price(text: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    is_digits(whole) && is_digits(fraction)
}

/// Entity and template ids have 1 to 30 characters
/// (<https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html>).
fn check_registered_id(id: &str) -> Option<String> {
    let right = (1..=30).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    (!right).then(|| format!("`{}` is not an id of the regulator: want 1 to 30 letters and digits", id.escape_debug()))
}
