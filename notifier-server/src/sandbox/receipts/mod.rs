//! What the fakes report about messages that they took: signed and posted over HTTP, as the vendors do.
//!
//! Twilio posts to the `StatusCallback` of each message, Vonage to its `callback`, SendGrid to one address for all.
//! Only addresses on loopback are called, so that nothing of a sandbox gets out.

mod post;
mod request;
mod sendgrid;
mod twilio;
mod vonage;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Uri};
use tokio::sync::{Semaphore, watch};

use self::sendgrid::SendGridReports;
use self::twilio::TwilioReports;
use self::vonage::VonageReports;
use super::{Clock, Credentials, Message, SandboxError, Service};

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
    /// Where SendGrid posts; `None` until somebody says it.
    sendgrid_url: Mutex<Option<Uri>>,
    posts: Semaphore,
}

impl Receipts {
    pub(super) fn new(credentials: &Credentials, clock: Clock) -> Result<Self, SandboxError> {
        let shared = Shared {
            fates: [(); Service::COUNT].map(|()| watch::Sender::new(Fate::default())),
            twilio: TwilioReports::new(credentials),
            vonage: VonageReports::new(credentials, clock.clone()),
            sendgrid: SendGridReports::new(clock)?,
            sendgrid_url: Mutex::new(None),
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

    /// Has SendGrid post its events to that address from now on, as its event webhook is set up by hand.
    pub fn post_events_to(&self, url: &str) {
        let url = url.parse().ok();
        *self.shared.sendgrid_url.lock().unwrap_or_else(PoisonError::into_inner) = url;
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
            Service::Twilio => self.shared.twilio.reports(message, end),
            Service::SendGrid => {
                let url = self.shared.sendgrid_url.lock().unwrap_or_else(PoisonError::into_inner).clone();
                url.and_then(|url| self.shared.sendgrid.report(message, end, url)).into_iter().collect()
            }
            Service::Vonage => self.shared.vonage.reports(message, end),
            _ => Vec::new(),
        }
    }

    fn chosen(&self, service: Service) -> Option<&watch::Sender<Fate>> {
        if service.reports() { self.shared.fates.get(service.index()) } else { None }
    }
}
