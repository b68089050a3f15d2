//! Health checks, as rabbitmq-diagnostics has them: 0 when all is well, 69 when it is not.

use std::net::TcpStream;
use std::time::Duration;

use clap::Subcommand;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::client::Ask;
use super::context::Context;
use super::error::Error;
use super::output::plain;
use super::path::path;

/// For a port on this machine to answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What `health` looks at.
const ALL: [&[&str]; 6] = [
    &["is-in-service"],
    &["local-alarms"],
    &["virtual-hosts"],
    &["protocol-listener", "amqp"],
    &["node-is-quorum-critical"],
    &["ready-to-serve-clients"],
];

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// Run all health checks
    #[command(visible_alias = "node_health_check")]
    Health,
    /// Does the broker serve clients?
    #[command(visible_alias = "is_running")]
    CheckRunning,
    /// Is the broker starting? It does not answer before it has
    IsBooting,
    /// Is an alarm on?
    #[command(visible_alias = "check_alarms")]
    CheckLocalAlarms,
    /// Does every port that the broker listens on accept connections?
    CheckPortConnectivity {
        /// The address to connect to, instead of the one that it listens on
        #[arg(long)]
        address: Option<String>,
    },
    /// Does the broker listen on this port?
    CheckPortListener { port: u16 },
    /// Does the broker speak this protocol?
    CheckProtocolListener { protocol: String },
    /// Is every vhost running?
    CheckVirtualHosts,
    /// Will a certificate expire soon?
    CheckCertificateExpiration {
        #[arg(long, default_value_t = 4)]
        within: u32,
        #[arg(long, default_value = "weeks", value_parser = ["days", "weeks", "months", "years"])]
        unit: String,
    },
    /// Would stopping this node take a majority from a queue?
    CheckIfNodeIsQuorumCritical,
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        match self {
            Self::Health => health(context),
            Self::CheckRunning => check(context, &["is-in-service"], "is fully booted and running"),
            Self::IsBooting => {
                context
                    .client
                    .get(&path(&["health", "checks", "is-in-service"]))?;
                let text = "The broker is fully booted and running";
                Ok(context.out.answer(&json!({"booting": false}), text)?)
            }
            Self::CheckLocalAlarms => check(context, &["local-alarms"], "reported no alarms"),
            Self::CheckPortConnectivity { address } => connectivity(context, address.as_deref()),
            Self::CheckPortListener { port } => {
                let text = format!("listens on port {port}");
                check(context, &["port-listener", &port.to_string()], &text)
            }
            Self::CheckProtocolListener { protocol } => {
                let text = format!("listens for protocol {protocol}");
                check(context, &["protocol-listener", &protocol], &text)
            }
            Self::CheckVirtualHosts => {
                check(context, &["virtual-hosts"], "has all virtual hosts running")
            }
            Self::CheckCertificateExpiration { within, unit } => {
                let text = format!("has no certificates that expire within {within} {unit}");
                let within = within.to_string();
                check(context, &["certificate-expiration", &within, &unit], &text)
            }
            Self::CheckIfNodeIsQuorumCritical => check(
                context,
                &["node-is-quorum-critical"],
                "can be stopped without taking a majority from a queue",
            ),
        }
    }
}

/// One check: what the broker is when it holds, and its reason when it does not.
fn check(context: &mut Context, name: &[&str], holds: &str) -> Result<(), Error> {
    ask(context, name)?;
    let node = context.client.target().name();
    Ok(context
        .out
        .message(format_args!("The broker at {node} {holds}"))?)
}

fn ask(context: &Context, name: &[&str]) -> Result<Value, Error> {
    let answer = context.client.ask(&Ask {
        method: Method::GET,
        path: &path(&[&["health", "checks"], name].concat()),
        headers: &[],
        body: None,
    })?;
    if answer.status != StatusCode::SERVICE_UNAVAILABLE {
        return answer.successful()?.json();
    }
    let body = answer.json()?;
    let alarms = body["alarms"].as_array().into_iter().flatten();
    let alarms: Vec<_> = alarms.map(|alarm| plain(&alarm["resource"])).collect();
    let mut text = plain(&body["reason"]);
    if !alarms.is_empty() {
        text = format!("{text}: {}", alarms.join(", "));
    }
    Err(Error::CheckFailed(text))
}

fn health(context: &mut Context) -> Result<(), Error> {
    context.out.banner("Checking health ...")?;
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for name in ALL {
        let shown = name.join(" ");
        let row = match ask(context, name) {
            Ok(_) => vec![json!(shown), json!("ok"), Value::Null],
            Err(Error::CheckFailed(reason)) => {
                let row = vec![json!(shown), json!("failed"), json!(reason)];
                failed.push(shown);
                row
            }
            Err(error) => return Err(error),
        };
        rows.push(row);
    }
    context.out.rows(&["check", "status", "reason"], &rows)?;
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Error::CheckFailed(format!("failed: {}", failed.join(", ")))),
    }
}

/// Connects to every port that the broker says it listens on.
fn connectivity(context: &mut Context, address: Option<&str>) -> Result<(), Error> {
    let overview = context.client.get("/api/overview")?;
    let node = context.client.target().name();
    let banner = format_args!("Testing TCP connections to all active listeners of {node} ...");
    context.out.banner(banner)?;
    let mut failed = Vec::new();
    for listener in overview["listeners"].as_array().into_iter().flatten() {
        let port = plain(&listener["port"]);
        let interface = plain(&listener["ip_address"]);
        let host = address.unwrap_or(match interface.as_str() {
            "::" | "0.0.0.0" => "localhost",
            interface => interface,
        });
        if !answers(host, port.parse().unwrap_or_default()) {
            failed.push(format!("{host}:{port}"));
        }
    }
    match failed.is_empty() {
        true => {
            let text = format!("Successfully connected to all listeners of {node}");
            Ok(context.out.message(text)?)
        }
        false => Err(Error::CheckFailed(format!(
            "can't connect to {}",
            failed.join(", ")
        ))),
    }
}

fn answers(host: &str, port: u16) -> bool {
    let addresses = std::net::ToSocketAddrs::to_socket_addrs(&(host, port));
    let mut addresses = addresses.into_iter().flatten();
    addresses.any(|address| TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).is_ok())
}
