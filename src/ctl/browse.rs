//! Looking at messages without taking them: in a queue, on their way into it, with consumers, delayed.

use std::ops::ControlFlow;

use clap::{Subcommand, ValueEnum};
use serde_json::Value;

use super::context::Context;
use super::error::Error;
use super::listing::{Column, Columns, from, json, same};
use super::output::plain;
use super::path::{path, with_query};

/// Messages that one page of a look may hold.
const PAGE: usize = 1000;

const WAITING: Columns = Columns {
    all: &[
        same("position"),
        same("sequence"),
        same("exchange"),
        same("routing_key"),
        same("payload"),
        same("payload_bytes"),
        same("payload_encoding"),
        json("properties", "properties"),
        same("priority"),
        same("persistent"),
        same("redelivered"),
        same("delivery_count"),
        same("expires_at"),
        same("age"),
    ],
    default: 8,
};

const UNACKED: Columns = Columns {
    all: &[
        same("sequence"),
        same("consumer_tag"),
        from("channel_pid", "channel_details.name"),
        from("user", "channel_details.user"),
        same("delivery_tag"),
        same("age"),
        same("exchange"),
        same("routing_key"),
        same("payload_bytes"),
        same("redelivered"),
        same("delivery_count"),
        same("persistent"),
    ],
    default: 8,
};

/// Where a look begins.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum End {
    /// With what is delivered next
    Head,
    /// With what is delivered last
    Tail,
}

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// Look at messages that wait in a queue, without taking them
    Browse {
        queue: String,
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = WAITING.parser())]
        columns: Vec<String>,
        /// Only these: 'key:orders.# header.x:1 size:>10k text'
        #[arg(long, value_name = "FILTER")]
        filter: Option<String>,
        /// So many at most
        #[arg(short, long, default_value_t = 50)]
        count: usize,
        /// Where to begin
        #[arg(long, value_enum, default_value = "head")]
        from: End,
        /// Show so many bytes of each
        #[arg(long, value_name = "BYTES", default_value_t = 4096)]
        truncate: usize,
    },
    /// Look at the message at a position of a queue, from 1 on
    Peek { queue: String, position: usize },
    /// Show copies of messages as they are routed into a queue, until interrupted
    Tail {
        queue: String,
        /// Only these: 'key:orders.# header.x:1 size:>10k text'
        #[arg(long, value_name = "FILTER")]
        filter: Option<String>,
        /// End after so many
        #[arg(short, long)]
        count: Option<usize>,
        /// So many a second at most; what is more is left out, and counted
        #[arg(long, default_value_t = 50)]
        rate: usize,
        /// Show so many bytes of each
        #[arg(long, value_name = "BYTES", default_value_t = 4096)]
        truncate: usize,
    },
    /// List messages that consumers have and did not settle yet
    ListUnacked {
        queue: String,
        #[arg(value_name = "COLUMN", value_delimiter = ',', value_parser = UNACKED.parser())]
        columns: Vec<String>,
        /// So many at most
        #[arg(short, long, default_value_t = 100)]
        count: usize,
    },
    /// Return messages that a connection did not settle to their places in the queue
    RequeueUnacked {
        queue: String,
        /// The connection's name, as list_connections shows it as pid
        connection: String,
        /// Only those of this channel
        #[arg(long)]
        channel: Option<u16>,
        /// Only those of this consumer
        #[arg(long = "consumer-tag", value_name = "TAG", requires = "channel")]
        consumer_tag: Option<String>,
        /// Only the delivery with this tag
        #[arg(long = "delivery-tag", value_name = "TAG", requires = "channel")]
        delivery_tag: Option<u64>,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        let vhost = context.vhost();
        match self {
            Self::Browse {
                queue,
                columns,
                filter,
                count,
                from,
                truncate,
            } => {
                let banner = format_args!("Browsing queue '{queue}' in vhost '{vhost}' ...");
                context.out.banner(banner)?;
                let found = look(context, &queue, filter.as_deref(), count, from, truncate)?;
                WAITING.print_rows(context, &found.into(), &columns)
            }
            Self::Peek { queue, position } => {
                let banner = format_args!("Peeking at queue '{queue}' at position {position} ...");
                context.out.banner(banner)?;
                let mut found = look(context, &queue, None, position, End::Head, 4096)?;
                let there = found.len() == position && position > 0;
                let message = found.pop().filter(|_| there).ok_or_else(|| {
                    let text = "Target queue does not have a message at that position";
                    Error::CheckFailed(text.to_owned())
                })?;
                print_object(context, &message)
            }
            Self::Tail {
                queue,
                filter,
                count,
                rate,
                truncate,
            } => tail(context, &queue, filter.as_deref(), count, rate, truncate),
            Self::ListUnacked {
                queue,
                columns,
                count,
            } => {
                let banner = format_args!("Listing unacked messages of queue '{queue}' ...");
                context.out.banner(banner)?;
                let path = path(&["queues", &vhost, &queue, "unacked"]);
                let path = with_query(path, &[("limit", &count.to_string())]);
                let found = context.client.get(&path);
                let found = context.of(found, format_args!("queue '{queue}'"))?;
                UNACKED.print_rows(context, &found["items"], &columns)
            }
            Self::RequeueUnacked {
                queue,
                connection,
                channel,
                consumer_tag,
                delivery_tag,
            } => {
                let banner = format_args!("Returning unacked messages to queue '{queue}' ...");
                context.out.banner(banner)?;
                let which = serde_json::json!({
                    "connection": connection,
                    "channel": channel,
                    "consumer_tag": consumer_tag,
                    "delivery_tag": delivery_tag,
                });
                let path = path(&["queues", &vhost, &queue, "unacked", "requeue"]);
                let returned = context.client.post(&path, &which);
                let what = format_args!("such a delivery, connection or queue '{queue}'");
                let returned = context.of(returned, what)?.json()?;
                let count = plain(&returned["requeued"]);
                let told = format_args!("{count} messages returned");
                Ok(context.out.answer(&returned, told)?)
            }
        }
    }
}

/// The first `count` messages that `filter` takes, page by page: nothing is kept open between pages.
fn look(
    context: &Context,
    queue: &str,
    filter: Option<&str>,
    count: usize,
    from: End,
    truncate: usize,
) -> Result<Vec<Value>, Error> {
    let base = path(&["queues", &context.vhost(), queue, "browse"]);
    let truncate = truncate.to_string();
    let from = match from {
        End::Head => "head",
        End::Tail => "tail",
    };
    let mut found = Vec::new();
    let mut cursor = String::new();
    while found.len() < count {
        let limit = (count - found.len()).min(PAGE).to_string();
        let mut query = vec![("limit", &*limit), ("from", from), ("truncate", &truncate)];
        query.extend(filter.map(|filter| ("filter", filter)));
        query.push(("cursor", &cursor));
        let page = context.client.get(&with_query(base.clone(), &query));
        let page = context.of(page, format_args!("queue '{queue}'"))?;
        found.extend(page["items"].as_array().into_iter().flatten().cloned());
        match page["cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    Ok(found)
}

fn print_object(context: &mut Context, object: &Value) -> Result<(), Error> {
    let fields = object.as_object().into_iter().flatten();
    let lines = fields.map(|(name, value)| format!("{name}: {}", plain(value)));
    let lines: Vec<_> = lines.collect();
    Ok(context.out.answer(object, lines.join("\n"))?)
}

fn tail(
    context: &mut Context,
    queue: &str,
    filter: Option<&str>,
    count: Option<usize>,
    rate: usize,
    truncate: usize,
) -> Result<(), Error> {
    const SHOWN: [Column; 4] = [
        same("exchange"),
        same("routing_key"),
        json("properties", "properties"),
        same("payload"),
    ];
    let path = path(&["queues", &context.vhost(), queue, "tail"]);
    let (rate, truncate) = (rate.to_string(), truncate.to_string());
    let mut query = vec![("rate", &*rate), ("truncate", &*truncate)];
    query.extend(filter.map(|filter| ("filter", filter)));
    let path = with_query(path, &query);
    let banner = format_args!("Following queue '{queue}' ...");
    context.out.banner(banner)?;
    let mut left = count.unwrap_or(usize::MAX);
    if left == 0 {
        return Ok(());
    }
    let out = &mut context.out;
    let followed = context.client.follow(&path, |kind, data| {
        if kind != "message" {
            return Ok(ControlFlow::Continue(()));
        }
        let message: Value =
            serde_json::from_str(data).map_err(|error| Error::Answer(error.to_string()))?;
        let dropped = message["dropped"].as_u64().unwrap_or_default();
        if dropped > 0 {
            out.banner(format_args!("... {dropped} left out ..."))?;
        }
        out.line(&message, &SHOWN.map(|column| column.value(&message, false)))?;
        left -= 1;
        Ok(match left {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    });
    context.of(followed, format_args!("queue '{queue}'"))
}
