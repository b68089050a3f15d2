//! A broker inside the test's own process, with a real AMQP listener: for tests that call its
//! functions (set a policy, begin a job, browse) and speak AMQP to it as well.
//!
//! It runs on threads of its own, so tests may block, or be async, as they like.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use ferrymq_broker::net::Listener;
use ferrymq_broker::{Broker, Config, background};
use tempfile::TempDir;
use tokio::runtime::{self, Runtime};

/// How long its tasks may take to end once the broker has stopped.
const PATIENCE: Duration = Duration::from_secs(10);

/// A broker on a directory and a free port of its own, stopped when it is dropped.
pub struct InProcess {
    // Before the directory, because it must be dropped first.
    running: Option<Running>,
    config: Config,
    _directory: TempDir,
}

struct Running {
    runtime: Runtime,
    broker: Arc<Broker>,
    amqp: SocketAddr,
}

impl InProcess {
    /// A broker with the default settings, on an empty directory.
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// The same, with settings that `change` has changed.
    pub fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("ferrymq-test-")
            .tempdir()
            .expect("a temporary directory");
        let mut config = Config {
            data_dir: directory.path().join("data"),
            amqp_listen: vec!["127.0.0.1:0".into()],
            ..Config::default()
        };
        change(&mut config);
        Self {
            running: Some(Running::start(config.clone())),
            config,
            _directory: directory,
        }
    }

    /// The broker. After [`InProcess::stop`] nobody may hold it or anything of it any more, or it
    /// can't be started again.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.running().broker
    }

    /// Where it speaks AMQP. Another port after each start.
    pub fn amqp(&self) -> SocketAddr {
        self.running().amqp
    }

    /// Stops it in an orderly way, and waits until it has.
    pub fn stop(&mut self) {
        self.running.take().expect("a broker that runs").stop();
    }

    /// Starts it again on the same directory.
    pub fn start_again(&mut self) {
        assert!(self.running.is_none(), "the broker still runs");
        self.running = Some(Running::start(self.config.clone()));
    }

    /// Stops it and starts it again on the same directory.
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// Stops it and starts it again on the same directory, with settings that `change` has changed.
    pub fn restart_with(&mut self, change: impl FnOnce(&mut Config)) {
        self.stop();
        change(&mut self.config);
        self.start_again();
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("a broker that runs")
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop();
        }
    }
}

impl Running {
    fn start(config: Config) -> Self {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads for the broker");
        let (broker, amqp) = wait(&runtime, async move {
            let broker = Broker::open(config).expect("a directory that the broker can open");
            let address = broker.config().amqp_listen[0].clone();
            let listener = Listener::bind(Arc::clone(&broker), &address).await;
            let listener = listener.expect("an address to listen on");
            let amqp = listener.local_addr().expect("a local address");
            tokio::spawn(listener.run());
            background::start(&broker);
            (broker, amqp)
        });
        Self {
            runtime,
            broker,
            amqp,
        }
    }

    fn stop(self) {
        let Self {
            runtime, broker, ..
        } = self;
        let stopped = wait(&runtime, async move { broker.shutdown().await });
        // On another thread, because a test's own runtime forbids its threads to wait here.
        let ended = thread::spawn(move || runtime.shutdown_timeout(PATIENCE)).join();
        if !thread::panicking() {
            stopped.expect("an orderly stop");
            ended.expect("threads that end");
        }
    }
}

/// Runs `work` on `runtime` and waits for its result, also on a thread of another runtime.
fn wait<T: Send + 'static>(runtime: &Runtime, work: impl Future<Output = T> + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    runtime.spawn(async move {
        // Whoever waits is there until this has come.
        let _ = sender.send(work.await);
    });
    receiver.recv().expect("work that does not panic")
}
