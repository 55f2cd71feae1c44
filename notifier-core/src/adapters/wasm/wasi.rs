//! What language toolchains insist on, with nothing behind it: no files, arguments, environment, standard streams or
//! sockets; and plain `wasi:http`, which goes the same way as the contract's own requests.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error as HttpError, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use super::auth::Auth;
use super::call::CallState;
use super::outgoing::Outgoing;
use crate::adapters::egress::EgressError;
use crate::ports::clock::Clock;

pub(super) fn add_to_linker(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

/// The WASI side of one call. Most plugins never touch it, so it is made when first used.
pub(super) struct Wasi {
    gate: Gate,
    table: ResourceTable,
    context: Option<Context>,
}

struct Context {
    wasi: WasiCtx,
    http: WasiHttpCtx,
}

/// Streams, requests and pollables that may be open at once.
const RESOURCES_MAX: usize = 1_000;

/// Bytes that one request for random numbers may ask for.
const RANDOM_BYTES_MAX: u64 = 64 * 1024;

impl Wasi {
    pub(super) fn new(outgoing: Arc<Outgoing>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        Self { gate: Gate { outgoing }, table, context: None }
    }
}

/// A builder that is not told otherwise grants nothing; time comes from the clock port.
fn new_context(clock: Arc<dyn Clock>) -> Context {
    let wasi = WasiCtx::builder()
        .wall_clock(PortClock(clock))
        .max_random_size(RANDOM_BYTES_MAX)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build();
    Context { wasi, http: WasiHttpCtx::new() }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let context = self.wasi.context.get_or_insert_with(|| new_context(Arc::clone(&self.grants.clock)));
        WasiCtxView { ctx: &mut context.wasi, table: &mut self.wasi.table }
    }
}

impl WasiHttpView for CallState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let context = self.wasi.context.get_or_insert_with(|| new_context(Arc::clone(&self.grants.clock)));
        WasiHttpCtxView { hooks: &mut self.wasi.gate, table: &mut self.wasi.table, ctx: &mut context.http }
    }
}

struct PortClock(Arc<dyn Clock>);

impl HostWallClock for PortClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.now().as_millisecond()).unwrap_or(0))
    }
}

/// Leads `wasi:http` requests to the egress policy.
struct Gate {
    outgoing: Arc<Outgoing>,
}

/// What is left to do after a response was handed over: nothing, because it was read whole.
type Afterwards = Box<dyn Future<Output = Result<(), HttpError>> + Send>;

impl WasiHttpHooks for Gate {
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> Box<dyn Future<Output = wasmtime_wasi_http::Result<(Response<WasiBody>, Afterwards)>> + Send> {
        let outgoing = Arc::clone(&self.outgoing);
        Box::new(async move {
            let timeout = options.and_then(|options| options.first_byte_timeout);
            let request = collect(request, outgoing.request_bytes_max()).await?;
            #[cfg(any(test, feature = "testing"))]
            let asked = outgoing.is_staged().then(|| super::rehearsal::Asked::plain(&request));
            #[cfg(any(test, feature = "testing"))]
            let sending = outgoing.send_or_rehearse(request, asked, &Auth::None, timeout);
            #[cfg(not(any(test, feature = "testing")))]
            let sending = outgoing.send(request, &Auth::None, timeout);
            let response = sending.await.map_err(translate)?;
            let body = |bytes: Bytes| Full::new(bytes).map_err(|never| match never {}).boxed_unsync();
            let afterwards: Afterwards = Box::new(std::future::ready(Ok(())));
            Ok((response.map(body), afterwards))
        })
    }
}

async fn collect(request: Request<WasiBody>, bytes_max: usize) -> Result<Request<Bytes>, HttpError> {
    let (mut head, body) = request.into_parts();
    // The length of what was collected is known, and written by the client.
    head.headers.remove(header::CONTENT_LENGTH);
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(Request::from_parts(head, collected.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(HttpError::HttpRequestBodySize(Some(bytes_max as u64))),
        Err(error) => Err(HttpError::InternalError(Some(error.to_string()))),
    }
}

fn translate(error: EgressError) -> HttpError {
    match error {
        EgressError::Denied(problem) => {
            tracing::debug!(target: "notifier::plugin", %problem, "request denied");
            HttpError::HttpRequestDenied
        }
        EgressError::Invalid(problem) => HttpError::InternalError(Some(problem)),
        EgressError::Unreachable(_) => HttpError::DestinationUnavailable,
        EgressError::Interrupted(_) => HttpError::ConnectionTerminated,
        EgressError::TooLarge { .. } => HttpError::HttpResponseBodySize(None),
    }
}
