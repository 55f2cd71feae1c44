//! Numbers that stand for choices. Only ever added to: a number that falls out of use stays taken.

use crate::adapters::sled::envelope::Unreadable;
use crate::domain::channel::Channel;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::template::VariableKind;
use crate::domain::timeline::FactKind;

/// Writes both directions from one table, so that they cannot disagree. The compiler sees to it that every choice has
/// a number.
macro_rules! numbered {
    ($what:literal: $type:ty, $to:ident, $from:ident { $($variant:path = $number:literal),+ $(,)? }) => {
        pub(in crate::adapters::sled) fn $to(choice: $type) -> u8 {
            match choice {
                $($variant => $number),+
            }
        }

        pub(in crate::adapters::sled) fn $from(number: u8) -> Result<$type, Unreadable> {
            match number {
                $($number => Ok($variant),)+
                other => Err(Unreadable::Field { field: $what, problem: format!("{other} stands for nothing known") }),
            }
        }
    };
}

numbered!("channel": Channel, channel, parse_channel {
    Channel::Email = 1,
    Channel::Sms = 2,
});

numbered!("state": DeliveryState, state, parse_state {
    DeliveryState::Pending = 1,
    DeliveryState::Sending = 2,
    DeliveryState::Sent = 3,
    DeliveryState::Delivered = 4,
    DeliveryState::Bounced = 5,
    DeliveryState::Suppressed = 6,
    DeliveryState::Cancelled = 7,
    DeliveryState::Expired = 8,
    DeliveryState::Failed = 9,
    DeliveryState::Unknown = 10,
});

numbered!("fact kind": FactKind, fact_kind, parse_fact_kind {
    FactKind::Accepted = 1,
    FactKind::Checked = 2,
    FactKind::Rendered = 3,
    FactKind::Attempting = 4,
    FactKind::Sent = 5,
    FactKind::Retrying = 6,
    FactKind::Deferred = 7,
    FactKind::Suppressed = 8,
    FactKind::Cancelled = 9,
    FactKind::Expired = 10,
    FactKind::Failed = 11,
    FactKind::Unknown = 12,
});

numbered!("variable kind": VariableKind, variable_kind, parse_variable_kind {
    VariableKind::String = 1,
    VariableKind::Number = 2,
    VariableKind::Boolean = 3,
    VariableKind::Array = 4,
    VariableKind::Object = 5,
    VariableKind::Any = 6,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_comes_back() {
        for choice in Channel::ALL {
            assert_eq!(parse_channel(channel(choice)), Ok(choice));
        }
        for choice in DeliveryState::ALL {
            assert_eq!(parse_state(state(choice)), Ok(choice));
        }
        for choice in FactKind::ALL {
            assert_eq!(parse_fact_kind(fact_kind(choice)), Ok(choice));
        }
        for choice in VariableKind::ALL {
            assert_eq!(parse_variable_kind(variable_kind(choice)), Ok(choice));
        }
        for unknown in [0, 200] {
            assert!(parse_channel(unknown).is_err() && parse_state(unknown).is_err());
        }
    }

    /// Index entries follow the order of identifiers, in which the channel is the last part.
    #[test]
    fn the_numbers_of_channels_keep_their_order() {
        assert!(Channel::ALL.is_sorted_by_key(|choice| channel(*choice)));
    }
}
