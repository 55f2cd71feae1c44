//! The description of the API (OpenAPI 3.1) and Swagger UI, both served from the binary.

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_SECURITY_POLICY;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use crate::app::SharedApp;
use crate::problem::{FieldProblem, ProblemBody};

/// Where the description is served.
const DOCUMENT_PATH: &str = "/openapi.json";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "notifier",
        description = "Tells people things, once, on time, in the way they asked for, and can prove what it did.\n\n\
            Every error is `application/problem+json` (RFC 9457) and names the field that is wrong. Every answer has an \
            `X-Request-Id`, taken over from the request where that has one.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "notifications", description = "Tell people things"),
        (name = "preferences", description = "What recipients want"),
        (name = "templates", description = "Named, versioned words"),
        (name = "providers", description = "What is configured to send, how it is, and which of it sends what"),
        (name = "receipts", description = "For vendors: what became of messages that they took"),
        (name = "suppressions", description = "Addresses that nothing may be sent to"),
        (name = "dead letters", description = "What ended without success, and trying it again"),
        (name = "health", description = "For load balancers, supervisors and monitors"),
        (name = "problems", description = "What errors mean"),
        (name = "compatibility", description = "The routes of the service that notifier replaces"),
    ),
    components(schemas(ProblemBody, FieldProblem))
)]
struct Document;

/// The router with its description at `/openapi.json` and Swagger UI at `/docs`.
pub(crate) fn document(routes: OpenApiRouter<SharedApp>) -> Router<SharedApp> {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi()).merge(routes).split_for_parts();
    let ui = SwaggerUi::new("/docs").url(DOCUMENT_PATH, with_default_responses(document));
    let ui: Router<SharedApp> = Router::from(ui).layer(map_response(restrict));
    router.merge(ui)
}

/// Any operation may fail in ways that are not its own: size, time, shutdown, defects.
fn with_default_responses(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let problem = Ref::from_schema_name("Problem");
    let content = ContentBuilder::new().schema(Some(RefOr::Ref(problem))).build();
    let response = ResponseBuilder::new()
        .description("Any other problem; `type` says which")
        .content("application/problem+json", content)
        .build();
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        operation.responses.responses.entry("default".into()).or_insert_with(|| RefOr::T(response.clone()));
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

/// Swagger UI needs its own scripts and styles, inline styles and inline images; nothing from elsewhere.
async fn restrict(mut response: Response) -> Response {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                  connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}
