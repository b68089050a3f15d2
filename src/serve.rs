//! `ferrymq serve`: settings, logging, listeners, signals; start and stop.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;

use ferrymq_broker::config::{self, Config, LocalSocket, Override, Problems};
use ferrymq_broker::net::Listener as AmqpListener;
use ferrymq_broker::{Broker, StartError, background};
use ferrymq_management_ui::{
    Listener as HttpListener, LocalListener, Router, Site, management_routes, metrics_routes,
};
use rustix::process::{Resource, getrlimit, setrlimit};
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use crate::logging;

/// Threads for work that blocks: slow hashes, mostly. They end when they have nothing to do.
const MAX_BLOCKING_THREADS: usize = 8;
/// A thread's stack; only what is touched takes memory.
const STACK_BYTES: usize = 1 << 20;

/// What `serve` can be told. Everything else is said in the file or the environment.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Where definitions and messages are kept
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Where AMQP clients connect
    #[arg(long, value_name = "ADDR:PORT")]
    amqp_listen: Option<String>,
    /// Where the management interface listens, or "none"
    #[arg(long, value_name = "ADDR:PORT")]
    http_listen: Option<String>,
    /// Where Prometheus reads, or "none"
    #[arg(long, value_name = "ADDR:PORT")]
    metrics_listen: Option<String>,
    /// A configuration file in TOML
    #[arg(long, value_name = "FILE", env = "FERRYMQ_CONFIG")]
    config: Option<PathBuf>,
    /// trace, debug, info, warning, error or none
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// text or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl Args {
    /// The flags as settings.
    ///
    /// # Errors
    /// When one of them has a value that it can't have.
    pub(crate) fn overrides_checked(&self) -> Result<Vec<Override>, Problems> {
        let flags = [
            ("data_dir", "--data-dir", &self.data_dir),
            ("amqp.listen", "--amqp-listen", &self.amqp_listen),
            ("http.listen", "--http-listen", &self.http_listen),
            ("metrics.listen", "--metrics-listen", &self.metrics_listen),
            ("log.level", "--log-level", &self.log_level),
            ("log.format", "--log-format", &self.log_format),
        ];
        let given = flags.into_iter().filter_map(|(key, flag, value)| {
            let value = value.clone()?;
            Some(Override {
                key: key.to_owned(),
                flag,
                value,
            })
        });
        let overrides = given.collect::<Vec<_>>();
        config::load(None, [], &overrides)?;
        Ok(overrides)
    }
}

/// Why the broker does not run. The text is what the operator reads.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Config(#[from] Problems),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("can't listen for {what} on {address}: {error}")]
    Listen {
        what: &'static str,
        address: String,
        error: io::Error,
    },
    #[error("can't start: {0}")]
    System(#[from] io::Error),
    #[error("the store could not be closed in an orderly way: {0}")]
    Stop(String),
}

/// Runs the broker until a signal ends it.
pub(crate) fn run(args: &Args, overrides: &[Override]) -> ExitCode {
    match start_and_wait(args, overrides) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferrymq: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start_and_wait(args: &Args, overrides: &[Override]) -> Result<(), Error> {
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let loaded = config::load(args.config.as_deref(), variables, overrides)?;
    logging::start(loaded.config.log_level, loaded.config.log_format);
    for warning in loaded.warnings {
        warn!("{warning}");
    }
    let cores = available_parallelism().map_or(1, |cores| cores.get());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores)
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()?;
    runtime.block_on(serve(loaded.config))
}

async fn serve(config: Config) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    info!("starting FerryMQ {}", env!("CARGO_PKG_VERSION"));
    raise_file_limit();
    let data_dir = std::path::absolute(&config.data_dir)?;
    info!("data directory: {}", data_dir.display());
    let broker = Broker::open(config)?;
    if let Err(error) = listen(&broker).await {
        stop(&broker).await?;
        return Err(error);
    }
    background::start(&broker);
    info!("Server startup complete");
    notify(NotifyState::Ready);
    let name = signals.next_to_end().await;
    info!("{name} received, stopping");
    notify(NotifyState::Stopping);
    tokio::spawn(async move {
        let name = signals.next_to_end().await;
        warn!("{name} received again, stopping at once");
        std::process::exit(1);
    });
    stop(&broker).await?;
    info!("stopped");
    Ok(())
}

async fn stop(broker: &Broker) -> Result<(), Error> {
    let stopped = broker.shutdown().await;
    stopped.map_err(|error| Error::Stop(error.to_string()))
}

/// Opens all listeners, then lets them run.
async fn listen(broker: &Arc<Broker>) -> Result<(), Error> {
    let config = broker.config();
    let (amqp, address) = bind("AMQP", &config.amqp_listen, async |address| {
        let listener = AmqpListener::bind(Arc::clone(broker), address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    })
    .await?;
    let site = Site::new(Arc::clone(broker), address);
    info!("started TCP listener on {address}");
    let mut http = Vec::new();
    let management = management_routes(site.clone());
    let metrics = metrics_routes(site.clone());
    let local = local_listener(broker, management.clone()).await?;
    for (what, protocol, wanted, routes) in [
        ("HTTP", "http", &config.http_listen, management),
        (
            "metrics",
            "http/prometheus",
            &config.metrics_listen,
            metrics,
        ),
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
    tokio::spawn(amqp.run());
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
        Err(error) => Err(Error::Listen {
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
    bound.map_err(|error| Error::Listen {
        what,
        address: address.to_owned(),
        error,
    })
}

fn is_without_ipv6(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

/// A connection is a file: as many as the system lets us have.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => match limit.maximum {
            Some(files) => info!("file limit: {files}"),
            None => info!("file limit: none"),
        },
        Err(error) => warn!("can't raise the file limit: {error}"),
    }
}

/// Tells the service manager, if there is one.
fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!("can't notify the service manager: {error}");
    }
}

/// The signals that the broker answers to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one that ends the broker; gives its name.
    async fn next_to_end(&mut self) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hangup.recv() => info!("SIGHUP: settings are read at the start only"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_every_setting() {
        let defaults = Config {
            node_name: "ferrymq@HOST".to_owned(),
            ..Config::default()
        };
        let row = |key: &config::Key| {
            let live = if key.live { "yes" } else { "" };
            let default = key.toml(&defaults);
            format!(
                "| `{}` | `{default}` | {live} | {} |\n",
                key.name, key.about
            )
        };
        let expected: String = config::keys().iter().map(row).collect();
        let page = include_str!("../docs/configuration.md");
        let rows = page.lines().filter(|line| line.starts_with("| `"));
        let found: String = rows.map(|line| format!("{line}\n")).collect();
        assert!(found == expected, "the table should be:\n{expected}");
    }

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
