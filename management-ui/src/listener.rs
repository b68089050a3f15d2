//! The HTTP sockets: how many, how long, how large.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use ferrymq_broker::Broker;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::auth::KnownUser;

/// Connections served at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 512;
/// Time for the head of a request to arrive, the first as well as the next.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of a request's head.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Headers of a request.
const MAX_HEADERS: usize = 64;
/// How long to wait when the system can't give another socket.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An HTTP listener.
pub struct Listener {
    broker: Arc<Broker>,
    socket: TcpListener,
    router: Router,
    permits: Arc<Semaphore>,
}

impl Listener {
    /// Listens on `address`; port 0 is any free port. Stops with `broker`.
    ///
    /// # Errors
    /// When the address can't be had.
    pub async fn bind(broker: Arc<Broker>, address: &str, router: Router) -> io::Result<Self> {
        Ok(Self {
            broker,
            socket: TcpListener::bind(address).await?,
            router,
            permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until the broker stops.
    pub async fn run(self) {
        while let Some(permit) = self.permit().await {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = self.broker.stopping() => return,
            };
            match accepted {
                Ok((stream, peer)) => self.start(stream, peer, permit),
                Err(error) => {
                    tracing::error!("can't accept an HTTP connection: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Room for one more connection; `None` when the broker stops.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            permit = Arc::clone(&self.permits).acquire_owned() => permit.ok(),
            () = self.broker.stopping() => None,
        }
    }

    fn start(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        let (broker, router) = (Arc::clone(&self.broker), self.router.clone());
        tokio::spawn(async move {
            serve(&broker, router, stream, peer, None).await;
            drop(permit);
        });
    }
}

/// Answers what comes in on `stream` until it ends or the broker stops. `local`: whom the operating
/// system vouches for, on the local socket.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    broker: &Broker,
    router: Router,
    stream: S,
    peer: SocketAddr,
    local: Option<KnownUser>,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Some(local) = &local {
            request.extensions_mut().insert(local.clone());
        }
        router.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = broker.stopping() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!("HTTP connection {peer}: {error}");
    }
}
