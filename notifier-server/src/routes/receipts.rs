//! `POST /v1/receipts/{provider}`: what vendors report about messages that they took.

use axum::extract::{Request, State};
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use notifier_core::{ProviderName, Webhook};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::SharedApp;
use crate::problem::{Problem, ProblemBody};
use crate::request::{Segments, read_body};

/// Bytes of one report, or of many that a vendor sends together.
const BODY_BYTES_MAX: usize = 1024 * 1024;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(receive))
}

/// Take a vendor's report about messages
///
/// For vendors to call: the address is this one, below `server.public_url`. The provider's plugin reads the body, whatever it
/// is, and the signature is verified before anything counts. Reports that came before, or out of order, do no harm; those about
/// messages that are not known yet are kept. On 503 the vendor is to send it again.
#[utoipa::path(
    post, path = "/v1/receipts/{provider}", tag = "receipts", operation_id = "take_receipt",
    params(("provider" = String, Path, description = "The provider's name in the configuration")),
    request_body(content = String, description = "As the vendor sends it, at most 1,048,576 bytes", content_type = "*/*"),
    responses(
        (status = 204, description = "Taken, stored and synced"),
        (status = 400, description = "It cannot be read", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "The signature is missing, wrong or too old", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no such provider, or it sends no receipts", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 503, description = "It could not be taken: send it again after `Retry-After`", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn receive(
    State(app): State<SharedApp>,
    Segments(provider): Segments<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let nobody = || Problem::not_found("no receipts are taken at this address");
    let provider: ProviderName = provider.parse().map_err(|_| nobody())?;
    let (parts, body) = request.into_parts();
    let (method, url, headers) =
        (parts.method.to_string(), url(app.public_url.as_deref(), &parts), texts(&parts.headers));
    let body = read_body(Request::from_parts(parts, body), &app, BODY_BYTES_MAX, |_| Ok(())).await?;
    let webhook = Webhook { method, url, headers, body: body.to_vec() };
    let report = app.notifier.receive(&provider, &webhook).await?;
    tracing::debug!(%provider, told = report.told, repeated = report.repeated, kept = report.kept, "a receipt was taken");
    Ok(StatusCode::NO_CONTENT)
}

/// The address as the vendor called it. Behind a gateway nobody knows that but the operator.
fn url(public_url: Option<&str>, parts: &Parts) -> String {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    match public_url {
        Some(base) => format!("{}{path}", base.trim_end_matches('/')),
        None => {
            let authority = parts.uri.authority().map(|authority| authority.as_str());
            let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
            format!("http://{}{path}", authority.or(host).unwrap_or_default())
        }
    }
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_the_one_that_the_vendor_called() {
        let parts = |uri: &str| {
            let request = http::Request::post(uri).header("host", "n.internal:8080").body(()).unwrap();
            request.into_parts().0
        };
        let path = "/v1/receipts/twilio?delivery=a.sms&x=%20";
        assert_eq!(url(Some("https://n.example.com/"), &parts(path)), format!("https://n.example.com{path}"));
        assert_eq!(url(Some("https://n.example.com/base"), &parts(path)), format!("https://n.example.com/base{path}"));
        assert_eq!(url(None, &parts(path)), format!("http://n.internal:8080{path}"));
        assert_eq!(url(None, &parts(&format!("http://h2.example{path}"))), format!("http://h2.example{path}"));
    }
}
