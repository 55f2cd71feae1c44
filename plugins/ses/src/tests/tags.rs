//! What becomes of texts in tags.

use std::collections::BTreeMap;

use notifier_plugin_sdk::Context;
use notifier_plugin_sdk::testing::context;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::tags::{escaped, is_tag, tags, unescaped};

fn written(context: &Context, own: &[(&str, &str)]) -> Value {
    let own: BTreeMap<_, _> = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    serde_json::to_value(tags(context, &own)).unwrap()
}

#[test]
fn ours_come_first_and_what_does_not_fit_is_left_out() {
    let context =
        Context { category: "größe 5".into(), tenant: String::new(), idempotency_key: "a_b".into(), ..context() };
    assert_eq!(
        written(&context, &[("house", "north")]),
        json!([
            {"Name": "category", "Value": "gr__e_5"},
            {"Name": "notifier_key", "Value": "a_5fb"},
            {"Name": "house", "Value": "north"},
        ])
    );
    let context = Context { category: "c".repeat(257), ..context };
    assert_eq!(written(&context, &[])[0]["Name"], "notifier_key");
}

#[test]
fn what_was_not_escaped_is_not_read() {
    for text in ["_", "_2", "a_zz", "_ü", "_ff", "a_2e_"] {
        assert_eq!(unescaped(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn a_key_survives_its_tag(key in ".{1,60}") {
        let tag = escaped(&key);
        prop_assert!(tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{}", tag);
        prop_assert_eq!(is_tag(&tag), tag.len() <= 256);
        prop_assert_eq!(unescaped(&tag), Some(key));
    }

    #[test]
    fn reading_never_panics(text in ".{0,60}") {
        let _ = unescaped(&text);
    }
}
