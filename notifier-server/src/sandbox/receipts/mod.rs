//! What the fakes report about messages that they took: signed and posted over HTTP, as the vendors do.
//!
//! Twilio posts to the `StatusCallback` of each message, Vonage to its `callback`, the others to one address for all.
//! Only addresses on loopback are called, so that nothing of a sandbox gets out.

mod mailgun;
mod post;
mod postmark;
mod request;
mod resend;
mod sendgrid;
mod ses;
mod twilio;
mod vonage;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Uri};
use tokio::sync::{Semaphore, watch};

use self::mailgun::MailgunReports;
use self::postmark::PostmarkReports;
use self::resend::ResendReports;
use self::sendgrid::SendGridReports;
use self::ses::SesReports;
use self::twilio::TwilioReports;
use self::vonage::VonageReports;
use super::{Clock, Credentials, Message, SandboxError, Service, ses::Topic};

pub(super) use self::request::{parse, render, render_all};

/// What becomes of the messages that a fake takes from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// They arrive, and that is reported at once.
    #[default]
    Delivered,
    /// They arrive, and that is reported after a while, or when another fate is chosen.
    Late {
        /// The wait.
        delay_ms: u64,
    },
    /// The carrier or mailbox provider does not take them; another try might do.
    Failed,
    /// The address does not exist.
    Bounced,
    /// Nothing is reported.
    None,
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Delivered,
    Failed,
    Bounced,
    /// Delivered, and then reported as spam.
    Complained,
    /// Not tried, since the address bounced or complained before.
    Suppressed,
}

/// One report, ready to be posted.
#[derive(Debug)]
struct Report {
    url: Uri,
    headers: HeaderMap,
    body: Bytes,
}

/// Reports that are posted at the same time.
const POSTS_MAX: usize = 32;

/// The vendors' reports. Clones share them.
#[derive(Clone)]
pub struct Receipts {
    shared: Arc<Shared>,
}

struct Shared {
    fates: [watch::Sender<Fate>; Service::COUNT],
    twilio: TwilioReports,
    vonage: VonageReports,
    sendgrid: SendGridReports,
    ses: SesReports,
    resend: ResendReports,
    mailgun: MailgunReports,
    postmark: PostmarkReports,
    /// Where each posts; `None` until somebody says it.
    urls: Mutex<[Option<Uri>; Service::COUNT]>,
    posts: Semaphore,
}

impl Receipts {
    pub(super) fn new(credentials: &Credentials, clock: Clock, ses_url: &str) -> Result<Self, SandboxError> {
        let shared = Shared {
            fates: [(); Service::COUNT].map(|()| watch::Sender::new(Fate::default())),
            twilio: TwilioReports::new(credentials),
            vonage: VonageReports::new(credentials, clock.clone()),
            sendgrid: SendGridReports::new(clock.clone())?,
            ses: SesReports::new(credentials, clock.clone(), ses_url)?,
            resend: ResendReports::new(credentials, clock.clone())?,
            mailgun: MailgunReports::new(credentials, clock.clone()),
            postmark: PostmarkReports::new(credentials, clock),
            urls: Mutex::new([const { None }; Service::COUNT]),
            posts: Semaphore::new(POSTS_MAX),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What becomes of the messages that the service takes; `None` for one that reports nothing.
    #[must_use]
    pub fn fate(&self, service: Service) -> Option<Fate> {
        self.chosen(service).map(|fate| *fate.borrow())
    }

    /// Chooses it; `false` for a service that reports nothing. Ends the wait of those that are late.
    pub fn choose(&self, service: Service, fate: Fate) -> bool {
        self.chosen(service).map(|chosen| chosen.send_replace(fate)).is_some()
    }

    /// Has a vendor post its events to that address from now on, as its webhook is set up by hand. Twilio does not look
    /// at it, and SES asks before: see [`Receipts::subscribe`].
    pub fn post_events_to(&self, service: Service, url: &str) {
        self.urls()[service.index()] = url.parse().ok();
    }

    /// Has SNS ask that address to confirm, and post SES's events there once it has. Whether it has when its answer is
    /// in.
    pub async fn subscribe(&self, url: &str) -> bool {
        self.post_events_to(Service::Ses, url);
        let confirmation = self.urls()[Service::Ses.index()].clone().and_then(|url| self.shared.ses.confirmation(url));
        if let Some(confirmation) = confirmation {
            post::post(confirmation).await;
        }
        self.topic().is_confirmed()
    }

    /// The topic of SES's events.
    pub(super) fn topic(&self) -> &Arc<Topic> {
        self.shared.ses.topic()
    }

    /// The ARN of the topic that SES's events are published to.
    #[must_use]
    pub fn ses_topic_arn(&self) -> &str {
        self.topic().arn()
    }

    /// The verification key of SendGrid's events: base64 of a DER public key, made at the start.
    #[must_use]
    pub fn sendgrid_public_key(&self) -> String {
        self.shared.sendgrid.public_key()
    }

    /// Reports about a message that was just taken, beside everything else.
    pub(super) fn report(&self, message: &Message) {
        let Some(mut chosen) = self.chosen(message.provider).map(watch::Sender::subscribe) else { return };
        let fate = *chosen.borrow_and_update();
        let (end, delay_ms) = match fate {
            Fate::None => return,
            Fate::Delivered => (End::Delivered, None),
            Fate::Late { delay_ms } => (End::Delivered, Some(delay_ms)),
            Fate::Failed => (End::Failed, None),
            Fate::Bounced => (End::Bounced, None),
        };
        let reports = self.reports(message, end);
        if reports.is_empty() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            if let Some(delay_ms) = delay_ms {
                // Either end of the wait will do: the delay, or another choice.
                let _ = tokio::time::timeout(Duration::from_millis(delay_ms), chosen.changed()).await;
            }
            // Never closed.
            let _place = shared.posts.acquire().await;
            for report in reports {
                post::post(report).await;
            }
        });
    }

    fn reports(&self, message: &Message, end: End) -> Vec<Report> {
        match message.provider {
            Service::Twilio => return self.shared.twilio.reports(message, end),
            Service::Vonage => return self.shared.vonage.reports(message, end),
            _ => {}
        }
        let Some(url) = self.urls()[message.provider.index()].clone() else { return Vec::new() };
        match message.provider {
            Service::SendGrid => self.shared.sendgrid.report(message, end, url).into_iter().collect(),
            Service::Ses => self.shared.ses.reports(message, end, &url),
            Service::Resend => self.shared.resend.reports(message, end, &url),
            Service::Mailgun => self.shared.mailgun.reports(message, end, &url),
            Service::Postmark => self.shared.postmark.reports(message, end, &url),
            _ => Vec::new(),
        }
    }

    fn urls(&self) -> MutexGuard<'_, [Option<Uri>; Service::COUNT]> {
        // Single assignments are the only changes, so that a panic cannot leave half of one.
        self.shared.urls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chosen(&self, service: Service) -> Option<&watch::Sender<Fate>> {
        if service.reports() { self.shared.fates.get(service.index()) } else { None }
    }
}

/// Everybody who is to get it, whether seen by the others or not.
fn recipients(message: &Message) -> impl Iterator<Item = &String> {
    message.to.iter().chain(&message.cc).chain(&message.bcc)
}

/// The sender as in the header `From`.
fn sender(message: &Message) -> String {
    let address = message.from.as_deref().unwrap_or_default();
    match &message.from_name {
        Some(name) => format!("{name} <{address}>"),
        None => address.to_owned(),
    }
}
