//! The schema of Google's discovery document `fcm:v1`, and the strict reading that Google's front end gives to JSON:
//! protobuf.dev/programming-guides/json. Names are taken in both spellings, and told as in the proto.

use serde_json::{Map, Value};

use super::answers::FcmError;

/// The type of a field.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Bool,
    Int32,
    Float,
    /// As `3.5s`.
    Duration,
    /// RFC 3339.
    Timestamp,
    Enum(&'static [&'static str]),
    /// From text to text.
    Map,
    /// Any object.
    Struct,
    Texts,
    Durations,
    Object(&'static [Field]),
}

type Field = (&'static str, Kind);

const SEND_MESSAGE_REQUEST: &[Field] = &[("validate_only", Kind::Bool), ("message", Kind::Object(MESSAGE))];

const MESSAGE: &[Field] = &[
    ("name", Kind::Text),
    ("data", Kind::Map),
    ("notification", Kind::Object(NOTIFICATION)),
    ("android", Kind::Object(ANDROID_CONFIG)),
    ("webpush", Kind::Object(WEBPUSH_CONFIG)),
    ("apns", Kind::Object(APNS_CONFIG)),
    ("fcm_options", Kind::Object(FCM_OPTIONS)),
    ("token", Kind::Text),
    ("topic", Kind::Text),
    ("condition", Kind::Text),
];

const NOTIFICATION: &[Field] = &[("title", Kind::Text), ("body", Kind::Text), ("image", Kind::Text)];

const FCM_OPTIONS: &[Field] = &[("analytics_label", Kind::Text)];

const ANDROID_CONFIG: &[Field] = &[
    ("collapse_key", Kind::Text),
    ("priority", Kind::Enum(&["NORMAL", "HIGH"])),
    ("ttl", Kind::Duration),
    ("restricted_package_name", Kind::Text),
    ("data", Kind::Map),
    ("notification", Kind::Object(ANDROID_NOTIFICATION)),
    ("fcm_options", Kind::Object(FCM_OPTIONS)),
    ("direct_boot_ok", Kind::Bool),
    ("bandwidth_constrained_ok", Kind::Bool),
    ("restricted_satellite_ok", Kind::Bool),
];

const PRIORITIES: &[&str] =
    &["PRIORITY_UNSPECIFIED", "PRIORITY_MIN", "PRIORITY_LOW", "PRIORITY_DEFAULT", "PRIORITY_HIGH", "PRIORITY_MAX"];

const ANDROID_NOTIFICATION: &[Field] = &[
    ("title", Kind::Text),
    ("body", Kind::Text),
    ("icon", Kind::Text),
    ("color", Kind::Text),
    ("sound", Kind::Text),
    ("tag", Kind::Text),
    ("click_action", Kind::Text),
    ("body_loc_key", Kind::Text),
    ("body_loc_args", Kind::Texts),
    ("title_loc_key", Kind::Text),
    ("title_loc_args", Kind::Texts),
    ("channel_id", Kind::Text),
    ("ticker", Kind::Text),
    ("sticky", Kind::Bool),
    ("event_time", Kind::Timestamp),
    ("local_only", Kind::Bool),
    ("notification_priority", Kind::Enum(PRIORITIES)),
    ("default_sound", Kind::Bool),
    ("default_vibrate_timings", Kind::Bool),
    ("default_light_settings", Kind::Bool),
    ("vibrate_timings", Kind::Durations),
    ("visibility", Kind::Enum(&["VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"])),
    ("notification_count", Kind::Int32),
    ("light_settings", Kind::Object(LIGHT_SETTINGS)),
    ("image", Kind::Text),
    ("bypass_proxy_notification", Kind::Bool),
    ("proxy", Kind::Enum(&["PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"])),
];

const LIGHT_SETTINGS: &[Field] = &[
    (
        "color",
        Kind::Object(&[("red", Kind::Float), ("green", Kind::Float), ("blue", Kind::Float), ("alpha", Kind::Float)]),
    ),
    ("light_on_duration", Kind::Duration),
    ("light_off_duration", Kind::Duration),
];

const WEBPUSH_CONFIG: &[Field] = &[
    ("headers", Kind::Map),
    ("data", Kind::Map),
    ("notification", Kind::Struct),
    ("fcm_options", Kind::Object(&[("link", Kind::Text), ("analytics_label", Kind::Text)])),
];

const APNS_CONFIG: &[Field] = &[
    ("headers", Kind::Map),
    ("payload", Kind::Struct),
    ("fcm_options", Kind::Object(&[("analytics_label", Kind::Text), ("image", Kind::Text)])),
    ("live_activity_token", Kind::Text),
];

/// Reads the body of `messages:send`. The result has the names of the proto, and no nulls.
pub(super) fn read(body: &[u8]) -> Result<Map<String, Value>, FcmError> {
    let request = match serde_json::from_slice(body) {
        Ok(Value::Object(request)) => request,
        Ok(_) | Err(_) => return Err(FcmError::no_json()),
    };
    let mut reader = Reader::default();
    let read = reader.object(request, SEND_MESSAGE_REQUEST, "");
    if reader.violations.is_empty() { Ok(read) } else { Err(FcmError::bad_request(&reader.violations)) }
}

#[derive(Default)]
struct Reader {
    /// Fields, and what is wrong with them.
    violations: Vec<(String, String)>,
}

impl Reader {
    fn object(&mut self, given: Map<String, Value>, fields: &[Field], path: &str) -> Map<String, Value> {
        let mut read = Map::new();
        for (name, value) in given {
            let Some((known, kind)) = fields.iter().find(|(known, _)| name == *known || name == camel_case(known))
            else {
                self.unknown(&name, path);
                continue;
            };
            let at = join(path, known);
            if read.contains_key(*known) {
                self.wrong(&at, "it is given in both spellings");
            } else if let Some(value) = self.value(value, *kind, &at) {
                read.insert((*known).to_owned(), value);
            }
        }
        read
    }

    /// `null` stands for an absent field.
    fn value(&mut self, value: Value, kind: Kind, at: &str) -> Option<Value> {
        match (kind, value) {
            (_, Value::Null) => None,
            (Kind::Object(fields), Value::Object(given)) => Some(Value::Object(self.object(given, fields, at))),
            (Kind::Map, Value::Object(given)) => Some(self.texts_by_name(given, at)),
            (Kind::Texts | Kind::Durations, Value::Array(items)) => Some(self.list(items, kind, at)),
            (kind, value) => match kind.takes(&value) {
                Ok(()) => Some(value),
                Err(type_name) => {
                    self.mistyped(at, type_name, &value);
                    None
                }
            },
        }
    }

    fn list(&mut self, items: Vec<Value>, kind: Kind, at: &str) -> Value {
        let item_kind = if matches!(kind, Kind::Texts) { Kind::Text } else { Kind::Duration };
        for (index, item) in items.iter().enumerate() {
            if let Err(type_name) = item_kind.takes(item) {
                self.mistyped(&format!("{at}[{index}]"), type_name, item);
            }
        }
        Value::Array(items)
    }

    fn texts_by_name(&mut self, given: Map<String, Value>, at: &str) -> Value {
        for (index, value) in given.values().enumerate() {
            if !value.is_string() {
                self.mistyped(&format!("{at}[{index}].value"), "TYPE_STRING", value);
            }
        }
        Value::Object(given)
    }

    fn unknown(&mut self, name: &str, path: &str) {
        let place = if path.is_empty() { String::new() } else { format!(" at '{path}'") };
        let description = format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field.");
        self.violations.push((path.to_owned(), description));
    }

    fn mistyped(&mut self, at: &str, type_name: &str, value: &Value) {
        let value = match value {
            Value::Object(_) | Value::Array(_) => "Starting an object on a scalar field".to_owned(),
            scalar => scalar.to_string(),
        };
        self.violations.push((at.to_owned(), format!("Invalid value at '{at}' ({type_name}), {value}")));
    }

    fn wrong(&mut self, at: &str, why: &str) {
        self.violations.push((at.to_owned(), format!("Invalid value at '{at}', {why}")));
    }
}

impl Kind {
    /// Whether a value is of this type, or else the type's name.
    fn takes(self, value: &Value) -> Result<(), &'static str> {
        let text = value.as_str();
        let (is_right, name) = match self {
            Self::Text => (text.is_some(), "TYPE_STRING"),
            Self::Bool => (value.is_boolean(), "TYPE_BOOL"),
            Self::Int32 => {
                let number = value.as_i64().or_else(|| text?.parse().ok());
                (number.is_some_and(|number| i32::try_from(number).is_ok()), "TYPE_INT32")
            }
            Self::Float => (value.is_number(), "TYPE_FLOAT"),
            Self::Duration => (text.and_then(seconds).is_some(), "type.googleapis.com/google.protobuf.Duration"),
            Self::Timestamp => {
                let is_right = text.is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok());
                (is_right, "type.googleapis.com/google.protobuf.Timestamp")
            }
            Self::Enum(names) => (text.is_some_and(|text| names.contains(&text)), "TYPE_ENUM"),
            Self::Struct => (value.is_object(), "type.googleapis.com/google.protobuf.Struct"),
            Self::Map | Self::Texts | Self::Durations | Self::Object(_) => (false, "TYPE_MESSAGE"),
        };
        if is_right { Ok(()) } else { Err(name) }
    }
}

/// The seconds of a duration, as 3.5 of `3.5s`.
pub(super) fn seconds(duration: &str) -> Option<f64> {
    let number = duration.strip_suffix('s')?;
    let is_decimal = number.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit() || b == b'.');
    number.parse().ok().filter(|_| is_decimal)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut joined = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(word.len().min(1));
        joined.push_str(&first.to_ascii_uppercase());
        joined.push_str(rest);
    }
    joined
}
