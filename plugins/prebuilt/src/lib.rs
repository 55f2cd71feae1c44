//! The provider components that ship with notifier, embedded: whoever links this needs no WebAssembly toolchain.
//!
//! They are built from the crates beside this one with `plugins/build.sh`, which also writes down what each was built
//! from; a test fails when those sources changed without a rebuild.

mod manifest;

/// A component, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Prebuilt {
    /// What its `describe` answers as `name`.
    pub name: &'static str,
    /// The component: WebAssembly in its binary format, implementing `notifier:provider`.
    pub component: &'static [u8],
    /// SHA-256 of `component`, in lower-case hexadecimal.
    pub sha256: &'static str,
    /// What it was built from.
    pub origin: Origin,
}

/// What a component was built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// SHA-256 of the component, in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Size of the component.
    pub size_bytes: usize,
    /// SHA-256 over the hashes of its source files, the SDK's, the contract's and the lock file.
    pub sources_sha256: &'static str,
    /// `rustc --version` of the compiler that built it.
    pub compiler: &'static str,
}

/// Push messages through Firebase Cloud Messaging.
pub const FCM: Prebuilt = prebuilt("fcm", include_bytes!("../fcm.wasm"), manifest::FCM);

/// Email through Mailgun.
pub const MAILGUN: Prebuilt = prebuilt("mailgun", include_bytes!("../mailgun.wasm"), manifest::MAILGUN);

/// Email through Postmark.
pub const POSTMARK: Prebuilt = prebuilt("postmark", include_bytes!("../postmark.wasm"), manifest::POSTMARK);

/// Email through Resend.
pub const RESEND: Prebuilt = prebuilt("resend", include_bytes!("../resend.wasm"), manifest::RESEND);

/// Email through SendGrid.
pub const SENDGRID: Prebuilt = prebuilt("sendgrid", include_bytes!("../sendgrid.wasm"), manifest::SENDGRID);

/// Email through Amazon SES.
pub const SES: Prebuilt = prebuilt("ses", include_bytes!("../ses.wasm"), manifest::SES);

/// Chat through Slack.
pub const SLACK: Prebuilt = prebuilt("slack", include_bytes!("../slack.wasm"), manifest::SLACK);

/// SMS through Amazon SNS.
pub const SNS: Prebuilt = prebuilt("sns", include_bytes!("../sns.wasm"), manifest::SNS);

/// SMS and MMS through Twilio.
pub const TWILIO: Prebuilt = prebuilt("twilio", include_bytes!("../twilio.wasm"), manifest::TWILIO);

/// SMS through Vonage.
pub const VONAGE: Prebuilt = prebuilt("vonage", include_bytes!("../vonage.wasm"), manifest::VONAGE);

/// Events to applications' own endpoints, by Standard Webhooks.
pub const WEBHOOK: Prebuilt = prebuilt("webhook", include_bytes!("../webhook.wasm"), manifest::WEBHOOK);

/// Push messages to browsers.
pub const WEBPUSH: Prebuilt = prebuilt("webpush", include_bytes!("../webpush.wasm"), manifest::WEBPUSH);

/// Attacks its host in the way that its setting `attack` names. For tests.
#[cfg(feature = "fixtures")]
pub const HOSTILE: Prebuilt = prebuilt("hostile", include_bytes!("../fixtures/hostile.wasm"), manifest::HOSTILE);

static ALL: &[Prebuilt] =
    &[FCM, MAILGUN, POSTMARK, RESEND, SENDGRID, SES, SLACK, SNS, TWILIO, VONAGE, WEBHOOK, WEBPUSH];

/// All components that an operator may use, by name. Fixtures are not among them.
pub fn all() -> &'static [Prebuilt] {
    ALL
}

/// The component of this name. Fixtures are not found.
pub fn find(name: &str) -> Option<&'static Prebuilt> {
    ALL.iter().find(|prebuilt| prebuilt.name == name)
}

const fn prebuilt(name: &'static str, component: &'static [u8], origin: Origin) -> Prebuilt {
    Prebuilt { name, component, sha256: origin.sha256, origin }
}
