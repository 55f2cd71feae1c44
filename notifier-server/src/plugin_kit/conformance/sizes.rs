//! Messages of every size that a host hands over: they arrive whole, or nothing is sent. A plugin that cuts one, or that comes to
//! grief over one, is found here and not by whoever waits for the end of a contract. So is one that refuses what every vendor takes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use notifier_plugin_exchanges::{Attachment, Mailbox, Message};

use super::lacks::{Lack, Messages};
use super::report::{Arrival, Group};
use super::stage::Stage;
use super::texts::whole_or_nothing;

/// Bytes of all attachments of one mail: what a host takes unless told otherwise (`limits.attachments_bytes_max`).
const ATTACHMENTS_BYTES: usize = 512 * 1024;

/// A message, and what of it has to arrive.
struct Sized {
    case: String,
    message: Message,
    written: Vec<String>,
    /// Whether every vendor takes as much, so that it may not be refused.
    is_ordinary: bool,
}

/// Each channel's model in sizes up to those that the host's own limits permit.
pub(super) async fn sizes(channels: &[Stage<'_>], lacks: &[Lack]) -> Group {
    let mut group = Group::new("messages of any size are sent whole, or not at all");
    let mut silent = Vec::new();
    for stage in channels {
        let mut has_arrived = false;
        for Sized { case, message, written, is_ordinary } in sized(&stage.model.message) {
            let mut send = stage.model.clone();
            send.message = message;
            let became = whole_or_nothing(stage, &send, &written).await;
            has_arrived |= is_ordinary && matches!(became, Ok(Arrival::Whole));
            group.arrival(format!("{}: {case}", stage.channel()), became);
        }
        if !has_arrived {
            silent.push(stage.channel());
        }
    }
    group.case("the smallest at least, on each channel", Messages::OrdinarySizes.judge(&silent, lacks));
    group
}

fn sized(model: &Message) -> Vec<Sized> {
    match model {
        Message::Sms(_) => texts(model, &[160, 161, 1_600, 10_000]),
        Message::Push(_) => texts(model, &[1_000, 4_096, 65_536]).into_iter().chain(data(model)).collect(),
        Message::Chat(_) => texts(model, &[1_000, 3_001, 40_000, 200_000]),
        Message::Webhook(_) => texts(model, &[4_096, 65_536, 250_000]),
        Message::Email(_) => {
            let mails = texts(model, &[998, 100_000, 500_000]).into_iter();
            mails.chain(subject(model)).chain(recipients(model)).chain(attachments(model)).collect()
        }
    }
}

/// The text of the message in other lengths, the smallest first, in ASCII and in an alphabet whose characters take more bytes each.
/// In ASCII, the smallest is what every vendor takes: of a text message, what fits one part of it (3GPP TS 23.038).
fn texts(model: &Message, lengths: &[usize]) -> Vec<Sized> {
    let mut sized = Vec::new();
    for (index, length) in lengths.iter().enumerate() {
        for (alphabet, unit, last) in [("Latin", "abcdefgh ", '!'), ("Hebrew", "שלום ", '✓')] {
            let text = filled(unit, *length, last);
            let mut message = model.clone();
            match &mut message {
                Message::Sms(sms) => sms.text.clone_from(&text),
                Message::Push(push) => push.body.clone_from(&text),
                Message::Chat(chat) => (chat.text, chat.layout) = (text.clone(), None),
                Message::Webhook(event) => event.payload = serde_json::json!({ "text": text }).to_string(),
                Message::Email(email) => email.text = Some(text.clone()),
            }
            let (case, is_ordinary) = (format!("{length} characters, {alphabet}"), index == 0 && text.is_ascii());
            sized.push(Sized { case, message, written: vec![text], is_ordinary });
        }
    }
    sized
}

/// That many characters, the last of which is there once only: without it nothing is whole.
fn filled(unit: &str, length: usize, last: char) -> String {
    unit.chars().cycle().take(length.saturating_sub(1)).chain([last]).collect()
}

fn data(model: &Message) -> Option<Sized> {
    let mut message = model.clone();
    let Message::Push(push) = &mut message else { return None };
    push.data = (0..100).map(|number| (format!("key_{number}"), format!("value {number} ✓"))).collect();
    let written = push.data.iter().map(|(_, value)| value.clone()).collect();
    Some(Sized { case: "data of 100 entries".into(), message, written, is_ordinary: false })
}

/// The longest that fits a line of mail, which is then folded (RFC 5322, section 2.1.1).
fn subject(model: &Message) -> Option<Sized> {
    let mut message = model.clone();
    let Message::Email(email) = &mut message else { return None };
    email.subject = filled("Rent is due ", 900, '✓');
    let written = vec![email.subject.clone()];
    Some(Sized { case: "a subject of 900 characters".into(), message, written, is_ordinary: false })
}

fn recipients(model: &Message) -> Vec<Sized> {
    let sized = |number: usize| {
        let mut message = model.clone();
        let Message::Email(email) = &mut message else { return None };
        let address = |index| format!("tenant-{index}@example.com");
        email.recipients = (0..number).map(|index| Mailbox { address: address(index), name: None }).collect();
        let written = email.recipients.iter().map(|recipient| recipient.address.clone()).collect();
        Some(Sized { case: format!("{number} recipients"), message, written, is_ordinary: false })
    };
    [2, 50, 1_001].into_iter().filter_map(sized).collect()
}

fn attachments(model: &Message) -> Vec<Sized> {
    let sized = |number: usize| {
        let mut message = model.clone();
        let Message::Email(email) = &mut message else { return None };
        // The last character has three bytes.
        let text = |index: usize| filled(&format!("page {index} "), ATTACHMENTS_BYTES / number - 2, '✓');
        let attachment = |index| Attachment {
            filename: format!("lease-{index}.txt"),
            content_type: "text/plain".into(),
            content_id: None,
            data_base64: STANDARD.encode(text(index)),
        };
        email.attachments = (0..number).map(attachment).collect();
        let written = (0..number).map(text).collect();
        let case = format!("{number} attachments, {ATTACHMENTS_BYTES} bytes in all");
        Some(Sized { case, message, written, is_ordinary: false })
    };
    [1, 10].into_iter().filter_map(sized).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_was_cut_is_another() {
        let text = filled("ab", 5, '✓');
        assert_eq!(text, "abab✓");
        assert!(!"abab".contains(&text));
    }

    #[test]
    fn each_channel_is_varied() {
        let json = |json: serde_json::Value| serde_json::from_value::<Message>(json).unwrap();
        let email = serde_json::json!({ "email": {
            "sender": { "address": "a@example.com" }, "recipients": [{ "address": "b@example.com" }], "subject": "s", "text": "t"
        } });
        let cases: Vec<_> = sized(&json(email)).into_iter().map(|sized| sized.case).collect();
        for case in ["1001 recipients", "10 attachments, 524288 bytes in all", "500000 characters, Hebrew"] {
            assert!(cases.iter().any(|found| found == case), "{case}: {cases:?}");
        }
        for other in [
            serde_json::json!({ "sms": { "recipient": "+14155550100", "text": "t" } }),
            serde_json::json!({ "push": { "token": "t", "title": "t", "body": "b" } }),
            serde_json::json!({ "chat": { "recipient": "c", "text": "t" } }),
            serde_json::json!({ "webhook": { "url": "https://a.example", "kind": "k", "payload": "{}" } }),
        ] {
            let sized = sized(&json(other));
            assert!(sized.len() >= 4 && sized.iter().all(|sized| !sized.written.is_empty()));
            let ordinary: Vec<_> = sized.iter().filter(|sized| sized.is_ordinary).collect();
            assert!(matches!(ordinary.as_slice(), [only] if only.written[0].is_ascii() && only.case == sized[0].case));
        }
    }
}
