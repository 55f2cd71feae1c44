//! Lists: how many, from where, and which, as query parameters.

use std::str::FromStr;

use jiff::Timestamp;
use notifier_core::Filter;
use utoipa::IntoParams;

use super::parameters::{page_limit, parse_parameter, query};
use crate::problem::Problem;
use crate::wire::{INSTANT_EXPECTED, state_named};

/// The parameters of a list, for its description; [`ListRequest::read`] reads them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described")]
pub(crate) struct ListParameters {
    /// How many at most, 1 to 200; 50 when absent
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// `next` of the page before
    cursor: Option<String>,
    /// Only those to this recipient
    recipient_id: Option<String>,
    /// Only those of this category
    category: Option<String>,
    /// Only those about this subject
    subject: Option<String>,
    /// Only those with a delivery on this channel
    #[param(value_type = Option<crate::wire::ChannelName>, inline)]
    channel: Option<String>,
    /// Only those with a delivery in this state
    #[param(example = "pending")]
    state: Option<String>,
    /// Only those with a delivery that was last sent through this provider
    provider: Option<String>,
    /// Only those due at that time or later: RFC 3339
    #[param(format = DateTime)]
    due_from: Option<String>,
    /// Only those due before that time: RFC 3339
    #[param(format = DateTime)]
    due_until: Option<String>,
}

const PARAMETERS: [&str; 10] =
    ["limit", "cursor", "recipient_id", "category", "subject", "channel", "state", "provider", "due_from", "due_until"];

/// What a list is asked for.
#[derive(Debug)]
pub(crate) struct ListRequest {
    pub(crate) limit: usize,
    pub(crate) cursor: Option<String>,
    pub(crate) filter: Filter,
}

impl ListRequest {
    /// Reads the query string of a list.
    ///
    /// # Errors
    /// Names the parameter that is unknown, given twice or malformed.
    pub(crate) fn read(text: Option<&str>) -> Result<Self, Problem> {
        let [limit, cursor, recipient, category, subject, channel, state, provider, from, until] =
            query(text, PARAMETERS)?;
        let state = state.map(|text| state_named(&text).map_err(|problem| Problem::parameter("state", problem)));
        let filter = Filter {
            recipient: parsed("recipient_id", recipient)?,
            category: parsed("category", category)?,
            subject: parsed("subject", subject)?,
            channel: parsed("channel", channel)?,
            state: state.transpose()?,
            provider: parsed("provider", provider)?,
            due_from: instant("due_from", from)?,
            due_until: instant("due_until", until)?,
        };
        Ok(Self { limit: page_limit(limit.as_deref())?, cursor, filter })
    }
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(name: &str, text: Option<String>) -> Result<Option<T>, Problem> {
    text.map(|text| parse_parameter(name, &text)).transpose()
}

fn instant(name: &str, text: Option<String>) -> Result<Option<Timestamp>, Problem> {
    text.map(|text| text.parse().map_err(|_| Problem::parameter(name, INSTANT_EXPECTED))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_filter_is_read() {
        let text = "limit=7&cursor=x&recipient_id=a%20b&category=rent&subject=s&channel=sms&state=failed&provider=twilio\
                    &due_from=2026-06-01T12:00:00Z&due_until=2026-06-02T12:00:00%2B02:00";
        let ListRequest { limit, cursor, filter } = ListRequest::read(Some(text)).unwrap();
        assert_eq!((limit, cursor.as_deref()), (7, Some("x")));
        let shown = format!("{filter:?}");
        for part in ["\"a b\"", "\"rent\"", "\"s\"", "Sms", "Failed", "\"twilio\"", "2026-06-01T12:00:00Z"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert_eq!(filter.due_until, Some("2026-06-02T10:00:00Z".parse().unwrap()));
        assert_eq!(ListRequest::read(None).unwrap().filter, Filter::default());
    }

    #[test]
    fn every_part_of_a_filter_is_checked() {
        for (text, field) in [
            ("recipient_id=", "recipient_id"),
            ("category=A", "category"),
            ("subject=%20", "subject"),
            ("channel=fax", "channel"),
            ("state=lost", "state"),
            ("provider=A", "provider"),
            ("due_from=today", "due_from"),
            ("due_until=2026-06-01", "due_until"),
            ("limit=0", "limit"),
            ("until=1", "until"),
        ] {
            assert_eq!(ListRequest::read(Some(text)).unwrap_err().errors[0].field, field, "{text}");
        }
    }
}
