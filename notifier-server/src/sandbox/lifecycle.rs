//! Starting and stopping the sandbox.

use std::{io, sync::Arc};

use axum::Router;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use super::{
    Credentials, Faults, Inbox, Ports, Receipts, SandboxOptions, Service,
    changes::Changes,
    counters::Tally,
    directory_service,
    fcm::{self, FakeFcm},
    listener,
    live::Source,
    mailgun::FakeMailgun,
    postmark::FakePostmark,
    property_service,
    resend::FakeResend,
    routes,
    sendgrid::FakeSendGrid,
    ses::FakeSes,
    slack::FakeSlack,
    sns::FakeSns,
    twilio::FakeTwilio,
    vendor::{self, World},
    vonage::FakeVonage,
    webhook::FakeReceiver,
    webpush::{self, FakePushService},
};

/// A running sandbox. Dropping it closes its ports and connections.
pub struct Sandbox {
    urls: [String; Service::COUNT],
    credentials: Credentials,
    source: Source,
    closing: watch::Sender<bool>,
    services: JoinSet<()>,
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The port is taken, as a rule by another sandbox: choose another, or 0 for a free one.
    #[error("the sandbox's {} service cannot listen on 127.0.0.1:{port}: choose another port, or 0 for a free one", service.name())]
    Listen {
        /// Which service.
        service: Service,
        /// Which port.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A key that events are signed with could not be made or read.
    #[error("the sandbox has no key to sign events with: the system gives no randomness, or a key cannot be read")]
    Key,
    /// One of the credentials is no key of its kind.
    #[error("the sandbox's credential `{0}` is not a key of its kind")]
    Credential(&'static str),
    /// A user or property could not be rendered.
    #[error("a record of the sandbox cannot be rendered as JSON")]
    Record(#[from] serde_json::Error),
}

impl Sandbox {
    /// Starts all services. They serve when this returns.
    ///
    /// # Errors
    ///
    /// When a port cannot be listened on, or a credential is not usable.
    pub async fn start(options: SandboxOptions) -> Result<Self, SandboxError> {
        let SandboxOptions { clock, ports, credentials, users, properties, inbox_capacity, keep_raw } = options;
        let changes = Changes::new();
        let tally = Arc::new(Tally::default());
        let inbox = Inbox::new(inbox_capacity, clock.clone(), changes.clone(), tally.clone());
        let faults = Faults::new(changes, tally);
        let instance = clock().to_string().into();
        let (listeners, urls) = listen(&ports).await?;
        let receipts = Receipts::new(&credentials, clock.clone(), &urls[Service::Ses.index()])?;
        let world = World::new(&clock, keep_raw, &faults, &inbox, &receipts);
        let twilio = FakeTwilio::new(&credentials, keep_raw, clock.clone(), faults.clone(), inbox.clone())
            .reporting(receipts.clone());
        let sendgrid =
            FakeSendGrid::new(&credentials, keep_raw, clock, faults.clone(), inbox.clone()).reporting(receipts.clone());
        let directory_key = credentials.directory_api_key.clone();
        let directory = directory_service::router(&users, directory_key, faults.clone(), inbox.clone())?;
        let catalog_key = credentials.catalog_api_key.clone();
        let catalog = property_service::router(&properties, catalog_key, faults.clone(), inbox.clone())?;
        let routers = [
            twilio.router(),
            sendgrid.router(),
            vendor::router(FakeSes::new(&credentials, &world, receipts.topic())),
            vendor::router(FakeResend::new(&credentials, &world)),
            vendor::router(FakeMailgun::new(&credentials, &world)),
            vendor::router(FakePostmark::new(&credentials, &world)),
            vendor::router(FakeSns::new(&credentials, &world)),
            vendor::router(FakeVonage::new(&credentials, &world)),
            vendor::router(FakeSlack::new(&credentials, &world)),
            vendor::router(FakeFcm::new(&credentials, &world)?),
            vendor::router(FakePushService::new(&credentials, &world)?),
            vendor::router(FakeReceiver::new(&credentials, &world)?),
            directory,
            catalog,
        ];
        let mut services = JoinSet::new();
        for (listener, router) in listeners.into_iter().zip(routers) {
            services.spawn(listener::serve(listener, router));
        }
        let closing = watch::Sender::new(false);
        let source = Source { inbox, faults, receipts, closing: closing.subscribe(), instance };
        Ok(Self { urls, credentials, source, closing, services })
    }

    /// Base URL of Twilio's fake, as `http://127.0.0.1:40001`.
    pub fn twilio_url(&self) -> &str {
        self.url(Service::Twilio)
    }

    /// Base URL of SendGrid's fake.
    pub fn sendgrid_url(&self) -> &str {
        self.url(Service::SendGrid)
    }

    /// Base URL of the user database.
    pub fn directory_url(&self) -> &str {
        self.url(Service::Directory)
    }

    /// Base URL of the property service.
    pub fn catalog_url(&self) -> &str {
        self.url(Service::Catalog)
    }

    /// Base URL of any of them.
    pub fn url(&self, service: Service) -> &str {
        &self.urls[service.index()]
    }

    /// The key file of the service account that the fake of Firebase Cloud Messaging knows, as Google hands it out: its
    /// `token_uri` is the fake's.
    pub fn fcm_service_account(&self) -> String {
        fcm::service_account(&self.credentials, self.url(Service::Fcm))
    }

    /// What a browser gives to the application that is subscribed there (W3C Push API, `PushSubscription.toJSON`). Each
    /// name is another subscription; the module's documentation lists those that are answered with an error.
    pub fn webpush_subscription(&self, name: &str) -> String {
        webpush::subscription(self.url(Service::WebPush), name)
    }

    /// What the services take for authentication.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// What arrived.
    pub fn inbox(&self) -> &Inbox {
        &self.source.inbox
    }

    /// The switches of the services' faults.
    pub fn faults(&self) -> &Faults {
        &self.source.faults
    }

    /// What the vendors report about messages.
    pub fn receipts(&self) -> &Receipts {
        &self.source.receipts
    }

    /// The routes under `/sandbox`, for the server to mount at its root. They outlive the sandbox, then without live
    /// events.
    pub fn router(&self) -> Router {
        routes::router(self.source.clone())
    }

    /// Ends the live events, so that nobody who watches them holds up the end of the server that serves them.
    pub fn close_events(&self) {
        self.closing.send_replace(true);
    }

    /// Closes ports, connections and live streams, and returns when they are closed.
    pub async fn shutdown(mut self) {
        self.close_events();
        self.services.shutdown().await;
    }
}

/// Takes the ports of all services, in their order; with the base URL of each.
async fn listen(ports: &Ports) -> Result<(Vec<TcpListener>, [String; Service::COUNT]), SandboxError> {
    let mut listeners = Vec::with_capacity(Service::COUNT);
    let mut urls = [const { String::new() }; Service::COUNT];
    for service in Service::ALL {
        let port = ports.of(service);
        let refused = |source| SandboxError::Listen { service, port, source };
        let listener = listener::bind(port).await.map_err(refused)?;
        urls[service.index()] = format!("http://{}", listener.local_addr().map_err(refused)?);
        listeners.push(listener);
    }
    Ok((listeners, urls))
}
