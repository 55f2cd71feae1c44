//! Block Kit, checked for its structure: docs.slack.dev/reference/block-kit/blocks, `/block-elements` and
//! `/composition-objects`, and the types of Slack's SDK (slackapi/node-slack-sdk, `packages/types/src/block-kit`).
//!
//! Interactive elements but the button are known by their types only. Complaints have the form of Slack's
//! `response_metadata.messages`.

use std::collections::HashSet;

use serde_json::{Map, Value};

/// "You can include up to 50 blocks in each message."
const BLOCKS_MAX: usize = 50;

const INTERACTIVE: [&str; 20] = [
    "channels_select",
    "checkboxes",
    "conversations_select",
    "datepicker",
    "datetimepicker",
    "email_text_input",
    "external_select",
    "multi_channels_select",
    "multi_conversations_select",
    "multi_external_select",
    "multi_static_select",
    "multi_users_select",
    "number_input",
    "overflow",
    "plain_text_input",
    "radio_buttons",
    "static_select",
    "timepicker",
    "url_text_input",
    "users_select",
];

/// All complaints about a list of blocks at that place.
pub(super) fn check(blocks: &[Value], pointer: &str) -> Vec<String> {
    let mut checker = Checker::default();
    if blocks.len() > BLOCKS_MAX {
        checker.complain(format!("no more than {BLOCKS_MAX} items allowed"), pointer);
    }
    for (index, block) in blocks.iter().enumerate() {
        checker.block(block, &format!("{pointer}/{index}"));
    }
    checker.complaints
}

#[derive(Default)]
struct Checker {
    complaints: Vec<String>,
    block_ids: HashSet<String>,
}

/// Which text objects a place takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    Plain,
    Any,
}

impl Checker {
    fn complain(&mut self, message: impl AsRef<str>, pointer: &str) {
        self.complaints.push(format!("[ERROR] {} [json-pointer:{pointer}]", message.as_ref()));
    }

    fn block(&mut self, block: &Value, pointer: &str) {
        let Some((kind, fields)) = self.typed(block, pointer) else { return };
        match kind {
            "section" => self.section(fields, pointer),
            "divider" => self.fields(fields, pointer, &[], &[]),
            "header" => {
                self.fields(fields, pointer, &["text"], &[]);
                self.text(fields, "text", pointer, Text::Plain, 150);
            }
            "image" => self.image(fields, pointer),
            "context" => {
                self.fields(fields, pointer, &["elements"], &[]);
                for (element, at) in self.list(fields, "elements", pointer, 10) {
                    self.context_element(element, &at);
                }
            }
            "actions" => {
                self.fields(fields, pointer, &["elements"], &[]);
                for (element, at) in self.list(fields, "elements", pointer, 25) {
                    self.element(element, &at);
                }
            }
            "input" => {
                self.fields(fields, pointer, &["label", "element"], &["hint", "optional", "dispatch_action"]);
                self.text(fields, "label", pointer, Text::Plain, 2_000);
                self.text(fields, "hint", pointer, Text::Plain, 2_000);
                if let Some(element) = fields.get("element") {
                    self.element(element, &format!("{pointer}/element"));
                }
            }
            "markdown" => {
                self.fields(fields, pointer, &["text"], &[]);
                self.string(fields, "text", pointer, 12_000);
            }
            "rich_text" => {
                self.fields(fields, pointer, &["elements"], &[]);
                for (element, at) in self.list(fields, "elements", pointer, usize::MAX) {
                    self.rich_text(element, &at);
                }
            }
            "table" => {
                self.fields(fields, pointer, &["rows"], &["column_settings"]);
                self.list(fields, "rows", pointer, 100);
            }
            "video" => self.video(fields, pointer),
            // "This block can't be added to app surfaces directly": `file` is only read.
            unknown => self.complain(format!("unsupported type: {unknown}"), &format!("{pointer}/type")),
        }
        self.block_id(fields, pointer);
    }

    fn section(&mut self, fields: &Map<String, Value>, pointer: &str) {
        self.fields(fields, pointer, &[], &["text", "fields", "accessory", "expand"]);
        if !fields.contains_key("text") && !fields.contains_key("fields") {
            self.complain("missing required field: text", pointer);
        }
        self.text(fields, "text", pointer, Text::Any, 3_000);
        if fields.contains_key("fields") {
            for (field, at) in self.list(fields, "fields", pointer, 10) {
                self.text_object(field, &at, Text::Any, 2_000);
            }
        }
        if let Some(accessory) = fields.get("accessory") {
            let at = format!("{pointer}/accessory");
            match accessory.get("type").and_then(Value::as_str) {
                Some("image") => self.context_element(accessory, &at),
                _ => self.element(accessory, &at),
            }
        }
    }

    fn image(&mut self, fields: &Map<String, Value>, pointer: &str) {
        self.fields(fields, pointer, &["alt_text"], &["image_url", "slack_file", "title"]);
        self.picture(fields, pointer);
        self.text(fields, "title", pointer, Text::Plain, 2_000);
    }

    /// Either by its address or by a file that Slack has.
    fn picture(&mut self, fields: &Map<String, Value>, pointer: &str) {
        self.string(fields, "alt_text", pointer, 2_000);
        self.url(fields, "image_url", pointer);
        if fields.contains_key("image_url") == fields.contains_key("slack_file") {
            self.complain("must have exactly one of image_url and slack_file", pointer);
        }
    }

    fn video(&mut self, fields: &Map<String, Value>, pointer: &str) {
        let optional = ["title_url", "author_name", "provider_name", "provider_icon_url", "description"];
        self.fields(fields, pointer, &["alt_text", "title", "thumbnail_url", "video_url"], &optional);
        self.text(fields, "title", pointer, Text::Plain, 200);
        self.text(fields, "description", pointer, Text::Plain, 200);
        for name in ["thumbnail_url", "video_url", "title_url", "provider_icon_url"] {
            self.url(fields, name, pointer);
        }
    }

    fn context_element(&mut self, element: &Value, pointer: &str) {
        let Some((kind, fields)) = self.typed(element, pointer) else { return };
        match kind {
            "image" => {
                self.fields(fields, pointer, &["alt_text"], &["image_url", "slack_file"]);
                self.picture(fields, pointer);
            }
            _ => self.text_object(element, pointer, Text::Any, 3_000),
        }
    }

    fn element(&mut self, element: &Value, pointer: &str) {
        let Some((kind, fields)) = self.typed(element, pointer) else { return };
        match kind {
            "button" => {
                let optional = ["action_id", "url", "value", "style", "confirm", "accessibility_label"];
                self.fields(fields, pointer, &["text"], &optional);
                self.text(fields, "text", pointer, Text::Plain, 75);
                self.string(fields, "value", pointer, 2_000);
                self.string(fields, "accessibility_label", pointer, 75);
                self.url(fields, "url", pointer);
                let style = fields.get("style");
                if style.is_some_and(|style| !matches!(style.as_str(), Some("primary" | "danger"))) {
                    self.complain("must be a valid enum value", &format!("{pointer}/style"));
                }
            }
            known if INTERACTIVE.contains(&known) => {}
            unknown => self.complain(format!("unsupported type: {unknown}"), &format!("{pointer}/type")),
        }
        self.string(fields, "action_id", pointer, 255);
    }

    fn rich_text(&mut self, element: &Value, pointer: &str) {
        let Some((kind, fields)) = self.typed(element, pointer) else { return };
        let kinds = ["rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"];
        if !kinds.contains(&kind) {
            self.complain(format!("unsupported type: {kind}"), &format!("{pointer}/type"));
        }
        if !fields.get("elements").is_some_and(Value::is_array) {
            self.complain("missing required field: elements", pointer);
        }
    }

    fn block_id(&mut self, fields: &Map<String, Value>, pointer: &str) {
        self.string(fields, "block_id", pointer, 255);
        if let Some(Value::String(id)) = fields.get("block_id")
            && !self.block_ids.insert(id.clone())
        {
            self.complain("block_id already exists", &format!("{pointer}/block_id"));
        }
    }

    /// An object with a `type`.
    fn typed<'a>(&mut self, value: &'a Value, pointer: &str) -> Option<(&'a str, &'a Map<String, Value>)> {
        let Some(fields) = value.as_object() else {
            self.complain("must be an object", pointer);
            return None;
        };
        let kind = fields.get("type").and_then(Value::as_str);
        if kind.is_none() {
            self.complain("missing required field: type", pointer);
        }
        Some((kind?, fields))
    }

    /// The fields that have to be there and those that may; `type`, and of blocks `block_id`, are taken everywhere.
    fn fields(&mut self, fields: &Map<String, Value>, pointer: &str, required: &[&str], optional: &[&str]) {
        for name in required {
            if !fields.contains_key(*name) {
                self.complain(format!("missing required field: {name}"), pointer);
            }
        }
        for name in fields.keys().map(String::as_str) {
            let is_known = required.contains(&name) || optional.contains(&name) || matches!(name, "type" | "block_id");
            if !is_known {
                self.complain(format!("no more properties allowed: {name}"), pointer);
            }
        }
    }

    fn text(&mut self, fields: &Map<String, Value>, name: &str, pointer: &str, kinds: Text, chars_max: usize) {
        if let Some(text) = fields.get(name) {
            self.text_object(text, &format!("{pointer}/{name}"), kinds, chars_max);
        }
    }

    /// `{"type":"mrkdwn","text":"…"}`.
    fn text_object(&mut self, text: &Value, pointer: &str, kinds: Text, chars_max: usize) {
        let Some((kind, fields)) = self.typed(text, pointer) else { return };
        match kind {
            "plain_text" => self.fields(fields, pointer, &["text"], &["emoji"]),
            "mrkdwn" if kinds == Text::Any => self.fields(fields, pointer, &["text"], &["verbatim"]),
            unknown => self.complain(format!("unsupported type: {unknown}"), &format!("{pointer}/type")),
        }
        for name in ["emoji", "verbatim"] {
            if fields.get(name).is_some_and(|value| !value.is_boolean()) {
                self.complain("must be a boolean", &format!("{pointer}/{name}"));
            }
        }
        self.string(fields, "text", pointer, chars_max);
    }

    fn string(&mut self, fields: &Map<String, Value>, name: &str, pointer: &str, chars_max: usize) {
        let Some(value) = fields.get(name) else { return };
        let at = format!("{pointer}/{name}");
        match value.as_str().map(|text| text.chars().count()) {
            None => self.complain("must be a string", &at),
            Some(0) => self.complain("must be more than 0 characters", &at),
            Some(chars) if chars > chars_max => {
                self.complain(format!("must be less than {} characters", chars_max + 1), &at)
            }
            Some(_) => {}
        }
    }

    fn url(&mut self, fields: &Map<String, Value>, name: &str, pointer: &str) {
        self.string(fields, name, pointer, 3_000);
        let is_url =
            |text: &str| text.parse::<http::Uri>().is_ok_and(|url| url.scheme().is_some() && url.host().is_some());
        if fields.get(name).and_then(Value::as_str).is_some_and(|text| !is_url(text)) {
            self.complain("must be a valid URL", &format!("{pointer}/{name}"));
        }
    }

    /// The items of a list that must not be empty, with their places.
    fn list<'a>(
        &mut self,
        fields: &'a Map<String, Value>,
        name: &str,
        pointer: &str,
        items_max: usize,
    ) -> Vec<(&'a Value, String)> {
        let at = format!("{pointer}/{name}");
        let items = match fields.get(name) {
            None => return Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.complain("must be an array", &at);
                return Vec::new();
            }
        };
        if items.is_empty() {
            self.complain("must be more than 0 items", &at);
        }
        if items.len() > items_max {
            self.complain(format!("no more than {items_max} items allowed"), &at);
        }
        items.iter().enumerate().map(|(index, item)| (item, format!("{at}/{index}"))).collect()
    }
}
