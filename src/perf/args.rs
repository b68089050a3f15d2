//! The command line of `ferrymq perf`.

use std::num::NonZeroU32;

use ferrymq_amqp::{AMQPValue, FieldTable};

use super::Error;

/// Measure a broker: throughput, latency, what it costs, and whether every message arrives.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Where the broker is
    #[arg(long, default_value = "amqp://guest:guest@localhost:5672/%2f")]
    pub(super) uri: String,
    /// Publishing connections
    #[arg(long, default_value_t = 1)]
    pub(super) producers: u16,
    /// Consuming connections
    #[arg(long, default_value_t = 1)]
    pub(super) consumers: u16,
    /// Bytes of a message's body; from 8 on it is verified, from 16 on it can carry the time
    #[arg(long, default_value_t = 16, value_name = "BYTES")]
    pub(super) size: usize,
    /// Publisher confirms, with at most this many unconfirmed messages per producer (0: no confirms)
    #[arg(long, default_value_t = 0, value_name = "WINDOW")]
    pub(super) confirm: u32,
    /// Publish persistent messages
    #[arg(long)]
    pub(super) persistent: bool,
    /// Declare durable queues
    #[arg(long)]
    pub(super) durable: bool,
    /// Name of the queue; with several, the start of their names
    #[arg(long, default_value = "ferrymq-perf", value_name = "NAME")]
    pub(super) queue: String,
    /// Queues to spread messages over
    #[arg(long, default_value = "1")]
    pub(super) queues: NonZeroU32,
    /// Declare queues with this argument: a number, true, false or text; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = queue_argument)]
    pub(super) queue_arg: Vec<(String, AMQPValue)>,
    /// Leave the queues as they are at the end
    #[arg(long)]
    pub(super) keep_queue: bool,
    /// Publish to this exchange, declared unless it is predeclared
    #[arg(long, default_value = "", value_name = "NAME")]
    pub(super) exchange: String,
    /// Type of the exchange
    #[arg(long, default_value = "direct", value_name = "TYPE")]
    pub(super) exchange_type: String,
    /// Bind all queues with this key, so that each gets every message (default: each queue's name)
    #[arg(long, value_name = "KEY")]
    pub(super) routing_key: Option<String>,
    /// Unacked messages per consumer (0: no limit)
    #[arg(long, default_value_t = 2_000, value_name = "MESSAGES")]
    pub(super) prefetch: u16,
    /// Ack every so many messages, all of them at once
    #[arg(long, default_value = "100", value_name = "MESSAGES")]
    pub(super) ack_every: NonZeroU32,
    /// Consume without acks
    #[arg(long)]
    pub(super) no_ack: bool,
    /// Messages per second of all producers together; latency then counts from the moment when a
    /// message was due (0: as fast as possible)
    #[arg(long, default_value_t = 0, value_name = "MESSAGES/S")]
    pub(super) rate: u64,
    /// Stop publishing while this many messages are published and not yet consumed (0: never)
    #[arg(long, default_value_t = 0, value_name = "MESSAGES")]
    pub(super) backlog: u64,
    /// How long to publish, warm-up included (0: until all --messages are sent)
    #[arg(long, default_value_t = 0)]
    pub(super) seconds: u64,
    /// How many messages to publish, or to consume without producers (0: no limit)
    #[arg(long, default_value_t = 0)]
    pub(super) messages: u64,
    /// Seconds at the start which the summary leaves out
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    pub(super) warmup: u64,
    /// Process id of the broker: what it uses of processor and memory is reported
    #[arg(long, value_name = "PID")]
    pub(super) broker_pid: Option<u32>,
    /// Check for loss, duplicates and order
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(super) verify: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Instead: open this many connections, each with a channel and a consumer, and let them rest
    #[arg(long, default_value_t = 0, value_name = "CONNECTIONS")]
    pub(super) idle_connections: u32,
    /// Instead: declare this many durable queues, bound, and let them rest
    #[arg(long, default_value_t = 0, value_name = "QUEUES")]
    pub(super) idle_queues: u32,
}

/// How long a run without any limit publishes, in seconds.
const DEFAULT_SECONDS: u64 = 10;

impl Args {
    /// The arguments that queues are declared with.
    pub(super) fn queue_arguments(&self) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in &self.queue_arg {
            table.insert(name.as_str().into(), value.clone());
        }
        table
    }

    /// How long to publish; `None` while only the number of messages counts.
    pub(super) fn publishing_seconds(&self) -> Option<u64> {
        match (self.seconds, self.messages) {
            (0, 0) => Some(DEFAULT_SECONDS),
            (0, _) => None,
            (seconds, _) => Some(seconds),
        }
    }

    /// Acks every so many deliveries, never more than the broker sends ahead.
    pub(super) fn ack_every(&self) -> u32 {
        match self.prefetch {
            0 => self.ack_every.get(),
            prefetch => self.ack_every.get().min(u32::from(prefetch).div_ceil(2)),
        }
    }

    /// Whether bodies have room for who sent which message.
    pub(super) fn verifies(&self) -> bool {
        self.verify && self.size >= 8
    }

    /// Refuses what cannot work.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |reason| Err(Error::Arguments(reason));
        if self.producers == 0 && self.consumers == 0 {
            return refuse("neither producers nor consumers");
        }
        if self.backlog > 0 && self.consumers == 0 {
            return refuse("--backlog needs consumers");
        }
        if self.exchange.is_empty() && self.routing_key.is_some() {
            return refuse("--routing-key needs --exchange");
        }
        if self.queue.len() > 200 || self.exchange.len() > 255 {
            return refuse("a name is too long");
        }
        if self.routing_key.as_ref().is_some_and(|key| key.len() > 255) {
            return refuse("the routing key is too long");
        }
        if self
            .publishing_seconds()
            .is_some_and(|seconds| seconds <= self.warmup)
        {
            return refuse("--warmup leaves nothing to measure");
        }
        Ok(())
    }
}

/// `NAME=VALUE` as an argument of a queue.
fn queue_argument(text: &str) -> Result<(String, AMQPValue), &'static str> {
    let (name, value) = text.split_once('=').ok_or("it has no '='")?;
    let value = match (value.parse(), value.parse()) {
        (Ok(number), _) => AMQPValue::LongLongInt(number),
        (_, Ok(flag)) => AMQPValue::Boolean(flag),
        _ => AMQPValue::LongString(value.into()),
    };
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_arguments_have_the_type_that_fits() {
        let check = |text, name: &str, value| {
            assert_eq!(queue_argument(text), Ok((name.to_owned(), value)));
        };
        let text = AMQPValue::LongString("relaxed".into());
        check("x-durability=relaxed", "x-durability", text);
        let number = AMQPValue::LongLongInt(10);
        check("x-max-length=10", "x-max-length", number);
        let flag = "x-single-active-consumer";
        check(
            "x-single-active-consumer=true",
            flag,
            AMQPValue::Boolean(true),
        );
        assert!(queue_argument("x-durability").is_err());
    }
}
