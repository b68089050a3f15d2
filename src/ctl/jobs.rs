//! Jobs: move, copy, redrive and purge messages that wait in a queue, all or those of a filter.

use std::thread;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::context::Context;
use super::error::Error;
use super::listing::{Columns, from, json, same};
use super::output::plain;
use super::path::path;

/// How often it is looked whether a job has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

const JOBS: Columns = Columns {
    all: &[
        same("id"),
        same("task"),
        same("vhost"),
        same("source"),
        json("target", "target"),
        same("state"),
        from("done", "progress.done"),
        from("failed", "progress.failed"),
        from("left", "progress.left"),
        from("scanned", "progress.scanned"),
        same("filter"),
        same("limit"),
        same("rate"),
        same("user"),
        same("started_at"),
        same("reason"),
        same("origin"),
    ],
    default: 9,
};

/// Where a redriven message goes.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Origin {
    /// To the exchange that it was published to
    Exchange,
    /// Into the queue in which it died, and no other
    Queue,
}

/// Which messages, and how fast.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Extent {
    /// Only these: 'key:orders.# header.x:1 size:>10k text'
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// The first so many
    #[arg(long)]
    limit: Option<u64>,
    /// So many a second at most
    #[arg(long)]
    rate: Option<u32>,
    /// Do not wait for the end: print the job's number
    #[arg(long)]
    background: bool,
}

/// Where messages go.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(super) struct Target {
    /// Into this queue, as they are
    #[arg(long, value_name = "QUEUE", required_unless_present = "to_exchange")]
    to_queue: Option<String>,
    /// Published to this exchange
    #[arg(long, value_name = "EXCHANGE", conflicts_with = "to_queue")]
    to_exchange: Option<String>,
    /// With this routing key instead of their own
    #[arg(short = 'k', long, requires = "to_exchange")]
    routing_key: Option<String>,
    /// It is a retry: count it in their header x-redrive-count
    #[arg(long = "mark-retry")]
    mark_retry: bool,
}

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// Move messages of a queue
    MoveMessages {
        queue: String,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        extent: Extent,
    },
    /// Copy messages of a queue
    CopyMessages {
        queue: String,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        extent: Extent,
    },
    /// Publish dead letters again as they were when they died
    Redrive {
        queue: String,
        /// Where they go
        #[arg(long, value_enum, default_value = "exchange")]
        to: Origin,
        /// Keep the headers that tell of their deaths
        #[arg(long = "keep-history")]
        keep_history: bool,
        /// Give them back the time to live that their death took
        #[arg(long = "restore-expiration")]
        restore_expiration: bool,
        /// Do not count the retry in their header x-redrive-count
        #[arg(long = "no-mark")]
        no_mark: bool,
        #[command(flatten)]
        extent: Extent,
    },
    /// Drop the messages that wait in a queue, all or those of a filter
    #[command(visible_alias = "purge")]
    PurgeQueue {
        queue: String,
        #[command(flatten)]
        extent: Extent,
    },
    /// List jobs, and the latest of those that have ended
    #[command(visible_alias = "jobs")]
    ListJobs {
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = JOBS.parser())]
        columns: Vec<String>,
    },
    /// End a job; what it did holds
    CancelJob { id: u64 },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        match self {
            Self::MoveMessages {
                queue,
                target,
                extent,
            } => {
                let order = target.order("move");
                run(context, &queue, ("Moving", "moved"), order, &extent)
            }
            Self::CopyMessages {
                queue,
                target,
                extent,
            } => {
                let order = target.order("copy");
                run(context, &queue, ("Copying", "copied"), order, &extent)
            }
            Self::Redrive {
                queue,
                to,
                keep_history,
                restore_expiration,
                no_mark,
                extent,
            } => {
                let order = json!({
                    "task": "redrive",
                    "origin": match to {
                        Origin::Exchange => "exchange",
                        Origin::Queue => "queue",
                    },
                    "keep_history": keep_history,
                    "restore_expiration": restore_expiration,
                    "mark_retry": !no_mark,
                });
                run(context, &queue, ("Redriving", "redriven"), order, &extent)
            }
            Self::PurgeQueue { queue, extent } => purge(context, &queue, &extent),
            Self::ListJobs { columns } => {
                context.out.banner("Listing jobs ...")?;
                JOBS.print(context, path(&["jobs"]), &columns)
            }
            Self::CancelJob { id } => {
                context
                    .out
                    .banner(format_args!("Cancelling job {id} ..."))?;
                let cancelled = context.client.delete(&path(&["jobs", &id.to_string()]));
                cancelled.map_err(|error| match error {
                    Error::NotFound(_) => Error::NotFound(format!("there is no job {id}")),
                    error => error,
                })
            }
        }
    }
}

impl Target {
    fn order(&self, task: &str) -> Value {
        let target = match (&self.to_queue, &self.to_exchange) {
            (Some(queue), _) => json!({ "queue": queue }),
            (None, exchange) => json!({ "exchange": exchange, "routing_key": self.routing_key }),
        };
        json!({ "task": task, "target": target, "mark_retry": self.mark_retry })
    }
}

impl Extent {
    fn is_everything(&self) -> bool {
        let Self {
            filter,
            limit,
            rate,
            background,
        } = self;
        filter.is_none() && limit.is_none() && rate.is_none() && !background
    }
}

/// Compat: without a filter it is what every broker can do, and says nothing when it is done.
fn purge(context: &mut Context, queue: &str, extent: &Extent) -> Result<(), Error> {
    if !extent.is_everything() {
        let order = json!({ "task": "purge" });
        return run(context, queue, ("Purging", "purged"), order, extent);
    }
    let vhost = context.vhost();
    let banner = format_args!("Purging queue '{queue}' in vhost '{vhost}' ...");
    context.out.banner(banner)?;
    let purged = context
        .client
        .delete(&path(&["queues", &vhost, queue, "contents"]));
    context.of(purged, format_args!("queue '{queue}'"))
}

/// Begins a job and waits for its end. `words`: what it does, and what it will have done.
fn run(
    context: &mut Context,
    queue: &str,
    words: (&str, &str),
    mut order: Value,
    extent: &Extent,
) -> Result<(), Error> {
    let vhost = context.vhost();
    let (doing, done) = words;
    let banner = format_args!("{doing} messages of queue '{queue}' in vhost '{vhost}' ...");
    context.out.banner(banner)?;
    order["vhost"] = vhost.into();
    order["source"] = queue.into();
    order["filter"] = extent.filter.clone().unwrap_or_default().into();
    order["limit"] = extent.limit.into();
    order["rate"] = extent.rate.into();
    let begun = context.client.post(&path(&["jobs"]), &order);
    let mut job = context.of(begun, format_args!("queue '{queue}'"))?.json()?;
    let id = plain(&job["id"]);
    if extent.background {
        return Ok(context.out.answer(&job, id)?);
    }
    while job["state"] == "running" {
        thread::sleep(LOOK_AGAIN);
        job = context.client.get(&path(&["jobs", &id]))?;
    }
    let (moved, failed) = (plain(&job["progress"]["done"]), &job["progress"]["failed"]);
    context
        .out
        .answer(&job, format_args!("{moved} messages {done}"))?;
    match job["state"].as_str() {
        Some("done") if *failed == 0 => Ok(()),
        Some("done") => Err(Error::Refused(format!(
            "{failed} messages stay in '{queue}': what they were to go to does not take them"
        ))),
        Some("failed") => Err(Error::Refused(plain(&job["reason"]))),
        _ => Err(Error::Refused(format!("job {id} was cancelled"))),
    }
}
