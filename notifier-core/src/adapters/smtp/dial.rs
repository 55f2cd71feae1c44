//! Connections to the server that an operator named.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::{TcpStream, lookup_host};

use super::wire::Stream;
use crate::ports::clock::{Clock, within};

/// Opens connections.
#[async_trait]
pub(super) trait Dial: Send + Sync {
    /// A new connection, and the address that it comes from.
    async fn dial(&self) -> io::Result<(Box<dyn Stream>, Option<IpAddr>)>;
}

/// Over TCP.
pub(super) struct Tcp {
    pub(super) host: String,
    pub(super) port: u16,
    /// Whether only addresses of this machine will do, whatever the name leads to.
    pub(super) stays_here: bool,
    pub(super) clock: Arc<dyn Clock>,
}

/// How long one of several addresses may take before the next is tried. The last may take what is left.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(2);

#[async_trait]
impl Dial for Tcp {
    async fn dial(&self) -> io::Result<(Box<dyn Stream>, Option<IpAddr>)> {
        let found = lookup_host((self.host.as_str(), self.port)).await?;
        let (mut addresses, others): (Vec<SocketAddr>, Vec<SocketAddr>) =
            found.partition(|address| !self.stays_here || address.ip().is_loopback());
        let Some(last) = addresses.pop() else {
            let problem = others.first().map(|other| format!("{} is not on this machine", other.ip()));
            return Err(io::Error::other(problem.unwrap_or_else(|| "the name has no address".to_owned())));
        };
        for address in addresses {
            if let Ok(Ok(stream)) = within(&*self.clock, ADDRESS_TIMEOUT, TcpStream::connect(address)).await {
                return Ok(dialled(stream));
            }
        }
        Ok(dialled(TcpStream::connect(last).await?))
    }
}

fn dialled(stream: TcpStream) -> (Box<dyn Stream>, Option<IpAddr>) {
    // Commands are written whole, and each waits for its answer.
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr().ok().map(|local| local.ip());
    (Box::new(stream), local)
}
