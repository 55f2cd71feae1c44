//! What a recipient wants, and whether a delivery may go against it.

use std::collections::BTreeMap;

use super::category::Category;
use super::channel::Channel;
use super::timeline::Reason;

/// What a recipient wants.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Preferences {
    /// Channels that the recipient switched on or off. A channel that is not listed follows the default: on.
    pub channels: BTreeMap<Channel, bool>,
    /// What they are interested in: free-form, kept for the applications that ask.
    pub interests: serde_json::Map<String, serde_json::Value>,
}

/// What the preferences say about one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may go, and why.
    Allow(Reason),
    /// It may not, and why.
    Suppress(Reason),
}

/// Whether a message of this category may go out on this channel.
#[must_use]
pub fn resolve(preferences: Option<&Preferences>, category: &Category, channel: Channel) -> Verdict {
    let choice = preferences.and_then(|p| p.channels.get(&channel).copied());
    match choice {
        Some(false) if category.mandatory => Verdict::Allow(Reason::new(
            "preference.mandatory",
            format!("the recipient switched {channel} off, but `{}` is a mandatory category", category.name),
        )),
        Some(false) => {
            Verdict::Suppress(Reason::new("preference.channel_off", format!("the recipient switched {channel} off")))
        }
        Some(true) => Verdict::Allow(Reason::new("preference.channel_on", format!("the recipient has {channel} on"))),
        None => Verdict::Allow(Reason::new(
            "preference.default",
            format!("the recipient has not said anything about {channel}: on by default"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_decide() {
        let optional = Category::default();
        let mandatory = Category { mandatory: true, ..Category::default() };
        let says = |choice: Option<bool>| {
            choice.map(|on| Preferences { channels: [(Channel::Sms, on)].into(), ..Preferences::default() })
        };
        let cases = [
            (None, &optional, true, "preference.default"),
            (Some(Preferences::default()), &optional, true, "preference.default"),
            (says(Some(true)), &optional, true, "preference.channel_on"),
            (says(Some(false)), &optional, false, "preference.channel_off"),
            (says(Some(false)), &mandatory, true, "preference.mandatory"),
        ];
        for (preferences, category, allowed, code) in cases {
            match resolve(preferences.as_ref(), category, Channel::Sms) {
                Verdict::Allow(reason) => assert!(allowed && reason.code == code, "{reason:?}"),
                Verdict::Suppress(reason) => assert!(!allowed && reason.code == code, "{reason:?}"),
            }
        }
    }

    #[test]
    fn channels_are_independent() {
        let preferences = Preferences { channels: [(Channel::Sms, false)].into(), ..Preferences::default() };
        assert!(matches!(resolve(Some(&preferences), &Category::default(), Channel::Email), Verdict::Allow(_)));
    }
}
