//! Options of every scenario: which broker, how to report, what is good enough.

use std::path::PathBuf;
use std::time::Duration;

use amq_protocol::uri::AMQPUri;

use crate::perf::{Error, parse};

/// Where the broker is, and what every scenario reports.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Broker {
    /// Start from a preset; options given beside it win
    // Taken out of the command line before it is parsed: see `scenario`.
    #[arg(long, value_name = "NAME", value_parser = crate::perf::scenario::names())]
    scenario: Option<String>,
    /// Where the broker is; with several, connections take turns
    #[arg(
        long,
        short = 'H',
        default_value = "amqp://guest:guest@localhost:5672/%2f"
    )]
    uri: Vec<String>,
    /// Process id of the broker: what it uses of processor and memory is reported
    #[arg(long, value_name = "PID")]
    pub(crate) broker_pid: Option<u32>,
    /// Print everything as one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Exit with 3 when there are fewer messages, or operations, per second
    #[arg(long, value_name = "PER SECOND", value_parser = parse::rate)]
    pub(crate) min_rate: Option<f64>,
}

/// What is printed while it runs, and what is demanded of latencies.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Reporting {
    /// Print a row per interval as CSV
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Time between two lines of the report
    #[arg(long, short = 'i', default_value = "1", value_name = "SECONDS", value_parser = parse::interval)]
    pub(crate) interval: Duration,
    /// Write the latencies to this file, in HdrHistogram's percentile format
    #[arg(long, value_name = "FILE")]
    pub(crate) histogram: Option<PathBuf>,
    /// Exit with 3 when the median of the latency is longer
    #[arg(long, value_name = "LATENCY", value_parser = parse::latency)]
    pub(crate) max_p50: Option<Duration>,
    /// Exit with 3 when one in a hundred latencies is longer
    #[arg(long, value_name = "LATENCY", value_parser = parse::latency)]
    pub(crate) max_p99: Option<Duration>,
}

impl Broker {
    /// Where to connect.
    pub(crate) fn uris(&self) -> Result<Vec<AMQPUri>, Error> {
        let parse = |uri: &String| {
            uri.parse()
                .map_err(|why| Error::Usage(format!("--uri {uri}: {why}")))
        };
        self.uri.iter().map(parse).collect()
    }
}
