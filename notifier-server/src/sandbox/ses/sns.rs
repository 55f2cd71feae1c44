//! SNS as far as SES needs it: one topic with one subscription over HTTP, and messages that are really signed.
//!
//! The messages are those of docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html, signed as in
//! docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html with version 2
//! (SHA-256). The certificate is served beside the fake of SES, where SNS would be a host of its own. Nobody trusts it:
//! key and certificate are public, as everything by which the sandbox proves who it is.

use std::sync::atomic::{AtomicBool, Ordering};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Map, Value};

use super::super::{Clock, Credentials, SandboxError, form, vendor_id::VendorIds};

/// Where the certificate is served.
pub(super) const CERTIFICATE_PATH: &str = "/SimpleNotificationService-0000000000000000000000000000000a.pem";

/// X.509 in PEM, good until 2120.
pub(super) const CERTIFICATE: &str = include_str!("certificate.pem");

/// The key of the certificate: PKCS#8 in PEM.
const SIGNING_KEY: &str = include_str!("signing-key.pem");

/// The account that everything in the fake belongs to: AWS's number for examples.
pub(in super::super) const ACCOUNT_ID: &str = "123456789012";

/// A topic with one subscription, to which nothing is posted until its owner has confirmed it.
pub(in super::super) struct Topic {
    arn: String,
    base_url: String,
    key: RsaKeyPair,
    random: SystemRandom,
    clock: Clock,
    ids: VendorIds,
    token: String,
    confirmed: AtomicBool,
}

impl Topic {
    /// `base_url` is where the certificate is served and the subscription is confirmed.
    pub(in super::super) fn new(credentials: &Credentials, clock: Clock, base_url: &str) -> Result<Self, SandboxError> {
        let ids = VendorIds::new(clock());
        let lines = SIGNING_KEY.lines().filter(|line| !line.starts_with("-----"));
        let der = STANDARD.decode(lines.collect::<String>()).map_err(|_| SandboxError::Key)?;
        Ok(Self {
            arn: format!("arn:aws:sns:{}:{ACCOUNT_ID}:sandbox-email-events", credentials.ses_region),
            base_url: base_url.to_owned(),
            key: RsaKeyPair::from_pkcs8(&der).map_err(|_| SandboxError::Key)?,
            random: SystemRandom::new(),
            clock,
            token: [ids.hex(), ids.hex()].concat(),
            ids,
            confirmed: AtomicBool::new(false),
        })
    }

    /// Its name in AWS.
    pub(in super::super) fn arn(&self) -> &str {
        &self.arn
    }

    /// Whether messages are to be posted.
    pub(in super::super) fn is_confirmed(&self) -> bool {
        self.confirmed.load(Ordering::Acquire)
    }

    /// A message for the subscriber.
    pub(in super::super) fn notification(&self, subject: &str, message: &str) -> Option<(HeaderMap, Bytes)> {
        self.signed("Notification", message, [("Subject", subject.to_owned())].into())
    }

    /// The question whether there is to be a subscription.
    pub(in super::super) fn confirmation(&self) -> Option<(HeaderMap, Bytes)> {
        let Self { arn, base_url, token, .. } = self;
        let message = format!(
            "You have chosen to subscribe to the topic {arn}.\nTo confirm the subscription, visit the SubscribeURL included \
             in this message."
        );
        let url = format!("{base_url}/?Action=ConfirmSubscription&TopicArn={arn}&Token={token}");
        let own = [("SubscribeURL", url), ("Token", token.clone())];
        self.signed("SubscriptionConfirmation", &message, own.into())
    }

    /// Takes the answer to that question, the query of a request; as SNS's XML whether it was right.
    pub(super) fn confirm(&self, query: &str) -> Result<String, String> {
        let pairs: Vec<_> = form::pairs(query.as_bytes()).flatten().collect();
        let is = |name: &str, value: &str| pairs.iter().any(|(known, given)| known == name && given == value);
        for (name, value) in [("Action", "ConfirmSubscription"), ("TopicArn", &self.arn), ("Token", &self.token)] {
            if !is(name, value) {
                return Err(format!(
                    "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
                     <Code>InvalidParameter</Code><Message>Invalid parameter: {name}</Message></Error></ErrorResponse>"
                ));
            }
        }
        self.confirmed.store(true, Ordering::Release);
        Ok(format!(
            "<ConfirmSubscriptionResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><ConfirmSubscriptionResult>\
             <SubscriptionArn>{}</SubscriptionArn></ConfirmSubscriptionResult></ConfirmSubscriptionResponse>",
            self.subscription_arn()
        ))
    }

    fn subscription_arn(&self) -> String {
        format!("{}:0f9d7d3a-0000-4000-8000-000000000001", self.arn)
    }

    fn signed(&self, kind: &str, message: &str, own: Vec<(&'static str, String)>) -> Option<(HeaderMap, Bytes)> {
        let id = self.ids.uuid();
        let mut fields = own;
        fields.extend([
            ("Message", message.to_owned()),
            ("MessageId", id.clone()),
            ("Timestamp", format!("{:.3}", (self.clock)())),
            ("TopicArn", self.arn.clone()),
            ("Type", kind.to_owned()),
        ]);
        // What is signed is in the order of names, each name and value on a line of its own.
        fields.sort();
        let said: String = fields.iter().flat_map(|(name, value)| [name, "\n", value, "\n"]).collect();
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA256, &self.random, said.as_bytes(), &mut signature).ok()?;
        fields.push(("SignatureVersion", "2".to_owned()));
        fields.push(("Signature", STANDARD.encode(signature)));
        fields.push(("SigningCertURL", format!("{}{CERTIFICATE_PATH}", self.base_url)));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
        headers.insert("x-amz-sns-message-type", HeaderValue::try_from(kind).ok()?);
        headers.insert("x-amz-sns-message-id", HeaderValue::try_from(id).ok()?);
        headers.insert("x-amz-sns-topic-arn", HeaderValue::try_from(&self.arn).ok()?);
        if kind == "Notification" {
            let subscription = self.subscription_arn();
            headers.insert("x-amz-sns-subscription-arn", HeaderValue::try_from(&subscription).ok()?);
            let unsubscribe = format!("{}/?Action=Unsubscribe&SubscriptionArn={subscription}", self.base_url);
            fields.push(("UnsubscribeURL", unsubscribe));
        }
        let body: Map<String, Value> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        Some((headers, serde_json::to_vec(&body).ok()?.into()))
    }
}
