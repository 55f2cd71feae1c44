//! Numbers that stand for choices. Only ever added to: a number that falls out of use stays taken.

use crate::adapters::sled::envelope::Unreadable;
use crate::domain::channel::Channel;
use crate::domain::health::Override;
use crate::domain::lane::Lane;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::receipt::ReceiptStatus;
use crate::domain::strategy::Goal;
use crate::domain::suppression::SuppressionCause;
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
    Channel::Push = 3,
    Channel::Chat = 4,
    Channel::Webhook = 5,
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
    FactKind::Delivered = 13,
    FactKind::Bounced = 14,
    FactKind::Receipt = 15,
    FactKind::Acknowledged = 16,
    FactKind::Rescheduled = 17,
    FactKind::Replayed = 18,
    FactKind::CancelAsked = 19,
});

numbered!("lane": Lane, lane, parse_lane {
    Lane::Urgent = 1,
    Lane::Normal = 2,
    Lane::Bulk = 3,
});

numbered!("goal": Goal, goal, parse_goal {
    Goal::Sent = 1,
    Goal::Delivered = 2,
    Goal::Acknowledged = 3,
});

numbered!("receipt status": ReceiptStatus, receipt_status, parse_receipt_status {
    ReceiptStatus::Accepted = 1,
    ReceiptStatus::Delivered = 2,
    ReceiptStatus::Failed = 3,
    ReceiptStatus::Bounced = 4,
    ReceiptStatus::Complained = 5,
    ReceiptStatus::Unsubscribed = 6,
    ReceiptStatus::Opened = 7,
    ReceiptStatus::Clicked = 8,
    ReceiptStatus::Other = 9,
});

numbered!("suppression cause": SuppressionCause, suppression_cause, parse_suppression_cause {
    SuppressionCause::Bounced = 1,
    SuppressionCause::Complained = 2,
    SuppressionCause::Unsubscribed = 3,
    SuppressionCause::Manual = 4,
});

numbered!("override": Override, override_, parse_override {
    Override::Open = 1,
    Override::Closed = 2,
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
        for choice in Lane::ALL {
            assert_eq!(parse_lane(lane(choice)), Ok(choice));
        }
        for choice in [Goal::Sent, Goal::Delivered, Goal::Acknowledged] {
            assert_eq!(parse_goal(goal(choice)), Ok(choice));
        }
        for choice in ReceiptStatus::ALL {
            assert_eq!(parse_receipt_status(receipt_status(choice)), Ok(choice));
        }
        for choice in SuppressionCause::ALL {
            assert_eq!(parse_suppression_cause(suppression_cause(choice)), Ok(choice));
        }
        for choice in [Override::Open, Override::Closed] {
            assert_eq!(parse_override(override_(choice)), Ok(choice));
        }
        for unknown in [0, 200] {
            assert!(parse_channel(unknown).is_err() && parse_state(unknown).is_err() && parse_lane(unknown).is_err());
        }
    }

    /// Index entries follow the order of identifiers, in which the channel is the last part, and lists that of channels.
    #[test]
    fn the_numbers_of_channels_and_lanes_keep_their_order() {
        assert!(Channel::ALL.is_sorted_by_key(|choice| channel(*choice)));
        assert!(Lane::ALL.is_sorted_by_key(|choice| lane(*choice)));
    }
}
