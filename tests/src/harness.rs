//! The built program as a child process: started on free ports and a directory of its own, stopped,
//! killed, started again on what it left.
//!
//! The program is the one that `FERRYMQ_BIN` names, or this workspace's, built once by cargo.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::log::Log;

/// How long the program may take to start or to stop before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What it logs when it has started.
const STARTED: &str = "Server startup complete";

/// Where it listens unless a test says otherwise.
const ANY_PORT: &str = "127.0.0.1:0";

/// What `sh` runs beside each broker: when this process ends without a word, however it ends, the
/// broker and its directory go too.
const WATCHDOG: &str = r#"read -r _ || { kill -KILL "$1"; rm -rf -- "$2"; }"#;

/// How a broker is started. The default suits most tests.
#[derive(Clone, Debug, Default)]
pub struct Options {
    configuration: Option<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    amqp_listen: Option<String>,
    data_directory: Option<PathBuf>,
}

impl Options {
    /// Where it keeps its data, instead of a directory of its own that goes with it.
    pub fn data_directory(mut self, directory: &Path) -> Self {
        self.data_directory = Some(directory.to_owned());
        self
    }

    /// Where it listens for AMQP, instead of a free port of the loopback address.
    pub fn amqp_listen(mut self, address: &str) -> Self {
        self.amqp_listen = Some(address.to_owned());
        self
    }

    /// Configuration file in TOML.
    pub fn configuration(mut self, toml: &str) -> Self {
        self.configuration = Some(toml.to_owned());
        self
    }

    /// One more argument on the command line.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// One more environment variable.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A broker started like this, on an empty directory unless `data_directory` says otherwise.
    pub fn start(self) -> Broker {
        self.try_start()
            .unwrap_or_else(|(status, log)| panic!("the broker refused to start, {status}:\n{log}"))
    }

    /// The same; or, when it refuses, its exit status and what it said.
    pub fn try_start(self) -> Result<Broker, (ExitStatus, String)> {
        let directory = temporary_directory();
        let mut process = Process::spawn(&self, directory.path());
        if process.log.wait_for(STARTED, PATIENCE).is_none() {
            let status = process.end(Signal::KILL);
            return Err((status, process.log.text()));
        }
        Ok(Broker {
            options: self,
            process: Some(process),
            log: String::new(),
            directory,
        })
    }
}

/// A broker of this test's own, killed when it is dropped.
#[derive(Debug)]
pub struct Broker {
    options: Options,
    process: Option<Process>,
    /// What earlier processes on this directory logged.
    log: String,
    directory: TempDir,
}

impl Broker {
    /// A broker with the default options, on an empty directory.
    pub fn start() -> Self {
        Options::default().start()
    }

    /// Where it speaks AMQP. Another port after each start.
    pub fn amqp(&self) -> SocketAddr {
        self.process().address("started TCP listener on ")
    }

    /// Where it speaks HTTP.
    pub fn http(&self) -> SocketAddr {
        self.process().address("started HTTP listener on ")
    }

    /// Where its metrics are read.
    pub fn metrics(&self) -> SocketAddr {
        self.process().address("started metrics listener on ")
    }

    /// The process id, to look at its memory and CPU.
    pub fn pid(&self) -> u32 {
        self.process().child.id()
    }

    /// The memory that it has in use, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.expect("VmRSS in KiB") * 1024
    }

    /// Where it keeps its data.
    pub fn data_directory(&self) -> PathBuf {
        data_directory(&self.options, self.directory.path())
    }

    /// What it has logged so far, all starts together.
    pub fn log(&self) -> String {
        let current = self.process.as_ref().map(|process| process.log.text());
        self.log.clone() + &current.unwrap_or_default()
    }

    /// Waits until it logs a line with `text`.
    pub fn wait_for_log(&self, text: &str) -> String {
        self.process().wait_for(text)
    }

    /// Asks it to stop (`SIGTERM`) and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        self.end(Signal::TERM)
    }

    /// Ends it without warning (`SIGKILL`).
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    /// Asks it to stop, and ends it without warning when that takes longer than `after`.
    pub fn stop_and_kill(&mut self, after: Duration) {
        self.process().signal(Signal::TERM);
        thread::sleep(after);
        self.kill();
    }

    /// Starts it again on the same directory, after `stop` or `kill`, and ends it without warning
    /// `after` some time, wherever it then is.
    pub fn start_again_and_kill(&mut self, after: Duration) {
        assert!(self.process.is_none(), "the broker still runs");
        self.process = Some(Process::spawn(&self.options, self.directory.path()));
        thread::sleep(after);
        self.kill();
    }

    /// Starts it again on the same directory, after `stop` or `kill`.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the broker still runs");
        self.process = Some(Process::start(&self.options, self.directory.path()));
    }

    /// Stops it and starts it again on the same directory.
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    fn end(&mut self, signal: Signal) -> ExitStatus {
        let mut process = self.process.take().expect("a broker that runs");
        let status = process.end(signal);
        self.log += &process.log.text();
        status
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("a broker that runs")
    }
}

#[derive(Debug)]
struct Process {
    child: Child,
    watchdog: Child,
    log: Log,
}

impl Process {
    fn start(options: &Options, directory: &Path) -> Self {
        let process = Self::spawn(options, directory);
        process.wait_for(STARTED);
        process
    }

    fn spawn(options: &Options, directory: &Path) -> Self {
        let (reader, writer) = io::pipe().expect("a pipe for the log");
        let mut command = command(options, directory);
        command
            .stdout(writer.try_clone().expect("the pipe again"))
            .stderr(writer);
        let child = command
            .stdin(Stdio::null())
            .spawn()
            .expect("start the program");
        drop(command);
        let watchdog = watch(child.id(), directory);
        Self {
            child,
            watchdog,
            log: Log::follow(reader),
        }
    }

    /// The address that a line of the log names after `prefix`.
    fn address(&self, prefix: &str) -> SocketAddr {
        let line = self.wait_for(prefix);
        let (_, rest) = line.split_once(prefix).expect("a line with the prefix");
        let address = rest.split([' ', '"']).next().unwrap_or_default();
        address
            .parse()
            .unwrap_or_else(|_| panic!("no address at the end of '{line}'"))
    }

    fn wait_for(&self, text: &str) -> String {
        let found = self.log.wait_for(text, PATIENCE);
        found.unwrap_or_else(|| panic!("'{text}' was never logged:\n{}", self.log.text()))
    }

    fn end(&mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        if !self.log.wait_for_end(PATIENCE) {
            self.signal(Signal::KILL);
            panic!("{signal:?} did not end the program:\n{}", self.log.text());
        }
        self.child.wait().expect("the program's exit status")
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // It may have ended already.
        let _ = kill_process(pid.expect("a process id"), signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(mut stdin) = self.watchdog.stdin.take() {
            let _ = stdin.write_all(b"done\n");
        }
        let _ = self.watchdog.wait();
    }
}

fn watch(pid: u32, directory: &Path) -> Child {
    Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog", &pid.to_string()])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("start sh")
}

fn command(options: &Options, directory: &Path) -> Command {
    let mut command = Command::new(program());
    command
        .arg("serve")
        .arg("--data-dir")
        .arg(data_directory(options, directory));
    let amqp_listen = options.amqp_listen.as_deref().unwrap_or(ANY_PORT);
    command.args(["--amqp-listen", amqp_listen]);
    command.args(["--http-listen", ANY_PORT, "--metrics-listen", ANY_PORT]);
    if let Some(toml) = &options.configuration {
        let file = directory.join("ferrymq.toml");
        fs::write(&file, toml).expect("write the configuration file");
        command.arg("--config").arg(file);
    }
    let environment = options
        .environment
        .iter()
        .map(|(name, value)| (name, value));
    command.args(&options.arguments).envs(environment);
    command
}

fn data_directory(options: &Options, directory: &Path) -> PathBuf {
    let elsewhere = options.data_directory.clone();
    elsewhere.unwrap_or_else(|| directory.join("data"))
}

fn temporary_directory() -> TempDir {
    tempfile::Builder::new()
        .prefix("ferrymq-test-")
        .tempdir()
        .expect("a temporary directory")
}

/// The program to test.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| std::env::var_os("FERRYMQ_BIN").map_or_else(build, PathBuf::from))
}

/// Builds this workspace's program beside the running test, in the same profile.
fn build() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test
        .ancestors()
        .nth(2)
        .expect("a test in target/PROFILE/deps");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(profile) => profile,
        None => panic!("no profile in {}", folder.display()),
    };
    let status = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "ferrymq",
            "--profile",
            profile,
            "--target-dir",
        ])
        .arg(folder.parent().expect("the target directory"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("run cargo");
    assert!(status.success(), "cargo could not build ferrymq");
    folder.join("ferrymq")
}
