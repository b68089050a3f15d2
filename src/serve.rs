//! `ferrymq serve`: the broker from its start to its stop.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;

use ferrymq_broker::config::{Config, Loaded, Override, Problems};
use ferrymq_broker::{Broker, StartError, background};
use ferrymq_management_ui::{StartImportError, import_at_start};
use rustix::process::{Resource, getrlimit, setrlimit};
use tracing::{info, warn};

use crate::logging::Log;
use crate::pid_file::PidFile;
use crate::settings::{Sources, listed};
use crate::signals::{Signals, Wish};
use crate::{listeners, reload, service};

/// Threads for work that blocks: slow hashes, mostly. They end when they have nothing to do.
const MAX_BLOCKING_THREADS: usize = 8;
/// What the service manager shows.
const READY: &str = "serving clients";
/// A thread's stack; only what is touched takes memory.
const STACK_BYTES: usize = 1 << 20;

/// What `serve` can be told. Everything else is said in the file or the environment.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    sources: Sources,
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
            Some(Override {
                key: key.to_owned(),
                flag,
                value: value.clone()?,
            })
        });
        let flags = given.collect::<Vec<_>>();
        self.sources.check(&flags)?;
        Ok(flags)
    }
}

/// Why the broker does not run. The text is what the operator reads.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Config(#[from] Problems),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Definitions(#[from] StartImportError),
    #[error(transparent)]
    Listen(#[from] listeners::Error),
    #[error("can't write the log to {0}")]
    Log(io::Error),
    #[error("can't write the process id to {path}: {error}")]
    PidFile { path: String, error: io::Error },
    #[error("can't start: {0}")]
    System(#[from] io::Error),
    #[error("the store could not be closed in an orderly way: {0}")]
    Stop(String),
}

/// Runs the broker until a signal ends it.
pub(crate) fn run(args: &Args, flags: &[Override]) -> ExitCode {
    match start_and_wait(args, flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferrymq: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start_and_wait(args: &Args, flags: &[Override]) -> Result<(), Error> {
    let loaded = args.sources.load(flags)?;
    let log = Log::start(&loaded.config).map_err(Error::Log)?;
    let cores = available_parallelism().map_or(1, |cores| cores.get());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores)
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build()?;
    runtime.block_on(serve(loaded, &log, &args.sources, flags))
}

async fn serve(
    loaded: Loaded,
    log: &Log,
    sources: &Sources,
    flags: &[Override],
) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    info!("starting FerryMQ {}", env!("CARGO_PKG_VERSION"));
    tell(&loaded);
    raise_file_limit();
    let broker = open(loaded.config).await?;
    broker.set_origins(loaded.origins);
    let pid_file = broker.config().pid_file.clone();
    let opened = match pid_file.as_deref().map(write_pid_file).transpose() {
        Ok(pid_file) => import_and_listen(&broker).await.map(|()| pid_file),
        Err(error) => Err(error),
    };
    let _pid_file = match opened {
        Ok(pid_file) => pid_file,
        Err(error) => {
            stop(&broker).await?;
            return Err(error);
        }
    };
    background::start(&broker);
    obey_changes(&broker, log.clone());
    info!("Server startup complete");
    service::ready(READY);
    service::keep_watchdog_quiet();
    let name = loop {
        match signals.next().await {
            Wish::Stop(name) => break name,
            Wish::ReopenLog => log.reopen(),
            Wish::Reload => {
                service::reloading();
                reload::run(&broker, sources, flags);
                service::ready(READY);
            }
        }
    };
    info!("{name} received, stopping");
    service::stopping();
    tokio::spawn(async move {
        let name = signals.next_to_stop().await;
        warn!("{name} received again, stopping at once");
        std::process::exit(1);
    });
    stop(&broker).await?;
    info!("stopped");
    Ok(())
}

/// Whoever connects finds the definitions that the settings name.
async fn import_and_listen(broker: &Arc<Broker>) -> Result<(), Error> {
    import_at_start(broker).await?;
    Ok(listeners::open(broker).await?)
}

/// What is known of the configuration before anything else happens.
fn tell(loaded: &Loaded) {
    if !loaded.files.is_empty() {
        info!("configuration: {}", listed(&loaded.files));
    }
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
}

/// Opens the data directory, which may take a while, where it hinders nobody.
async fn open(config: Config) -> Result<Arc<Broker>, Error> {
    let data_dir = std::path::absolute(&config.data_dir)?;
    info!("data directory: {}", data_dir.display());
    let _recovering = service::recovering();
    let opened = tokio::task::spawn_blocking(|| Broker::open(config)).await;
    Ok(opened.expect("opening does not panic")?)
}

fn write_pid_file(path: &Path) -> Result<PidFile, Error> {
    PidFile::write(path).map_err(|error| Error::PidFile {
        path: path.display().to_string(),
        error,
    })
}

/// Changes of settings concern the log, too.
fn obey_changes(broker: &Arc<Broker>, log: Log) {
    let mut changes = broker.config_changes();
    tokio::spawn(async move {
        while changes.changed().await.is_ok() {
            log.obey(&changes.borrow_and_update());
        }
    });
}

async fn stop(broker: &Broker) -> Result<(), Error> {
    let stopped = broker.shutdown().await;
    stopped.map_err(|error| Error::Stop(error.to_string()))
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
