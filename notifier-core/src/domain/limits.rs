//! How much of anything one request may carry. Every limit is in one place, and every one has an error that names it.

/// Limits on what callers may hand in. The defaults suit an installation of any size; embedders may lower them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the variables of one request, as JSON.
    pub variables_bytes_max: usize,
    /// Depth of nesting in the variables.
    pub variables_depth_max: usize,
    /// Items of one list or object in the variables: loops in templates run over them.
    pub variables_items_max: usize,
    /// Bytes of one template source (one part of one channel); a subject or title has at most 4 KiB, a
    /// text message, a push message or its data 16 KiB. The time
    /// that parsing takes grows with the product of this and of the number of expressions.
    pub template_source_bytes_max: usize,
    /// Expressions (`{{…}}`) of one template source.
    pub template_expressions_max: usize,
    /// Steps that rendering one message may take. Every expression costs one and a few more for its parameters, in every
    /// turn of a loop again.
    pub template_steps_max: usize,
    /// Bytes that one part may have after rendering.
    pub rendered_bytes_max: usize,
    /// Characters of a text message after rendering; vendors take at most 1,600.
    pub sms_chars_max: usize,
    /// Characters of a subject line after rendering. RFC 5322 allows a line of 998.
    pub subject_chars_max: usize,
    /// Characters of the title of a push message after rendering; a phone shows some forty.
    pub push_title_chars_max: usize,
    /// Characters of the body of a push message after rendering. Vendors take 4 KiB for the whole message.
    pub push_body_chars_max: usize,
    /// Bytes of the data of a push message after rendering, names and values together.
    pub push_data_bytes_max: usize,
    /// Characters of a chat message after rendering; Slack takes 40,000.
    pub chat_chars_max: usize,
    /// Bytes of the payload of an event after rendering.
    pub webhook_payload_bytes_max: usize,
    /// Attachments of one email.
    pub attachments_max: usize,
    /// Bytes of all attachments of one email together, decoded; at most [`Self::ATTACHMENTS_BYTES_MAX`] can be sent.
    pub attachments_bytes_max: usize,
    /// Extra headers of one email.
    pub headers_max: usize,
    /// Media URLs of one text message; Twilio takes 10.
    pub media_urls_max: usize,
    /// How far ahead a notification may be scheduled, in days.
    pub schedule_ahead_days_max: i64,
    /// Bytes of a recipient's stored interests, as JSON.
    pub interests_bytes_max: usize,
    /// Locales of one template.
    pub locales_max: usize,
}

impl Limits {
    /// The most that `attachments_bytes_max` can usefully be: a plugin's request has at most 8 MiB, in which attachments are
    /// base64 beside the words.
    pub const ATTACHMENTS_BYTES_MAX: usize = 4 * 1024 * 1024;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            variables_bytes_max: 64 * 1024,
            variables_depth_max: 16,
            variables_items_max: 1_000,
            template_source_bytes_max: 64 * 1024,
            template_expressions_max: 200,
            template_steps_max: 100_000,
            rendered_bytes_max: 512 * 1024,
            sms_chars_max: 1_600,
            subject_chars_max: 900,
            push_title_chars_max: 256,
            push_body_chars_max: 4_096,
            push_data_bytes_max: 4_096,
            chat_chars_max: 40_000,
            webhook_payload_bytes_max: 256 * 1024,
            attachments_max: 10,
            attachments_bytes_max: 512 * 1024,
            headers_max: 20,
            media_urls_max: 10,
            schedule_ahead_days_max: 3 * 366,
            interests_bytes_max: 16 * 1024,
            locales_max: 64,
        }
    }
}
