//! A provider of one's own, in the application itself: here one that writes messages to standard output.
use std::sync::Arc;

use notifier_core::{
    Channel, Content, Message, MessageContent, NotificationRequest, Notifier, Outcome, Provider, ProviderDescription,
    SendContext, SmsSource, TenantId,
};

struct Console(ProviderDescription);

#[async_trait::async_trait]
impl Provider for Console {
    fn describe(&self) -> &ProviderDescription {
        &self.0
    }

    async fn send(&self, message: &Message, context: &SendContext) -> Outcome {
        if let MessageContent::Sms(sms) = &message.content {
            println!("to {}: {} (key {})", sms.recipient.as_str(), sms.text, context.idempotency_key);
        }
        Outcome::Accepted { provider_message_id: None }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let console = Console(ProviderDescription::native("console", vec![Channel::Sms]));
    let builder = Notifier::builder().provider("console", Arc::new(console)).route(Channel::Sms, "console");
    let notifier = builder.start().await?;
    let mut request = NotificationRequest::to("tenant-42");
    request.recipient.phone = Some("+14155550101".into());
    let text = "Dear {{name}}, the lift works again.".into();
    request.content = Some(Content { sms: Some(SmsSource { text }), ..Content::default() });
    request.variables.insert("name".into(), "Ada".into());
    let submitted = notifier.submit(request).await?;
    notifier.wait(&TenantId::unnamed(), submitted.id).await?;
    notifier.shutdown(std::time::Duration::from_secs(5)).await?;
    Ok(())
}
