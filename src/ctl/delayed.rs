//! Delayed messages, of queues and of exchanges: list them, cancel them.

use clap::Subcommand;
use serde_json::Value;

use super::context::Context;
use super::error::Error;
use super::listing::{Columns, json, same};
use super::path::{path, with_query};

/// Messages that one page may hold.
const PAGE: usize = 1000;

const DELAYED: Columns = Columns {
    all: &[
        same("sequence"),
        same("due"),
        same("delay_left"),
        same("exchange"),
        same("routing_key"),
        same("payload"),
        same("payload_bytes"),
        same("payload_encoding"),
        json("properties", "properties"),
        same("persistent"),
    ],
    default: 6,
};

/// Where messages wait for their time.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Place {
    /// A queue's name
    name: String,
    /// It is an exchange's name
    #[arg(long)]
    exchange: bool,
}

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// List delayed messages, by the time at which they are due
    #[command(visible_alias = "delayed")]
    ListDelayed {
        #[command(flatten)]
        place: Place,
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = DELAYED.parser())]
        columns: Vec<String>,
        /// So many at most
        #[arg(short, long, default_value_t = 100)]
        count: usize,
    },
    /// Drop a delayed message, by its sequence, or all (--all)
    CancelDelayed {
        #[command(flatten)]
        place: Place,
        /// As in the column sequence of list_delayed
        #[arg(required_unless_present = "all")]
        sequence: Option<u64>,
        /// All of them
        #[arg(long, conflicts_with = "sequence")]
        all: bool,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        match self {
            Self::ListDelayed {
                place,
                columns,
                count,
            } => {
                let banner = format_args!("Listing delayed messages of {} ...", place.said());
                context.out.banner(banner)?;
                let found = list(context, &place, count)?;
                DELAYED.print_rows(context, &found.into(), &columns)
            }
            Self::CancelDelayed {
                place, sequence, ..
            } => {
                let what = match sequence {
                    Some(sequence) => format!("delayed message {sequence}"),
                    None => "delayed messages".to_owned(),
                };
                let banner = format_args!("Cancelling {what} of {} ...", place.said());
                context.out.banner(banner)?;
                let vhost = context.vhost();
                let sequence = sequence.map(|sequence| sequence.to_string());
                let mut segments = place.segments(&vhost);
                segments.extend(sequence.as_deref());
                let cancelled = context.client.delete(&path(&segments));
                context.of(cancelled, format_args!("{what} of {}", place.said()))
            }
        }
    }
}

impl Place {
    fn said(&self) -> String {
        match self.exchange {
            true => format!("exchange '{}'", self.name),
            false => format!("queue '{}'", self.name),
        }
    }

    fn segments<'a>(&'a self, vhost: &'a str) -> Vec<&'a str> {
        let kind = if self.exchange { "exchanges" } else { "queues" };
        vec![kind, vhost, &self.name, "delayed"]
    }
}

fn list(context: &Context, place: &Place, count: usize) -> Result<Vec<Value>, Error> {
    let base = path(&place.segments(&context.vhost()));
    let mut found = Vec::new();
    let mut cursor = String::new();
    while found.len() < count {
        let limit = (count - found.len()).min(PAGE).to_string();
        let path = with_query(base.clone(), &[("limit", &limit), ("cursor", &cursor)]);
        let page = context.of(context.client.get(&path), place.said())?;
        found.extend(page["items"].as_array().into_iter().flatten().cloned());
        match page["cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    Ok(found)
}
