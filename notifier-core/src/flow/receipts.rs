//! Reports of providers: verified and read by the provider, matched to the delivery that they are about, told in its timeline.

use std::time::Duration;

use super::Flow;
use crate::domain::health::Sight;
use crate::domain::id::{DeliveryId, ProviderName};
use crate::domain::receipt::{Receipt, ReceiptEvent, ReceiptStatus};
use crate::error::ReceiptError;
use crate::ports::provider::Webhook;
use crate::ports::store::Received;

/// How long a provider may take to verify and read one webhook.
const READING_TIMEOUT: Duration = Duration::from_secs(10);
/// What our own key is called in what a vendor reports, where the vendor takes such keys along.
const KEY_ATTRIBUTE: &str = "notifier_key";
/// What the address at which the vendor calls us names the delivery by.
const DELIVERY_PARAMETER: &str = "delivery";

/// What a webhook came to, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReceiveReport {
    /// Events that a delivery was told.
    pub told: usize,
    /// Events that were told before, or say nothing that is kept.
    pub repeated: usize,
    /// Events about nothing known: kept, in case that they are only early.
    pub kept: usize,
    /// Events that had been kept for longest, and are no longer: too many are about nothing known.
    pub forgotten: usize,
}

impl Flow {
    pub(crate) async fn receive(&self, name: &ProviderName, webhook: &Webhook) -> Result<ReceiveReport, ReceiptError> {
        let connected = self.providers.get(name).ok_or_else(|| ReceiptError::UnknownProvider(name.clone()))?;
        let reported = connected.provider().receive(webhook, READING_TIMEOUT).await?;
        let in_url = delivery_in_url(&webhook.url).filter(|_| reported.is_url_signed);
        let received_at = self.clock.now();
        let receipt = |event: ReceiptEvent| Receipt {
            provider: name.clone(),
            delivery: delivery_in(&event).or(in_url),
            event,
            received_at,
        };
        let receipts: Vec<_> = reported.events.into_iter().map(receipt).collect();
        let blames: Vec<_> = receipts.iter().map(|receipt| is_providers_fault(&receipt.event)).collect();
        let mut report = ReceiveReport::default();
        let mut lost = 0_usize;
        for (received, blames) in self.store.receive(receipts).await?.into_iter().zip(blames) {
            match received {
                Received::Told(delivery) => {
                    report.told += 1;
                    lost += usize::from(blames);
                    self.signals.announce(delivery.id);
                    // It may have made the next in a sequence due.
                    self.signals.stored(&crate::domain::channel::Channel::ALL, received_at);
                }
                Received::Repeated(_) => report.repeated += 1,
                Received::Kept => report.kept += 1,
                Received::Displaced => {
                    report.kept += 1;
                    report.forgotten += 1;
                }
            }
        }
        for _ in 0..lost.min(100) {
            self.observe(connected, Sight::Worrying, false).await;
        }
        if report.forgotten > 0 {
            let count = report.forgotten;
            tracing::warn!(provider = %name, count, "too many receipts are about nothing known: the oldest are forgotten");
        }
        self.tally.receipts.add(u64::try_from(report.told).unwrap_or(u64::MAX));
        self.tally.receipts_forgotten.add(u64::try_from(report.forgotten).unwrap_or(u64::MAX));
        Ok(report)
    }
}

/// A message that was lost between vendors says something about the vendor; one that the mailbox refused, or that waits for a
/// phone that is off, does not.
fn is_providers_fault(event: &ReceiptEvent) -> bool {
    let class = event.attributes.iter().find(|(name, _)| name == "class").map(|(_, class)| class.as_str());
    event.status == ReceiptStatus::Failed && matches!(class, Some("provider" | "unavailable" | "rate-limited"))
}

fn delivery_in(event: &ReceiptEvent) -> Option<DeliveryId> {
    let named = event.attributes.iter().find(|(name, _)| name == KEY_ATTRIBUTE)?;
    named.1.parse().ok()
}

/// The delivery that our own address names. As true as the rest where the signature covers the address, and worth nothing else.
fn delivery_in_url(url: &str) -> Option<DeliveryId> {
    let (_, query) = url.split_once('?')?;
    let parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
    parameters.filter(|(name, _)| *name == DELIVERY_PARAMETER).find_map(|(_, value)| value.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_names_the_delivery() {
        let id = "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.sms";
        let found = |query: &str| {
            delivery_in_url(&format!("https://n.example.com/v1/receipts/twilio{query}")).map(|id| id.to_string())
        };
        assert_eq!(found(&format!("?delivery={id}")).as_deref(), Some(id));
        assert_eq!(found(&format!("?a=b&delivery={id}&c")).as_deref(), Some(id));
        for none in ["", "?", "?delivery=", "?delivery=x", &format!("?other={id}"), &format!("#delivery={id}")] {
            assert_eq!(found(none), None, "{none}");
        }
    }
}
