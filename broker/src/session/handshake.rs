//! From the first eight bytes to `open-ok`.
//!
//! ```text
//! C: header   S: start   C: start-ok   S: tune   C: tune-ok   C: open   S: open-ok
//! ```

use ferrymq_amqp::frame::{self, MIN_FRAME_MAX, ProtocolHeader};
use ferrymq_amqp::method::connection;
use ferrymq_amqp::{AMQPClass, AMQPValue, FieldTable, LongString, ReplyCode, ShortString, table};

use crate::config::Config;
use crate::error::Error;
use crate::session::context::{Capabilities, Limits};

/// Bytes of a frame until the connection is tuned. Tokens in `start-ok` can be long.
pub const INITIAL_FRAME_MAX: u32 = 8192;

/// What the broker can do, for clients that ask before they use it.
const CAPABILITIES: [&str; 9] = [
    "publisher_confirms",
    "exchange_exchange_bindings",
    "basic.nack",
    "consumer_cancel_notify",
    "connection.blocked",
    "consumer_priorities",
    "authentication_failure_close",
    "per_consumer_qos",
    "direct_reply_to",
];

/// What a client told of itself in `start-ok`.
#[derive(Debug, Default)]
pub struct Client {
    /// What it can take.
    pub capabilities: Capabilities,
    /// The name that its user gave the connection.
    pub connection_name: Option<String>,
    /// How it wants its user to be recognised.
    pub mechanism: String,
    /// Everything it said.
    pub properties: FieldTable,
}

/// What was agreed in `tune-ok`.
#[derive(Debug, Clone, Copy)]
pub struct Tuned {
    /// Channels and frames.
    pub limits: Limits,
    /// Seconds; 0: no heartbeats.
    pub heartbeat: u16,
}

/// What to do about a connection's first eight bytes: `Err` with the reason for the log.
pub fn check_header(header: &[u8; 8]) -> Result<(), &'static str> {
    match frame::protocol_header(header) {
        ProtocolHeader::Amqp091 => Ok(()),
        ProtocolHeader::Amqp10 => Err("AMQP 1.0 is not supported"),
        ProtocolHeader::Tls => Err("TLS client detected on non-TLS AMQP port"),
        ProtocolHeader::Http if header.starts_with(b"GET ") => {
            Err("HTTP GET request detected on AMQP port")
        }
        ProtocolHeader::Http => Err("HTTP request detected on AMQP port"),
        ProtocolHeader::Other => Err("unknown protocol header"),
    }
}

/// `connection.start` of a broker in a cluster of this name.
pub fn start(config: &Config, cluster_name: &str) -> AMQPClass {
    let text = |text: &str| AMQPValue::LongString(LongString::from(text.as_bytes()));
    let mut capabilities = FieldTable::default();
    for name in CAPABILITIES {
        capabilities.insert(ShortString::from(name), AMQPValue::Boolean(true));
    }
    let mut properties = FieldTable::default();
    let capabilities = AMQPValue::FieldTable(capabilities);
    properties.insert("capabilities".into(), capabilities);
    for (name, value) in config.server_properties(cluster_name) {
        properties.insert(ShortString::from(name), text(&value));
    }
    let start = connection::Start {
        version_major: 0,
        version_minor: 9,
        server_properties: properties,
        mechanisms: LongString::from(config.mechanisms.join(" ").as_bytes()),
        locales: LongString::from(&b"en_US"[..]),
    };
    AMQPClass::Connection(connection::AMQPMethod::Start(start))
}

/// What the client told of itself.
pub fn client(properties: FieldTable) -> Client {
    let mut capabilities = Capabilities::default();
    if let Some(AMQPValue::FieldTable(told)) = table::get(&properties, "capabilities") {
        let has = |name| table::boolean(told, name) == Some(true);
        capabilities = Capabilities {
            authentication_failure_close: has("authentication_failure_close"),
            connection_blocked: has("connection.blocked"),
            consumer_cancel_notify: has("consumer_cancel_notify"),
        };
    }
    Client {
        capabilities,
        connection_name: table::string(&properties, "connection_name").map(str::to_owned),
        mechanism: String::new(),
        properties,
    }
}

/// `connection.tune`: what the broker proposes.
pub fn tune(config: &Config) -> AMQPClass {
    let tune = connection::Tune {
        channel_max: config.channel_max,
        frame_max: config.frame_max,
        heartbeat: config.heartbeat_seconds,
    };
    AMQPClass::Connection(connection::AMQPMethod::Tune(tune))
}

/// Checks `connection.tune-ok`. Zero stands for the broker's own value.
///
/// # Errors
/// 530 for a value outside what was proposed. The heartbeat is the client's choice.
pub fn tuned(config: &Config, ok: &connection::TuneOk) -> Result<Tuned, Error> {
    let frame_max = match ok.frame_max {
        0 => config.frame_max,
        low if low < MIN_FRAME_MAX => {
            return Err(Error::NotAllowed(format!(
                "negotiated frame_max = {low} is lower than the minimum allowed value \
                 ({MIN_FRAME_MAX})"
            )));
        }
        asked => at_most("frame_max", asked, config.frame_max)?,
    };
    let channel_max = match ok.channel_max {
        0 => config.channel_max,
        asked => at_most("channel_max", asked, config.channel_max)?,
    };
    Ok(Tuned {
        limits: Limits {
            channel_max,
            frame_max,
            max_message_bytes: config.max_message_bytes,
        },
        heartbeat: ok.heartbeat,
    })
}

fn at_most<T: PartialOrd + std::fmt::Display>(what: &str, asked: T, max: T) -> Result<T, Error> {
    if asked > max {
        return Err(Error::NotAllowed(format!(
            "negotiated {what} = {asked} is higher than the maximum allowed value ({max})"
        )));
    }
    Ok(asked)
}

/// `connection.close`.
pub fn close(code: ReplyCode, text: String, method: (u16, u16)) -> AMQPClass {
    let close = connection::Close {
        reply_code: code.code(),
        reply_text: ShortString::from(text),
        class_id: method.0,
        method_id: method.1,
    };
    AMQPClass::Connection(connection::AMQPMethod::Close(close))
}

/// `connection.close-ok`.
pub fn close_ok() -> AMQPClass {
    AMQPClass::Connection(connection::AMQPMethod::CloseOk(connection::CloseOk {}))
}

/// `connection.open-ok`.
pub fn open_ok() -> AMQPClass {
    AMQPClass::Connection(connection::AMQPMethod::OpenOk(connection::OpenOk {}))
}
