//! The node: is it there, wait for it, stop it.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::Subcommand;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::json;

use super::context::Context;
use super::error::Error;
use super::path::path;
use super::target::Place;

/// How often it is looked whether something that is waited for has come about.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long a start may take, when nothing is said.
const STARTUP: Duration = Duration::from_secs(300);
/// Whether the broker serves clients; whoever asks.
const IN_SERVICE: &str = "/api/health/checks/is-in-service";

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// Does the broker answer?
    Ping,
    /// Print this program's version
    Version,
    /// Print the versions that the broker presents: of RabbitMQ, and its own
    ServerVersion,
    /// Wait until the broker serves clients
    AwaitStartup,
    /// Wait until the process in a file of its id, or with --pid, serves clients
    Wait {
        #[arg(value_name = "PIDFILE", required_unless_present = "pid")]
        file: Option<PathBuf>,
        #[arg(short = 'P', long)]
        pid: Option<i32>,
    },
    /// Stop the broker on this machine, and wait until it has stopped
    Stop {
        #[arg(hide = true)]
        pid_file: Option<PathBuf>,
        #[arg(long, hide = true)]
        idempotent: bool,
    },
    /// The same as stop
    Shutdown {
        #[arg(long, hide = true)]
        wait: bool,
    },
    /// Give the cluster, which is this broker, another name
    SetClusterName { name: String },
    /// Compat: succeeds, as memory is freed when it is no longer needed
    ForceGc,
    /// Compat: succeeds, as a single node has no queues to move
    Rebalance {
        #[arg(hide = true)]
        kind: Option<String>,
        #[arg(long = "vhost-pattern", hide = true)]
        vhost_pattern: Option<String>,
        #[arg(long = "queue-pattern", hide = true)]
        queue_pattern: Option<String>,
    },
    /// Compat: succeeds, as no other node has to take over
    Drain,
    /// Compat: succeeds
    Revive,
    /// Compat: succeeds
    PostUpgrade,
    /// Compat: succeeds, as every queue has one replica
    AwaitOnlineQuorumPlusOne,
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        match self {
            Self::Ping => {
                let name = context.client.target().name();
                context.out.banner(format_args!("Will ping {name}."))?;
                context.client.get(IN_SERVICE)?;
                Ok(context.out.message("Ping succeeded")?)
            }
            Self::Version => {
                let version = env!("CARGO_PKG_VERSION");
                Ok(context
                    .out
                    .answer(&json!({ "version": version }), version)?)
            }
            Self::ServerVersion => server_version(context),
            Self::AwaitStartup => await_startup(context),
            Self::Wait { file, pid } => wait(context, file, pid),
            Self::Stop { .. } | Self::Shutdown { .. } => stop(context),
            Self::SetClusterName { name } => {
                let banner = format_args!("Setting cluster name to {name} ...");
                context.out.banner(banner)?;
                let body = json!({ "name": name });
                context
                    .client
                    .put(&path(&["cluster-name"]), &body)
                    .map(drop)
            }
            Self::ForceGc => Ok(context.out.message("There is no garbage to collect")?),
            Self::Rebalance { .. } => {
                let path = path(&["rebalance", "queues"]);
                context.client.post(&path, &json!({})).map(drop)
            }
            Self::Drain | Self::Revive | Self::PostUpgrade | Self::AwaitOnlineQuorumPlusOne => {
                let text = "Nothing to do: this is the only node";
                Ok(context.out.message(text)?)
            }
        }
    }
}

fn server_version(context: &mut Context) -> Result<(), Error> {
    let overview = context.client.get("/api/overview")?;
    context
        .out
        .banner("Asking the broker for its version ...")?;
    let presented = overview["rabbitmq_version"].as_str().unwrap_or_default();
    let value = json!({
        "rabbitmq_version": presented,
        "product_name": overview["product_name"],
        "product_version": overview["product_version"],
    });
    Ok(context.out.answer(&value, presented)?)
}

fn await_startup(context: &mut Context) -> Result<(), Error> {
    let patience = context.client.timeout().unwrap_or(STARTUP);
    let mut waited = Duration::ZERO;
    loop {
        match context.client.get(IN_SERVICE) {
            Ok(_) => return Ok(()),
            Err(Error::Unreachable { .. } | Error::CheckFailed(_)) if waited < patience => {}
            Err(error) => return Err(error),
        }
        thread::sleep(LOOK_AGAIN);
        waited += LOOK_AGAIN;
    }
}

/// Compat: the file may come later than this command.
fn wait(context: &mut Context, file: Option<PathBuf>, pid: Option<i32>) -> Result<(), Error> {
    let patience = context.client.timeout().unwrap_or(STARTUP);
    let mut waited = Duration::ZERO;
    if let Some(file) = file {
        context.out.banner(format_args!(
            "Waiting for pid file '{}' to appear",
            file.display()
        ))?;
        while !file.exists() {
            if waited >= patience {
                return Err(Error::TimedOut(patience));
            }
            thread::sleep(LOOK_AGAIN);
            waited += LOOK_AGAIN;
        }
        let found = std::fs::read_to_string(&file);
        let found = found.map_err(|error| Error::File {
            path: file.display().to_string(),
            error,
        })?;
        let pid = found.trim().parse::<i32>();
        let pid =
            pid.map_err(|_| Error::Refused(format!("no process id in {}", file.display())))?;
        context.out.banner(format_args!("pid is {pid}"))?;
    } else if let Some(pid) = pid {
        let process = Pid::from_raw(pid);
        if process.is_none_or(|pid| test_kill_process(pid).is_err()) {
            return Err(Error::NotFound(format!("process {pid} is not running")));
        }
    }
    let name = context.client.target().name();
    context.out.banner(format_args!(
        "Waiting for applications to start on {name} ..."
    ))?;
    await_startup(context)
}

/// The broker is told by a signal, so it has to be on this machine.
fn stop(context: &mut Context) -> Result<(), Error> {
    let Place::Socket(_) = context.client.target().place else {
        let text = "a broker is stopped by its local socket only, not with --uri";
        return Err(Error::Unsupported(text.to_owned()));
    };
    let node = context.node_details()?;
    let name = node["name"].as_str().unwrap_or_default();
    let pid = node["os_pid"].as_str().unwrap_or_default();
    let banner = format_args!("Stopping and halting node {name} ...");
    context.out.banner(banner)?;
    let process = pid.parse().ok().and_then(Pid::from_raw);
    let process = process.ok_or_else(|| Error::Answer(format!("process id '{pid}'")))?;
    let told = kill_process(process, Signal::TERM);
    told.map_err(|error| Error::AccessRefused(format!("process {pid}: {error}")))?;
    let mut waited = Duration::ZERO;
    while is_running(process) {
        if let Some(patience) = context.client.timeout()
            && waited >= patience
        {
            return Err(Error::TimedOut(patience));
        }
        thread::sleep(LOOK_AGAIN);
        waited += LOOK_AGAIN;
    }
    Ok(())
}

/// A process that has ended but that its parent has not asked about runs no more.
fn is_running(process: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    let stat = stat.unwrap_or_default();
    // The state comes after the name, which may hold anything.
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
    test_kill_process(process).is_ok() && state != Some(Some('Z'))
}
