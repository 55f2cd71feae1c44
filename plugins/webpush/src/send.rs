//! One message: `POST` to the endpoint of the subscription (RFC 8030, 5).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use notifier_plugin_sdk::{
    Content, Context, Message, Receipt, Request, Response, SendError, clock, endpoint, web_push,
};
use sha2::{Digest, Sha256};

use crate::errors;
use crate::notification;
use crate::settings::{Settings, Topic, VAPID_PRIVATE_KEY};
use crate::subscription::Subscription;

/// 24 bytes are the 32 characters that RFC 8030, 5.4 allows. Not only its alphabet is checked: Apple decodes a topic,
/// and refuses one whose length base64 cannot have.
const TOPIC_BYTES: usize = 24;

pub(crate) fn send(settings: &Settings, message: Message, context: &Context) -> Result<Receipt, SendError> {
    let Content::Push(push) = message.content else {
        return Err(SendError::wrong_channel("push"));
    };
    let recipient = |problem: String| SendError::recipient(None, format!("the subscription {problem}"));
    let subscription = Subscription::read(&push.token).map_err(recipient)?;
    if subscription.is_expired(clock::now_ms()) {
        return Err(recipient("has expired, as its `expirationTime` says".into()));
    }
    let plaintext = notification::plaintext(&push, &context.idempotency_key)?;
    // The length was checked above: what the host finds wrong is a key.
    let body = web_push::encrypt(&subscription.p256dh, &subscription.auth, &plaintext)
        .map_err(|problem| recipient(format!("has keys that cannot be encrypted for: {problem}")))?;
    let request = request(settings, &subscription, context, body);
    read_answer(&endpoint::send(request, &[VAPID_PRIVATE_KEY])?, subscription.is_on_wns())
}

fn request(settings: &Settings, subscription: &Subscription, context: &Context, body: Vec<u8>) -> Request {
    let options = settings.options(&context.category);
    let request = Request::post(&subscription.endpoint)
        .header("ttl", options.ttl_s.to_string())
        .header("urgency", options.urgency.name());
    let request = match topic(options.topic, context) {
        Some(topic) => request.header("topic", topic),
        None => request,
    };
    // Microsoft's service stores messages unless told otherwise, and answers 400 to a TTL that says otherwise alone
    // (<https://learn.microsoft.com/en-us/windows/apps/develop/notifications/push-notifications/push-request-response-headers>,
    // <https://github.com/web-push-libs/pywebpush/issues/162>).
    let request = if options.ttl_s == 0 && subscription.is_on_wns() {
        request.header("x-wns-cache-policy", "no-cache")
    } else {
        request
    };
    request
        .header("content-encoding", "aes128gcm")
        .body("application/octet-stream", body)
        .vapid(VAPID_PRIVATE_KEY, &settings.subject)
}

fn topic(topic: Topic, context: &Context) -> Option<String> {
    let named = match topic {
        Topic::None => return None,
        Topic::Delivery => format!("delivery\n{}", context.idempotency_key),
        Topic::Category => format!("category\n{}\n{}", context.tenant, context.category),
    };
    Some(URL_SAFE_NO_PAD.encode(&Sha256::digest(named)[..TOPIC_BYTES]))
}

/// Where the message can be found at the push service (RFC 8030, 5); what Apple and Microsoft give in its place.
const IDS: [&str; 3] = ["location", "apns-id", "x-wns-msg-id"];

fn read_answer(response: &Response, is_wns: bool) -> Result<Receipt, SendError> {
    if let Some(error) = errors::error(response, is_wns) {
        return Err(error);
    }
    let header = |name: &&str| response.header(name).filter(|value| !value.is_empty());
    Ok(Receipt {
        provider_message_id: IDS.iter().find_map(header).map(Into::into),
        // A push service may keep it for less long than asked (RFC 8030, 5.2).
        attributes: header(&"ttl").map(|ttl| ("ttl".into(), ttl.into())).into_iter().collect(),
    })
}
