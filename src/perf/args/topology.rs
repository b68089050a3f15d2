//! Options: queues, exchange, bindings.

use std::num::NonZeroU32;

use ferrymq_amqp::{AMQPValue, FieldTable};

use crate::perf::parse;

/// Where messages go, and what is declared for that.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Queues and exchange")]
pub(crate) struct Topology {
    /// Name of the queue; with several, the start of their names
    #[arg(
        long,
        short = 'u',
        default_value = "ferrymq-perf",
        value_name = "NAME",
        conflicts_with = "queue_pattern"
    )]
    pub(crate) queue: String,
    /// Queues to spread messages over
    #[arg(long, default_value = "1", conflicts_with = "queue_pattern")]
    pub(crate) queues: NonZeroU32,
    /// Names of queues, with their number where %d (or %03d) is
    #[arg(long, value_name = "PATTERN", value_parser = parse::pattern)]
    pub(crate) queue_pattern: Option<parse::Pattern>,
    /// Number of the first queue of the pattern
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub(crate) queue_from: u32,
    /// Number of the last queue of the pattern
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub(crate) queue_to: u32,
    /// Type of the queues: classic, quorum, stream; the latter two are durable
    #[arg(long, value_name = "TYPE")]
    pub(crate) queue_type: Option<String>,
    /// Declare durable queues
    #[arg(long)]
    durable: bool,
    /// Declare queues that go with their last consumer
    #[arg(long)]
    pub(crate) auto_delete: bool,
    /// Declare queues with this argument: a number, true, false or text; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse::argument)]
    queue_arg: Vec<(String, AMQPValue)>,
    /// Leave queues and exchange as they are at the end
    #[arg(long)]
    pub(crate) keep_queue: bool,
    /// Declare, purge and delete nothing
    #[arg(long, short = 'p', conflicts_with_all = [
        "durable", "auto_delete", "queue_arg", "queue_type", "keep_queue", "exchange_arg", "bindings",
        "binding_key", "binding_arg",
    ])]
    pub(crate) predeclared: bool,
    /// Publish to this exchange (default: none, or one of our own if a type is given)
    #[arg(long, short = 'e', value_name = "NAME")]
    pub(crate) exchange: Option<String>,
    /// Type of the exchange (default: direct)
    #[arg(long, short = 't', value_name = "TYPE")]
    pub(crate) exchange_type: Option<String>,
    /// Declare the exchange with this argument; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse::argument)]
    exchange_arg: Vec<(String, AMQPValue)>,
    /// Publish with this key, which all queues are bound by, so that each gets every message (default:
    /// each queue's name)
    #[arg(
        long,
        short = 'k',
        value_name = "KEY",
        conflicts_with = "random_routing_key"
    )]
    pub(crate) routing_key: Option<String>,
    /// Publish each message with a random key
    #[arg(long, short = 'K')]
    pub(crate) random_routing_key: bool,
    /// Bindings of each queue; with a topic exchange they have wildcards
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=10_000),
        conflicts_with_all = ["routing_key", "binding_key"])]
    pub(crate) bindings: u32,
    /// Bind all queues with this key, whatever messages are published with; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) binding_key: Vec<String>,
    /// Bind queues with this argument; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse::argument)]
    binding_arg: Vec<(String, AMQPValue)>,
}

impl Topology {
    /// The arguments that queues are declared with.
    pub(crate) fn queue_arguments(&self) -> FieldTable {
        let mut table = table(&self.queue_arg);
        if let Some(kind) = &self.queue_type {
            let kind = AMQPValue::LongString(kind.as_str().into());
            table.insert("x-queue-type".into(), kind);
        }
        table
    }

    pub(crate) fn exchange_arguments(&self) -> FieldTable {
        table(&self.exchange_arg)
    }

    pub(crate) fn binding_arguments(&self) -> FieldTable {
        table(&self.binding_arg)
    }

    /// Whether queues survive a restart; those of some types always do.
    pub(crate) fn durable(&self) -> bool {
        self.durable || matches!(self.queue_type.as_deref(), Some("quorum" | "stream"))
    }

    /// The exchange's type, if there is an exchange.
    pub(crate) fn kind(&self) -> &str {
        self.exchange_type.as_deref().unwrap_or("direct")
    }

    /// Whether the exchange is one that nobody named, so that it is ours to delete.
    pub(crate) fn own_exchange(&self) -> bool {
        self.exchange.is_none() && self.exchange_type.is_some()
    }
}

/// Arguments as a field table.
pub(crate) fn table(arguments: &[(String, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert(name.as_str().into(), value.clone());
    }
    table
}
