//! What becomes of a delivery that a provider cannot carry.

use super::*;

/// As a text message with a picture where a vendor takes none: not the vendor's word about the message.
#[test]
fn what_one_provider_cannot_carry_goes_to_another_while_one_is_left() {
    use DeliveryState as S;
    let unfit = Outcome::Rejected { kind: RejectionKind::Unfit, problem: problem() };
    let in_doubt = Delivery { doubtful_attempts: 1, ..sending(2) };
    let unwanted = sending(1).ask_to_cancel(Reason::new("cancel.requested", "cancelled"), at(5)).unwrap().delivery;
    let code = "attempt.rejected.unfit";
    // delivery, another left, another takes calls -> state, due, code, attempts that do not count
    let cases = [
        (&sending(1), true, true, S::Pending, Some(10), code, 1),
        (&sending(1), true, false, S::Pending, Some(110), code, 1),
        // The last that is allowed is none.
        (&sending(3), true, true, S::Pending, Some(10), code, 1),
        (&sending(4), true, true, S::Failed, None, "retry.exhausted", 1),
        (&sending(1), false, false, S::Failed, None, code, 0),
        (&in_doubt, true, true, S::Pending, Some(10), code, 1),
        (&in_doubt, false, false, S::Unknown, None, code, 0),
        (&unwanted, true, true, S::Cancelled, None, "cancel.while_sending", 1),
    ];
    for (delivery, is_another_left, has_alternative, state, due_ms, code, forgiven) in cases {
        let category = category(UnknownPolicy::Resend);
        let settling = Settling { is_another_left, has_alternative, ..settling(&category, 1_000_000, 10, 0) };
        let change = delivery.settle(&unfit, settling).unwrap();
        let settled = &change.delivery;
        let context = format!("attempt {}, {is_another_left}, {has_alternative}", delivery.attempts);
        assert_eq!((settled.state, settled.reason.code.as_ref()), (state, code), "{context}");
        assert_eq!(settled.attempts_forgiven, forgiven, "{context}");
        if let Some(due_ms) = due_ms {
            assert_eq!(settled.due_at, at(due_ms), "{context}");
        }
        assert_eq!(change.facts[0].detail("vendor_code"), Some("42"), "{context}");
        assert_eq!(change.suppression, None, "{context}");
    }
}
