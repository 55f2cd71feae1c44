//! Messages arrive whole: what a person wrote is somewhere in what the vendor is sent. A vendor may have limits; one that takes nothing
//! beyond ASCII has to be said to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use notifier_core::wasm::rehearsal::Asked;
use notifier_plugin_exchanges::{Message, Outcome, RejectionKind, Send};
use serde_json::Value;

use super::lacks::{Lack, Messages};
use super::report::{Arrival, Group};
use super::stage::{Stage, said};

/// Several scripts, both directions, characters beyond the Basic Multilingual Plane, and what forms, JSON and HTML reserve.
const WORDS: [(&str, &str); 5] = [
    ("accents and symbols", "Größe: 5 m² & 100 % = ✓ <b>\"quoted\"</b> \\ + ?"),
    ("emoji", "Rent is due 🏠👩‍👩‍👧🏽"),
    ("right to left", "שלום مرحبا"),
    ("Chinese and Japanese", "房租到期 家賃の期限"),
    ("a combining accent", "Cafe\u{301}"),
];

/// Characters that are shown of a text that did not arrive.
const EXCERPT_CHARS: usize = 120;

/// More than the 78 characters after which mail folds its lines (RFC 5322, section 2.1.1).
const LONG: &str =
    "Die Miete für die Wohnung im dritten Stock links, Lindenstraße 12, ist am Freitag fällig – bitte überweisen 🏠";

/// Each text of each channel's model in each script. Whoever refuses all of them sends nothing in part either, and is of no use.
pub(super) async fn texts(channels: &[Stage<'_>], lacks: &[Lack]) -> Group {
    let mut group = Group::new("messages arrive whole, in any script");
    let mut silent = Vec::new();
    for stage in channels {
        let mut has_arrived = false;
        for (name, words) in WORDS.into_iter().chain([("a long line", LONG)]) {
            let mut send = stage.model.clone();
            let written = write(&mut send.message, words);
            let became = whole_or_nothing(stage, &send, &written).await;
            has_arrived |= matches!(became, Ok(Arrival::Whole));
            group.arrival(format!("{}: {name}", stage.channel()), became);
        }
        if !has_arrived {
            silent.push(stage.channel());
        }
    }
    group.case("one of these at least, on each channel", Messages::OtherScripts.judge(&silent, lacks));
    group
}

/// Whether all of these texts arrive. A vendor may have a limit; then nothing is sent rather than a part.
pub(super) async fn whole_or_nothing(stage: &Stage<'_>, send: &Send, written: &[String]) -> Result<Arrival, String> {
    let (outcome, played) = said(stage.varied(send).await)?;
    match outcome {
        Outcome::Rejected { kind: RejectionKind::Message, .. } if played.asked.is_empty() => {
            Ok(Arrival::Refused { words: played.words.join("; ") })
        }
        Outcome::Rejected { kind, .. } if played.asked.is_empty() => {
            Err(format!("nothing was sent because of the message, and the fault is said to be another's: {kind:?}"))
        }
        _ => arrived(written, &played.asked).map(|()| Arrival::Whole),
    }
}

/// Puts the words wherever the message holds text, and tells what must arrive.
fn write(message: &mut Message, words: &str) -> Vec<String> {
    match message {
        Message::Email(email) => {
            email.subject = words.into();
            email.text = Some(format!("text: {words}"));
            email.html = email.html.is_some().then(|| format!("<p>html: {words}</p>"));
            [Some(email.subject.clone()), email.text.clone(), email.html.clone()].into_iter().flatten().collect()
        }
        Message::Sms(sms) => {
            sms.text = words.into();
            vec![words.into()]
        }
        Message::Push(push) => {
            push.title = format!("title: {words}");
            push.body = format!("body: {words}");
            vec![push.title.clone(), push.body.clone()]
        }
        Message::Chat(chat) => {
            chat.text = words.into();
            chat.layout = None;
            // Chat vendors escape what begins markup, each in its way.
            words.split(['<', '>', '&']).map(str::to_owned).filter(|part| !part.trim().is_empty()).collect()
        }
        Message::Webhook(event) => {
            event.payload = serde_json::json!({ "text": words }).to_string();
            vec![words.into()]
        }
    }
}

fn arrived(written: &[String], asked: &[Asked]) -> Result<(), String> {
    let mut read = Vec::new();
    for request in asked {
        readings(&request.body, 0, &mut read);
    }
    match written.iter().find(|text| !read.iter().any(|reading| reading.contains(text.as_str()))) {
        Some(text) => Err(format!("no request holds the text {:?}", excerpt(text))),
        None => Ok(()),
    }
}

/// Its end, which is what is most often missing.
fn excerpt(text: &str) -> String {
    let chars = text.chars().count();
    if chars <= EXCERPT_CHARS {
        text.to_owned()
    } else {
        format!("…{}", text.chars().skip(chars - EXCERPT_CHARS).collect::<String>())
    }
}

/// How deep texts are looked for in texts: a mail in base64 in JSON has its subject at the third level.
const DEPTH_MAX: usize = 4;

/// The texts that may be meant by these bytes: JSON strings, fields of forms, encoded words and base64.
fn readings(bytes: &[u8], depth: usize, into: &mut Vec<String>) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    into.push(text.replace("\r\n", "\n"));
    if depth == DEPTH_MAX {
        return;
    }
    // An encrypted message of a rehearsal stands after the keys that it is encrypted for.
    let json = text.find('{').and_then(|start| serde_json::from_str::<Value>(&text[start..]).ok());
    if let Some(json) = json {
        strings(&json, &mut |string| readings(string.as_bytes(), depth + 1, into));
        return;
    }
    let fields: Vec<String> = form_fields(text);
    into.extend(fields);
    into.push(encoded_words(text));
    for part in text.replace("\r\n", "\n").split("\n\n").flat_map(|part| part.split("\n--")) {
        let compact: String = part.split_whitespace().collect();
        if compact.len() >= 8
            && let Ok(decoded) = STANDARD.decode(&compact)
        {
            readings(&decoded, depth + 1, into);
        }
    }
}

fn strings(json: &Value, found: &mut dyn FnMut(&str)) {
    match json {
        Value::String(text) => found(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, found)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The values of `application/x-www-form-urlencoded`.
fn form_fields(text: &str) -> Vec<String> {
    let value = |pair: &str| {
        let value = pair.split_once('=')?.1.replace('+', " ");
        Some(percent_encoding::percent_decode_str(&value).decode_utf8().ok()?.into_owned())
    };
    text.split('&').filter_map(value).collect()
}

/// All encoded words of a mail (RFC 2047) in base64, joined as readers join them.
fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("=?") {
        rest = after;
        if let Some((word, after)) = encoded_word(after) {
            words.extend(word);
            rest = after;
        }
    }
    String::from_utf8_lossy(&words).into_owned()
}

/// The bytes of the encoded word that has just begun, and what comes after it.
fn encoded_word(text: &str) -> Option<(Vec<u8>, &str)> {
    let (charset, rest) = text.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (word, rest) = rest.split_once("?=")?;
    let is_known = charset.eq_ignore_ascii_case("utf-8") && encoding.eq_ignore_ascii_case("b");
    is_known.then(|| STANDARD.decode(word).ok()).flatten().map(|bytes| (bytes, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_read(body: &str, text: &str) -> bool {
        let mut read = Vec::new();
        readings(body.as_bytes(), 0, &mut read);
        read.iter().any(|reading| reading.contains(text))
    }

    #[test]
    fn texts_are_found_in_every_dress() {
        let words = "Größe 🏠 & mehr";
        let mail =
            format!("Subject: =?utf-8?B?{}?=\r\n\r\n{}\r\n", STANDARD.encode("Betreff ü"), STANDARD.encode(words));
        assert!(is_read(words, words));
        assert!(is_read(&serde_json::json!({ "a": [{ "b": words }] }).to_string(), words));
        assert!(is_read("a=1&b=Gr%C3%B6%C3%9Fe+%F0%9F%8F%A0+%26+mehr", words));
        assert!(is_read(&mail, words) && is_read(&mail, "Betreff ü"));
        let nested = serde_json::json!({ "raw": STANDARD.encode(&mail) }).to_string();
        assert!(is_read(&nested, words) && is_read(&nested, "Betreff ü"), "{nested}");
        assert!(is_read(&format!("encrypted for 00 with 11: {}", serde_json::json!({ "title": words })), words));
    }

    #[test]
    fn what_was_changed_is_not_found() {
        assert!(!is_read("a=Gr%C3%B6%C3%9Fe", "Größe 🏠"));
        assert!(!is_read(r#"{"a":"Gr??e"}"#, "Größe"));
        assert!(arrived(&["Größe".into()], &[]).is_err());
    }
}
