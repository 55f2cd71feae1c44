//! The people, properties, preferences and the template that a sandbox starts with.

use super::{Property, User};

/// What a person wants to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreferenceSeed {
    /// Id in the user database.
    pub user_id: &'static str,
    /// Whether email is wanted.
    pub email_enabled: bool,
    /// Whether SMS is wanted.
    pub sms_enabled: bool,
    /// Kinds of property of interest.
    pub property_types: &'static [&'static str],
    /// Place of interest.
    pub location: &'static str,
}

/// A template with its content per channel, in handlebars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateSeed {
    /// Name of the template.
    pub name: &'static str,
    /// Subject of the email.
    pub email_subject: &'static str,
    /// The email as plain text.
    pub email_text: &'static str,
    /// The email as HTML.
    pub email_html: &'static str,
    /// The SMS.
    pub sms_text: &'static str,
}

/// Suggested on the page and at the start; sends the seeded template to user 1 about property 1. `{origin}` stands for
/// scheme, host and port of the server.
pub const CURL_EXAMPLE: &str = "curl {origin}/v1/notifications -H 'content-type: application/json' -d '{\"recipient\": \
    {\"id\": \"1\"}, \"subject\": \"1\", \"template\": {\"name\": \"rent-reminder\"}, \"variables\": {\"amount\": \"$2,450\", \
    \"due_date\": \"1 August\"}}'";

/// Users 1 to 4. The numbers are of the range 555-0100 to 555-0199, which is reserved for fiction.
pub fn seed_users() -> Vec<User> {
    let user = |id: &str, name: &str| User {
        id: id.to_owned(),
        email: format!("{name}@example.com"),
        phone_number: format!("+1415555010{id}"),
    };
    vec![user("1", "ana"), user("2", "ben"), user("3", "carla"), user("4", "dev")]
}

/// Properties 1 to 4, one of the kind and place that each user is interested in.
pub fn seed_properties() -> Vec<Property> {
    let property = |id: &str, address: &str, property_type: &str, price| Property {
        id: id.to_owned(),
        address: address.to_owned(),
        property_type: property_type.to_owned(),
        price,
    };
    vec![
        property("1", "12 Bleecker Street, Apt 4B, New York, NY 10012", "apartment", 2_450),
        property("2", "820 Pine Street, Apt 11, Seattle, WA 98101", "apartment", 1_980),
        property("3", "45 Coral Way, Miami, FL 33129", "house", 3_200),
        property("4", "7 Alta Vista Terrace, San Francisco, CA 94114", "villa", 7_900),
    ]
}

/// User 1 wants email and SMS, 2 email only, 3 SMS only, 4 neither.
pub fn seed_preferences() -> Vec<PreferenceSeed> {
    let preference = |user_id, email_enabled, sms_enabled, property_types, location| PreferenceSeed {
        user_id,
        email_enabled,
        sms_enabled,
        property_types,
        location,
    };
    vec![
        preference("1", true, true, &["apartment", "house"], "New York"),
        preference("2", true, false, &["apartment"], "Seattle"),
        preference("3", false, true, &["house"], "Miami"),
        preference("4", false, false, &["villa"], "San Francisco"),
    ]
}

/// The template `rent-reminder`. Variables: `amount`, `due_date`; from the look-ups: `recipient.id`, `subject.address`,
/// `subject.property_type`.
pub fn seed_template() -> TemplateSeed {
    TemplateSeed {
        name: "rent-reminder",
        email_subject: "Rent for {{subject.address}} is due on {{due_date}}",
        email_text: include_str!("seed/rent-reminder.txt"),
        email_html: include_str!("seed/rent-reminder.html"),
        sms_text: "Reminder: {{amount}} rent for {{subject.address}} is due on {{due_date}}.",
    }
}
