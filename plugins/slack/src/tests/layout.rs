//! Which layouts are read.

use notifier_plugin_sdk::{RejectionKind, SendError};
use serde_json::{Value, json};

use crate::layout::{ATTACHMENTS_MAX, BLOCKS_MAX, Layout};

fn check(json: &Value, blocks: usize, attachments: usize) {
    let layout = Layout::read(&json.to_string()).unwrap();
    assert_eq!((layout.blocks.len(), layout.attachments.len()), (blocks, attachments), "{json}");
}

fn check_refused(json: &str, code: &str, wanted: &str) {
    let SendError::Rejected(rejection) = Layout::read(json).unwrap_err() else { unreachable!("{json}") };
    assert_eq!((rejection.kind, rejection.problem.code.as_deref()), (RejectionKind::Message, Some(code)), "{json}");
    assert!(rejection.problem.message.contains(wanted), "{}", rejection.problem.message);
}

#[test]
fn blocks_and_attachments() {
    let divider = json!({"type": "divider"});
    check(&json!([]), 0, 0);
    check(&json!([divider]), 1, 0);
    check(&json!({}), 0, 0);
    check(&json!({"blocks": [divider, divider]}), 2, 0);
    check(&json!({"attachments": [{"blocks": [divider]}]}), 0, 1);
    check(&json!({"blocks": vec![divider; BLOCKS_MAX], "attachments": vec![json!({}); ATTACHMENTS_MAX]}), 50, 100);
}

#[test]
fn limits_are_said() {
    let blocks = json!(vec![json!({"type": "divider"}); BLOCKS_MAX + 1]);
    check_refused(&blocks.to_string(), "invalid_blocks", "51 blocks, Slack takes 50");
    let attachments = json!({"attachments": vec![json!({}); ATTACHMENTS_MAX + 1]});
    check_refused(&attachments.to_string(), "too_many_attachments", "101 attachments, Slack takes 100");
}

#[test]
fn what_is_no_layout_is_named() {
    for (json, wanted) in [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("<b>", "is not JSON"),
        ("[] []", "is not JSON"),
        ("7", "neither an array of blocks nor an object"),
        ("\"text\"", "neither an array of blocks nor an object"),
        ("null", "neither an array of blocks nor an object"),
        (r#"{"channel":"C2"}"#, "a key `channel`"),
        (r#"{"blocks":[],"text":"Hi"}"#, "a key `text`"),
        (r#"{"blocks":{}}"#, "`blocks` of the layout is not an array"),
        (r#"{"attachments":null}"#, "`attachments` of the layout is not an array"),
        (r#"[{"type":"divider"},"divider"]"#, "block 1"),
        (r#"[{"type":7}]"#, "block 0"),
        ("[{}]", "block 0"),
        (r#"{"attachments":["x"]}"#, "attachment 0"),
    ] {
        check_refused(json, "invalid_blocks_format", wanted);
    }
    // Nested as deep as nobody writes it, it neither passes nor overflows the stack.
    check_refused(&"[".repeat(100_000), "invalid_blocks_format", "is not JSON");
}
