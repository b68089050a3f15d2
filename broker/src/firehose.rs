//! The firehose: copies of what is published and delivered in a vhost, for `amq.rabbitmq.trace`.
//! Copies are never copied again.

use ferrymq_amqp::content::{self, Property};
use ferrymq_amqp::{AMQPValue, FieldTable, Properties, RawValue};

use crate::message::Message;
use crate::own_message;
use crate::session::publishing::addressed;

/// The topic exchange that copies are published to; every vhost has it.
pub(crate) const TRACE_EXCHANGE: &str = "amq.rabbitmq.trace";

/// Where messages are tapped: on one channel.
pub(crate) struct Tap<'a> {
    pub(crate) node: &'a str,
    pub(crate) vhost: &'a str,
    pub(crate) connection: String,
    pub(crate) channel: u16,
    pub(crate) user: &'a str,
}

impl Tap<'_> {
    /// The copy of a message that was published, and routed to these queues.
    pub(crate) fn published<'q>(
        &self,
        message: &Message,
        queues: impl Iterator<Item = &'q str>,
    ) -> Option<Message> {
        let (exchange, _) = addressed(message);
        let queues = queues.map(text).collect();
        self.copy(message, "publish", exchange, |headers| {
            headers.insert("routed_queues".into(), array(queues));
        })
    }

    /// The copy of a message that is sent to a consumer of `queue`.
    pub(crate) fn delivered(
        &self,
        message: &Message,
        queue: &str,
        redelivered: bool,
    ) -> Option<Message> {
        self.copy(message, "deliver", queue, |headers| {
            let redelivered = AMQPValue::LongInt(redelivered.into());
            headers.insert("redelivered".into(), redelivered);
        })
    }

    /// `None`: `message` is a copy itself.
    fn copy(
        &self,
        message: &Message,
        what: &str,
        place: &str,
        more: impl FnOnce(&mut FieldTable),
    ) -> Option<Message> {
        let (exchange, _) = addressed(message);
        if exchange == TRACE_EXCHANGE {
            return None;
        }
        let properties = Properties::parse(message.properties()).ok()?;
        let mut headers = FieldTable::default();
        for (name, value) in [
            ("exchange_name", text(exchange)),
            ("routing_keys", array(routing_keys(message, &properties))),
            ("properties", table(&properties)),
            ("node", text(self.node)),
            ("vhost", text(self.vhost)),
            ("connection", text(&self.connection)),
            ("channel", AMQPValue::LongInt(self.channel.into())),
            ("user", text(self.user)),
        ] {
            headers.insert(name.into(), value);
        }
        more(&mut headers);
        let properties = content::with_only_headers(&headers, None);
        let key = format!("{what}.{place}");
        Some(own_message::compose(
            TRACE_EXCHANGE,
            &key,
            &properties,
            message.body(),
        ))
    }
}

/// The key that it was published with, and those of its CC header.
fn routing_keys(message: &Message, properties: &Properties<'_>) -> Vec<AMQPValue> {
    let (_, routing_key) = addressed(message);
    let mut keys = vec![text(routing_key)];
    let copies = properties.headers().and_then(|headers| headers.get("CC"));
    if let Some(RawValue::Array(copies)) = copies {
        keys.extend(copies.iter().filter_map(|key| key.string()).map(text));
    }
    keys
}

/// The properties that are there, under RabbitMQ's names and with its types.
fn table(properties: &Properties<'_>) -> AMQPValue {
    let mut table = FieldTable::default();
    for property in Property::ALL {
        let small = |number: Option<u8>| number.map(|number| AMQPValue::LongInt(number.into()));
        let value = match property {
            Property::Headers => properties
                .headers()
                .map(|headers| AMQPValue::FieldTable(headers.to_field_table())),
            Property::DeliveryMode => small(properties.delivery_mode()),
            Property::Priority => small(properties.priority()),
            Property::Timestamp => properties.timestamp().map(seconds),
            _ => properties
                .short_bytes(property)
                .map(|bytes| AMQPValue::LongString(bytes.into())),
        };
        if let Some(value) = value {
            let name = property.name().replace('-', "_");
            table.insert(name.into(), value);
        }
    }
    AMQPValue::FieldTable(table)
}

// Compat: RabbitMQ sends all of them in four bytes, where later ones don't fit.
fn seconds(timestamp: u64) -> AMQPValue {
    match i32::try_from(timestamp) {
        Ok(seconds) => AMQPValue::LongInt(seconds),
        Err(_) => AMQPValue::LongLongInt(timestamp as i64),
    }
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn array(values: Vec<AMQPValue>) -> AMQPValue {
    AMQPValue::FieldArray(values.into())
}
