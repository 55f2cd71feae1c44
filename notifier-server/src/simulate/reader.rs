//! From TOML to a [`Scenario`]: every mistake is told, with its field and with what would be right.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use config::{Map, Value};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use notifier_core::testing::Trouble;
use notifier_core::{
    Channel, ChatSource, Content, EmailSource, PushSource, SmsSource, Template, TemplateName, WebhookSource,
};

use super::SimulateError;
use super::scenario::{Behaviour, Episode, Expectations, First, Recipients, Reports, Scenario, Schedule, Words};
use crate::config::Config;
use crate::config::reader::{Notes, Section};
use crate::config::source::Named;

/// Parts of a configuration that a scenario may hold itself, over the file that it names.
const OF_THE_CONFIGURATION: [&str; 7] = ["flow", "limits", "senders", "categories", "providers", "routes", "route"];

/// Where the recipients are when nothing is said about it.
const PHONES: &str = "+1415#######";

/// Reads a scenario. Paths in it are relative to `folder`; `name` is how errors call it.
pub(super) fn read(name: &str, text: &str, folder: &Path) -> Result<Scenario, SimulateError> {
    let Named(entries) = Named::toml(name, text).map_err(|error| SimulateError::Unreadable(error.to_string()))?;
    let (settings, own): (Map<String, Value>, Map<String, Value>) =
        entries.into_iter().partition(|(key, _)| OF_THE_CONFIGURATION.contains(&key.as_str()));
    let notes = Notes::default();
    let mut root = Section::root(own, &notes);
    let file = root.optional_text("config").map(|path| folder.join(path));
    let config = Config::load_for_scenario(file.as_deref(), Named(settings))?;
    let start = root.text("start");
    let start = read_instant(&start).unwrap_or_else(|| {
        root.refuse("start", format!("must be a time, as `2027-01-01T00:00:00Z`, not `{start}`"));
        Timestamp::UNIX_EPOCH
    });
    let duration = parsed(&mut root, "duration", A_SPAN, read_span).unwrap_or_else(|| Span::new().years(1));
    let end = plus(start, duration).unwrap_or(start);
    if end <= start {
        root.refuse("duration", "must be more than nothing, and end before the year 9999");
    }
    let seed = root.optional_number("seed", 0..=u64::MAX).unwrap_or(1);
    let recipients = read_recipients(root.section("recipients"));
    let templates = root.section("templates").sections();
    let templates: Vec<Template> =
        templates.into_iter().filter_map(|(name, section)| read_template(&name, section)).collect();
    let known = Known { config: &config, templates: &templates, start };
    let schedules: Vec<Schedule> =
        root.sections_of("schedule").into_iter().map(|section| read_schedule(section, &known)).collect();
    if schedules.is_empty() {
        root.refuse("schedule", "is required: say what is sent when, as `[[schedule]]`");
    }
    let behaviours = root.section("behaviour").sections();
    let behaviours = behaviours.into_iter().map(|(name, section)| read_behaviour(name, section, &known)).collect();
    let troubles = root.sections_of("trouble");
    let troubles = troubles.into_iter().filter_map(|section| read_trouble(section, &known, end)).collect();
    let expectations = read_expectations(root.section("expect"));
    root.finish();
    notes.finish().map_err(SimulateError::Scenario)?;
    Ok(Scenario { start, end, seed, config, recipients, templates, schedules, behaviours, troubles, expectations })
}

/// What other parts of the scenario may name.
struct Known<'a> {
    config: &'a Config,
    templates: &'a [Template],
    start: Timestamp,
}

const A_SPAN: &str = "a length of time, as `90 minutes`, `1 month` or `P1M`";
const A_DURATION: &str = "a length of time in days and less, as `2 days`, `90 s` or `PT90S`";

/// The value of that key, if it is there and can be read.
fn parsed<T>(section: &mut Section<'_>, key: &str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    let text = section.optional_text(key)?;
    let value = read(&text);
    if value.is_none() {
        section.refuse(key, format!("must be {expected}, not `{text}`"));
    }
    value
}

fn read_span(text: &str) -> Option<Span> {
    text.parse().ok().filter(|span: &Span| span.is_positive())
}

fn read_duration(text: &str) -> Option<SignedDuration> {
    let span: Span = text.parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Some(duration).filter(|duration| !duration.is_negative())
}

/// An instant; without an offset it is in UTC.
fn read_instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Some(text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()))
}

fn plus(start: Timestamp, span: Span) -> Option<Timestamp> {
    Some(start.to_zoned(TimeZone::UTC).checked_add(span).ok()?.timestamp())
}

fn read_channels(section: &mut Section<'_>, key: &str) -> Option<Vec<Channel>> {
    let names = section.optional_list(key)?;
    let channels: Result<Vec<Channel>, _> = names.iter().map(|name| name.parse()).collect();
    channels.map_err(|error| section.refuse(key, error.to_string())).ok()
}

fn read_recipients(mut section: Section<'_>) -> Recipients {
    let time_zones = section.optional_list("time_zones").unwrap_or_else(|| vec!["UTC".to_owned()]);
    if let Some(wrong) = time_zones.iter().find(|name| TimeZone::get(name).is_err()) {
        section.refuse("time_zones", format!("there is no time zone `{wrong}`: use names as `Europe/Madrid`"));
    }
    let phones = section.optional_list("phones").unwrap_or_else(|| vec![PHONES.to_owned()]);
    let is_phone = |phone: &String| {
        let digits = phone.strip_prefix('+').unwrap_or_default();
        (8..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'#')
    };
    if let Some(wrong) = phones.iter().find(|phone| !is_phone(phone)) {
        let problem = format!("must be `+` and 8 to 15 digits, `#` for any, as `{PHONES}`, not `{wrong}`");
        section.refuse("phones", problem);
    }
    if time_zones.is_empty() || phones.is_empty() {
        section.refuse_all("`time_zones` and `phones` must name at least one each, or be left out");
    }
    let mut shares = section.section("opted_out_percent");
    let opted_out =
        Channel::ALL.iter().filter_map(|channel| Some((*channel, shares.optional_percent(channel.name())?)));
    let opted_out = opted_out.collect();
    shares.finish();
    section.finish();
    Recipients { time_zones, phones, opted_out }
}

fn read_content(section: &mut Section<'_>) -> Content {
    let email = section.optional_section("email").map(|mut email| {
        let source = EmailSource {
            subject: email.text("subject"),
            text: email.optional_text("text"),
            html: email.optional_text("html"),
        };
        if source.text.is_none() && source.html.is_none() {
            email.refuse("text", "give `text`, `html` or both");
        }
        email.finish();
        source
    });
    let sms = section.optional_text("sms").map(|text| SmsSource { text });
    let push = section.optional_section("push").map(|mut push| {
        let data = push.section("data").texts().into_iter().collect();
        let source = PushSource { title: push.text("title"), body: push.text("body"), data };
        push.finish();
        source
    });
    let chat = section.optional_section("chat").map(|mut chat| {
        let source = ChatSource { text: chat.text("text"), layout: chat.optional_text("layout") };
        chat.finish();
        source
    });
    let webhook = section.optional_section("webhook").map(|mut webhook| {
        let source = WebhookSource { kind: webhook.text("kind"), payload: webhook.text("payload") };
        webhook.finish();
        source
    });
    let content = Content { email, sms, push, chat, webhook };
    if content == Content::default() {
        let problem = "give `sms` (text), `email` (a table with `subject` and `text` or `html`), `push` (`title`, `body`), \
                       `chat` (`text`), `webhook` (`kind`, `payload`), or several of them";
        section.refuse_all(problem);
    }
    content
}

fn read_template(name: &str, mut section: Section<'_>) -> Option<Template> {
    let content = read_content(&mut section);
    let parsed = TemplateName::new(name).map_err(|error| section.refuse_all(format!("not a name: {error}")));
    section.finish();
    let (locales, variables) = (BTreeMap::new(), BTreeMap::new());
    Some(Template { name: parsed.ok()?, version: 0, content, locales, variables })
}

fn read_schedule(mut section: Section<'_>, known: &Known<'_>) -> Schedule {
    let name = section.text("name");
    let first = read_first(&mut section, known.start);
    let every = parsed(&mut section, "every", A_SPAN, read_span);
    let count = section.optional_number("count", 1..=10_000_000);
    let duration = |section: &mut Section<'_>, key| parsed(section, key, A_DURATION, read_duration).unwrap_or_default();
    let ahead = duration(&mut section, "ahead");
    let spread = duration(&mut section, "spread");
    let recipients = section.optional_number("recipients", 1..=1_000_000).unwrap_or(1);
    let category = section.optional_text("category").unwrap_or_else(|| "default".to_owned());
    let categories = || known.config.categories.iter().map(|category| category.name.as_str());
    if !categories().any(|name| name == category) {
        let known: Vec<&str> = categories().collect();
        section.refuse("category", format!("there is no category `{category}`; there are `{}`", known.join("`, `")));
    }
    let channels = read_channels(&mut section, "channels");
    let words = match (section.optional_text("template"), section.optional_section("content")) {
        (Some(_), Some(content)) => {
            content.refuse_all("give either `template` or `content`, not both");
            Words::Written(Box::default())
        }
        (Some(name), None) => {
            if !known.templates.iter().any(|template| template.name.as_str() == name) {
                section.refuse("template", format!("there is no template `{name}`: add a section [templates.{name}]"));
            }
            Words::Template(name)
        }
        (None, Some(mut content)) => {
            let words = read_content(&mut content);
            content.finish();
            Words::Written(Box::new(words))
        }
        (None, None) => Words::Written(Box::new(some_words(&name))),
    };
    let variables = section.json("variables").as_object().cloned().unwrap_or_default();
    section.finish();
    Schedule { name, first, every, count, ahead, spread, recipients, category, channels, words, variables }
}

/// For those who care about when and whether, and not about what.
fn some_words(name: &str) -> Content {
    let email = EmailSource { subject: name.to_owned(), text: Some(name.to_owned()), html: None };
    let push = PushSource { title: name.to_owned(), body: name.to_owned(), ..PushSource::default() };
    let chat = ChatSource { text: name.to_owned(), layout: None };
    let webhook = WebhookSource { kind: "simulated".to_owned(), payload: "{}".to_owned() };
    let sms = Some(SmsSource { text: name.to_owned() });
    Content { email: Some(email), sms, push: Some(push), chat: Some(chat), webhook: Some(webhook) }
}

fn read_first(section: &mut Section<'_>, start: Timestamp) -> First {
    let zone =
        parsed(section, "time_zone", "the name of a time zone, as `Europe/Madrid`", |name| TimeZone::get(name).ok());
    let Some(text) = section.optional_text("at") else {
        return First::At(start, zone.unwrap_or(TimeZone::UTC));
    };
    let first = match (text.parse::<Timestamp>(), text.parse::<DateTime>(), zone) {
        (Ok(instant), _, zone) => Some(First::At(instant, zone.unwrap_or(TimeZone::UTC))),
        (Err(_), Ok(local), None) => Some(First::Local(local)),
        (Err(_), Ok(local), Some(zone)) => {
            local.to_zoned(zone.clone()).ok().map(|zoned| First::At(zoned.timestamp(), zone))
        }
        (Err(_), Err(_), _) => None,
    };
    first.unwrap_or_else(|| {
        let problem = format!(
            "must be a time, as `2027-01-01T09:00` (by the clock of `time_zone`, or of each recipient without one) or \
             `2027-01-01T09:00:00Z`, not `{text}`"
        );
        section.refuse("at", problem);
        First::At(start, TimeZone::UTC)
    })
}

fn check_provider(section: &Section<'_>, key: Option<&str>, name: &str, known: &Known<'_>) {
    if known.config.providers.contains_key(name) {
        return;
    }
    let names: Vec<&str> = known.config.providers.keys().map(String::as_str).collect();
    let problem = format!("there is no provider `{name}`; there are `{}`", names.join("`, `"));
    match key {
        Some(key) => section.refuse(key, problem),
        None => section.refuse_all(problem),
    }
}

fn read_behaviour(name: String, mut section: Section<'_>, known: &Known<'_>) -> (String, Behaviour) {
    check_provider(&section, None, &name, known);
    let latency = parsed(&mut section, "latency", A_DURATION, read_duration).unwrap_or_default();
    let reports = section.optional_section("receipts").map(|mut receipts| {
        let mut percent = |key| receipts.optional_percent(key).unwrap_or(0.0);
        let (delivered, failed, bounced) =
            (percent("delivered_percent"), percent("failed_percent"), percent("bounced_percent"));
        if delivered + failed + bounced > 100.0 {
            receipts.refuse_all("the shares must be 100 at most together");
        }
        let delay = parsed(&mut receipts, "delay", A_DURATION, read_duration).unwrap_or_default();
        receipts.finish();
        Reports { delivered, failed, bounced, delay }
    });
    section.finish();
    (name, Behaviour { latency: unsigned(latency), reports })
}

fn unsigned(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap_or_default()
}

fn read_trouble(mut section: Section<'_>, known: &Known<'_>, end: Timestamp) -> Option<Episode> {
    let provider = section.text("provider");
    check_provider(&section, Some("provider"), &provider, known);
    let kind = section.text("kind");
    let by = parsed(&mut section, "by", A_DURATION, read_duration).map(unsigned);
    let retry_after = parsed(&mut section, "retry_after", A_DURATION, read_duration).map(unsigned);
    let trouble = match kind.as_str() {
        "down" => Some(Trouble::Down),
        "rate_limited" => Some(Trouble::RateLimited { retry_after }),
        "slow" => Some(Trouble::Slow(by.unwrap_or(Duration::from_secs(10)))),
        "hang" => Some(Trouble::Hangs),
        "lost_answers" => Some(Trouble::LosesAnswers),
        "refuses_everybody" => Some(Trouble::RefusesEverybody),
        "refuses_addresses" => Some(Trouble::RefusesAddress),
        "" => None,
        other => {
            let problem = format!(
                "must be `down`, `slow`, `hang`, `rate_limited`, `lost_answers`, `refuses_everybody` or \
                 `refuses_addresses`, not `{other}`"
            );
            section.refuse("kind", problem);
            None
        }
    };
    if by.is_some() && kind != "slow" {
        section.refuse("by", "goes with the kind `slow`");
    }
    if retry_after.is_some() && kind != "rate_limited" {
        section.refuse("retry_after", "goes with the kind `rate_limited`");
    }
    let expected = "a time, as `2027-07-01T06:00:00Z`";
    let from = parsed(&mut section, "from", expected, read_instant).unwrap_or(known.start);
    let to = parsed(&mut section, "to", expected, read_instant);
    let lasts = parsed(&mut section, "for", A_SPAN, read_span);
    if to.is_some() && lasts.is_some() {
        section.refuse("for", "give either `to` or `for`, not both");
    }
    let to = to.or_else(|| plus(from, lasts?)).unwrap_or(end);
    if to <= from {
        section.refuse("to", format!("must be after `from`, {from}"));
    }
    let percent = section.optional_number("percent", 1..=100).and_then(|percent| u8::try_from(percent).ok());
    section.finish();
    Some(Episode { provider, trouble: trouble?, from, to, percent: percent.unwrap_or(100) })
}

fn read_expectations(mut section: Section<'_>) -> Expectations {
    let expectations = Expectations {
        sent_percent_min: section.optional_percent("sent_percent_min"),
        delivered_percent_min: section.optional_percent("delivered_percent_min"),
        failed_max: section.optional_number("failed_max", 0..=u64::MAX),
        repeats_max: section.optional_number("repeats_max", 0..=u64::MAX),
        refused_max: section.optional_number("refused_max", 0..=u64::MAX),
        late_p99_max: parsed(&mut section, "late_p99_max", A_DURATION, read_duration),
        late_max: parsed(&mut section, "late_max", A_DURATION, read_duration),
    };
    section.finish();
    expectations
}
