//! Where the broker can be reached: AMQP, the management interface, metrics, the local socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ferrymq_broker::Broker;
use ferrymq_broker::config::LocalSocket;
use ferrymq_broker::net::Listener as AmqpListener;
use ferrymq_management_ui::{
    Listener as HttpListener, LocalListener, Router, Site, management_routes, metrics_routes,
};
use tracing::{info, warn};

/// An address that can't be had.
#[derive(Debug, thiserror::Error)]
#[error("can't listen for {what} on {address}: {}", why(error))]
pub(crate) struct Error {
    what: &'static str,
    address: String,
    error: io::Error,
}

/// In words that say what to look for.
fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!("another program listens there already ({error})"),
        io::ErrorKind::PermissionDenied => format!("it needs more rights ({error})"),
        _ => error.to_string(),
    }
}

/// Opens all listeners, then lets them run.
///
/// # Errors
/// When an address can't be had; then none of them runs.
pub(crate) async fn open(broker: &Arc<Broker>) -> Result<(), Error> {
    let config = broker.config();
    let mut amqp = Vec::new();
    let mut addresses = Vec::new();
    for wanted in &config.amqp_listen {
        let (listener, address) = bind("AMQP", wanted, async |address| {
            let listener = AmqpListener::bind(Arc::clone(broker), address).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        })
        .await?;
        info!("started TCP listener on {address}");
        amqp.push(listener);
        addresses.push(address);
    }
    let site = Site::new(Arc::clone(broker), addresses[0]);
    for address in &addresses[1..] {
        site.add_listener("amqp", *address, false);
    }
    let mut http = Vec::new();
    let management = management_routes(site.clone());
    let metrics = metrics_routes(site.clone());
    let local = local_listener(broker, management.clone()).await?;
    let metrics_listen = &config.metrics_listen;
    for (what, protocol, wanted, routes) in [
        ("HTTP", "http", &config.http_listen, management),
        ("metrics", "http/prometheus", metrics_listen, metrics),
    ] {
        let Some(wanted) = wanted else { continue };
        let (listener, address) = bind(what, wanted, async |address| {
            let listener = HttpListener::bind(Arc::clone(broker), address, routes.clone()).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        })
        .await?;
        info!("started {what} listener on {address}");
        site.add_listener(protocol, address, false);
        http.push(listener);
    }
    for listener in amqp {
        tokio::spawn(listener.run());
    }
    if let Some(local) = local {
        tokio::spawn(local.run());
    }
    for listener in http {
        tokio::spawn(listener.run());
    }
    Ok(())
}

/// The local socket. Where the one in the data directory can't be had, because its path is too long
/// or the file system has no sockets, the broker goes without it.
async fn local_listener(
    broker: &Arc<Broker>,
    routes: Router,
) -> Result<Option<LocalListener>, Error> {
    let config = broker.config();
    let Some(path) = config.local_socket() else {
        return Ok(None);
    };
    match LocalListener::bind(Arc::clone(broker), &path, routes).await {
        Ok(listener) => {
            info!("started local HTTP listener on {}", path.display());
            Ok(Some(listener))
        }
        Err(error) if config.http_socket == LocalSocket::InDataDir => {
            warn!("no local socket at {}: {error}", path.display());
            Ok(None)
        }
        Err(error) => Err(Error {
            what: "HTTP",
            address: path.display().to_string(),
            error,
        }),
    }
}

/// Binds with `bind`. Where the system has no IPv6, `[::]` stands for all IPv4 addresses.
async fn bind<L>(
    what: &'static str,
    address: &str,
    bind: impl AsyncFn(&str) -> io::Result<(L, SocketAddr)>,
) -> Result<(L, SocketAddr), Error> {
    let bound = match (bind(address).await, address.strip_prefix("[::]:")) {
        (Err(error), Some(port)) if is_without_ipv6(&error) => {
            bind(&format!("0.0.0.0:{port}")).await
        }
        (bound, _) => bound,
    };
    bound.map_err(|error| Error {
        what,
        address: address.to_owned(),
        error,
    })
}

fn is_without_ipv6(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_ipv6_all_ipv4_addresses_do() {
        let no_ipv6 =
            || io::Error::from_raw_os_error(rustix::io::Errno::AFNOSUPPORT.raw_os_error());
        let bound = bind("AMQP", "[::]:5672", async |address| {
            let address: SocketAddr = address.parse().expect("an address");
            match address.is_ipv6() {
                true => Err(no_ipv6()),
                false => Ok(((), address)),
            }
        });
        let (_, address) = bound.await.unwrap();
        assert_eq!(address.to_string(), "0.0.0.0:5672");
        let refused = bind("AMQP", "[::1]:5672", async |_| Err::<((), _), _>(no_ipv6()));
        assert!(refused.await.is_err());
    }
}
