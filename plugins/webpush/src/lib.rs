//! Web push (RFC 8030): notifications to browsers, through the push service that each browser chose.
//!
//! The token of a message is the browser's subscription as JSON, as `JSON.stringify(subscription)` writes it
//! (<https://www.w3.org/TR/push-api/#pushsubscription-interface>). What the browser is sent, encrypted for it alone
//! (RFC 8291), is `{"title", "body", "tag", "data"}`: beside the title, names of `NotificationOptions`
//! (<https://notifications.spec.whatwg.org/#dictdef-notificationoptions>), so that a service worker needs no more
//! than
//!
//! ```js
//! self.addEventListener("push", event => {
//!     const { title, ...options } = event.data.json();
//!     event.waitUntil(self.registration.showNotification(title, options));
//! });
//! ```
//!
//! `tag` is the same for every attempt of a delivery: should a message arrive twice, the second takes the place of
//! the first.
//!
//! One instance speaks to all push services, with one key (RFC 8292). What one of them says of a single subscription,
//! that it is gone or was made with another key, is said of the recipient; what it says of our key or token is said
//! of the provider.

mod errors;
mod notification;
mod send;
mod settings;
mod subscription;
#[cfg(test)]
mod tests;

use notifier_plugin_sdk::*;

pub use settings::Settings;

/// The push services of Chrome and its relatives, of Firefox, Safari and Edge. Apple gives its own at
/// <https://developer.apple.com/documentation/usernotifications/sending-web-push-notifications-in-web-apps-and-browsers>;
/// the others are those of the endpoints that the browsers hand out.
const HOSTS: [&str; 4] =
    ["fcm.googleapis.com", "updates.push.services.mozilla.com", "*.push.apple.com", "*.notify.windows.com"];

/// The provider.
#[derive(Debug)]
pub struct WebPush;

impl Provider for WebPush {
    type Settings = Settings;

    fn describe() -> Description {
        Description {
            name: "webpush".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Notifications to browsers by Web Push (RFC 8030), with VAPID".into(),
            channels: vec![Channel::Push],
            settings_schema: settings::SCHEMA.into(),
            hosts: HOSTS.map(Into::into).into(),
            secrets: vec![SecretNeed {
                name: settings::VAPID_PRIVATE_KEY.into(),
                required: true,
                description:
                    "The private key of the pair that browsers subscribe with (`applicationServerKey`): 32 bytes on \
                              P-256 in base64url"
                        .into(),
            }],
            receipts: vec![],
            attributes: vec![("calls".into(), "recipient".into())],
        }
    }

    fn check_settings(settings: &Settings) -> Vec<SettingProblem> {
        settings.problems()
    }

    fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
        send::send(settings, message, &context)
    }
}

export_provider!(WebPush);
