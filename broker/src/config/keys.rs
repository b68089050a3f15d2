//! Every setting: its name, what it may hold, and where it goes.

use ferrymq_store::Durability;

use crate::queue::arguments::QueueType;
use crate::queue::settings::DeliveryCounting;

use super::values::Value;
use super::{Config, ConsumerTimeout, LogFormat, LogLevel, Product};

/// One setting.
pub struct Key {
    /// `section.key`, or `key` alone. In the environment: `FERRYMQ_SECTION_KEY`.
    pub name: &'static str,
    /// What it may hold, to be read after "allowed:".
    pub allowed: &'static str,
    /// Is its value kept out of messages?
    pub(super) secret: bool,
    /// `None` when the value is not allowed.
    pub(super) set: fn(&mut Config, &Value) -> Option<()>,
}

/// All settings, in the order of a configuration file.
pub fn keys() -> &'static [Key] {
    KEYS
}

impl Key {
    /// The part of the name before the point; empty for a key outside sections.
    pub(super) fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// The variable that sets it.
    pub fn variable(&self) -> String {
        format!("FERRYMQ_{}", self.name.replace('.', "_").to_uppercase())
    }
}

const fn key(
    name: &'static str,
    allowed: &'static str,
    set: fn(&mut Config, &Value) -> Option<()>,
) -> Key {
    Key {
        name,
        allowed,
        secret: false,
        set,
    }
}

const fn secret(
    name: &'static str,
    allowed: &'static str,
    set: fn(&mut Config, &Value) -> Option<()>,
) -> Key {
    Key {
        secret: true,
        ..key(name, allowed, set)
    }
}

/// Puts the value, if there is one, into the field.
fn put<T>(field: &mut T, value: Option<T>) -> Option<()> {
    *field = value?;
    Some(())
}

const ADDRESS: &str = "ADDRESS:PORT, for example 127.0.0.1:5672 or [::]:5672";
const LIMIT: &str = "a number, or \"none\"";
const OPTIONAL_ADDRESS: &str = "ADDRESS:PORT, or \"none\"";

static KEYS: &[Key] = &[
    key("data_dir", "a directory", |config, value| {
        put(&mut config.data_dir, value.text().map(Into::into))
    }),
    key("node.name", "a name without spaces", |config, value| {
        let name = value
            .text()
            .filter(|name| !name.contains(char::is_whitespace));
        put(&mut config.node_name, name)
    }),
    key("amqp.listen", ADDRESS, |config, value| {
        put(&mut config.amqp_listen, value.address())
    }),
    key(
        "amqp.heartbeat",
        "seconds from 0 (none) to 65535",
        |config, value| {
            let seconds = value.integer(0, u16::MAX.into());
            put(
                &mut config.heartbeat_seconds,
                seconds.map(|seconds| seconds as u16),
            )
        },
    ),
    key(
        "amqp.frame_max",
        "bytes from 4096 to 16 MiB",
        |config, value| {
            let bytes = value.size(4096, 16 << 20);
            put(&mut config.frame_max, bytes.map(|bytes| bytes as u32))
        },
    ),
    key(
        "amqp.channel_max",
        "a number from 1 to 65535",
        |config, value| {
            let channels = value.integer(1, u16::MAX.into());
            put(
                &mut config.channel_max,
                channels.map(|channels| channels as u16),
            )
        },
    ),
    key(
        "amqp.handshake_timeout",
        "a time with its unit, for example \"10s\"",
        |config, value| put(&mut config.handshake_timeout, value.span()),
    ),
    key(
        "amqp.max_message_size",
        "bytes, or a size like \"16MiB\", up to 512 MiB",
        |config, value| put(&mut config.max_message_bytes, value.size(1, 512 << 20)),
    ),
    key("http.listen", OPTIONAL_ADDRESS, |config, value| {
        put(&mut config.http_listen, value.optional_address())
    }),
    key(
        "http.socket",
        "a path for a Unix socket, or \"none\"",
        |config, value| put(&mut config.http_socket, value.socket()),
    ),
    key("metrics.listen", OPTIONAL_ADDRESS, |config, value| {
        put(&mut config.metrics_listen, value.optional_address())
    }),
    key(
        "memory.high_watermark",
        "a share of the memory from 0 to 1, or a size like \"2GiB\"",
        |config, value| put(&mut config.memory_high_watermark, value.watermark()),
    ),
    key(
        "memory.queues",
        "a share of the memory from 0 to 1, or a size like \"2GiB\"",
        |config, value| put(&mut config.queue_memory, value.watermark()),
    ),
    key(
        "disk.free_limit",
        "bytes, or a size like \"1GiB\"",
        |config, value| put(&mut config.disk_free_limit_bytes, value.size(0, u64::MAX)),
    ),
    key(
        "queues.consumer_timeout",
        "a time with its unit, for example \"30min\"; \"off\"; or \"by-queue-type\"",
        |config, value| {
            let word = value.one_of(&[
                ("off", ConsumerTimeout::Off),
                ("by-queue-type", ConsumerTimeout::ByQueueType),
            ]);
            let time = || value.span().map(ConsumerTimeout::After);
            put(&mut config.consumer_timeout, word.or_else(time))
        },
    ),
    key(
        "queues.default_queue_type",
        "\"classic\" or \"quorum\"",
        |config, value| {
            let queue_type = value.one_of(&[
                ("classic", QueueType::Classic),
                ("quorum", QueueType::Quorum),
            ]);
            put(&mut config.default_queue_type, queue_type)
        },
    ),
    key(
        "queues.relaxed_redeclaration",
        "true or false",
        |config, value| put(&mut config.relaxed_redeclaration, value.flag()),
    ),
    key("limits.connection_max", LIMIT, |config, value| {
        put(&mut config.limits.connections, value.limit())
    }),
    key("limits.channel_max_per_node", LIMIT, |config, value| {
        put(&mut config.limits.channels, value.limit())
    }),
    key("limits.consumer_max_per_channel", LIMIT, |config, value| {
        put(&mut config.limits.consumers_per_channel, value.limit())
    }),
    key("limits.vhost_max", LIMIT, |config, value| {
        put(&mut config.limits.vhosts, value.limit())
    }),
    key("limits.cluster_queue_limit", LIMIT, |config, value| {
        put(&mut config.limits.queues, value.limit())
    }),
    key("limits.cluster_exchange_limit", LIMIT, |config, value| {
        put(&mut config.limits.exchanges, value.limit())
    }),
    key(
        "auth.loopback_users",
        "a list of user names, or \"none\"",
        |config, value| put(&mut config.loopback_users, value.words()),
    ),
    key("auth.default_user", "a user's name", |config, value| {
        put(&mut config.default_user, value.text())
    }),
    secret("auth.default_pass", "a password", |config, value| {
        put(&mut config.default_pass, value.text())
    }),
    key("auth.default_vhost", "a vhost's name", |config, value| {
        put(&mut config.default_vhost, value.text())
    }),
    key(
        "product.present_as",
        "\"ferrymq\" or \"rabbitmq\"",
        |config, value| {
            let product = value.one_of(&[
                ("ferrymq", Product::FerryMq),
                ("rabbitmq", Product::RabbitMq),
            ]);
            put(&mut config.present_as, product)
        },
    ),
    key(
        "product.rabbitmq_version",
        "a version like \"4.2.0\"",
        |config, value| {
            let is_version = |text: &String| {
                let mut parts = text.split('.');
                parts.clone().count() == 3 && parts.all(|part| part.parse::<u16>().is_ok())
            };
            put(
                &mut config.rabbitmq_version,
                value.text().filter(is_version),
            )
        },
    ),
    key(
        "log.level",
        "one of trace, debug, info, warning, error, none",
        |config, value| put(&mut config.log_level, value.one_of(LogLevel::NAMES)),
    ),
    key("log.format", "\"text\" or \"json\"", |config, value| {
        let format = value.one_of(&[("text", LogFormat::Text), ("json", LogFormat::Json)]);
        put(&mut config.log_format, format)
    }),
    key(
        "store.segment_bytes",
        "bytes, or a size like \"64MiB\", from 64 KiB to 1 GiB",
        |config, value| put(&mut config.segment_bytes, value.size(64 << 10, 1 << 30)),
    ),
    key(
        "store.checkpoint_bytes",
        "bytes, or a size like \"64MiB\", from 64 KiB to 16 GiB",
        |config, value| put(&mut config.checkpoint_bytes, value.size(64 << 10, 16 << 30)),
    ),
    key(
        "store.durability",
        "\"strict\" (confirmed is on stable storage) or \"relaxed\" (handed to the system)",
        |config, value| {
            let durability = value.one_of(&[
                ("strict", Durability::Strict),
                ("relaxed", Durability::Relaxed),
            ]);
            put(&mut config.durability, durability)
        },
    ),
    key(
        "queues.delivery_counting",
        "\"returns\" (every return counts) or \"failures\" (basic.nack and consumer time-outs don't)",
        |config, value| {
            let counting = value.one_of(&[
                ("returns", DeliveryCounting::Returns),
                ("failures", DeliveryCounting::Failures),
            ]);
            put(&mut config.delivery_counting, counting)
        },
    ),
];

impl LogLevel {
    /// Compat: `warning` and `none` are the names in `rabbitmq.conf`.
    const NAMES: &[(&str, Self)] = &[
        ("trace", Self::Trace),
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("warning", Self::Warning),
        ("warn", Self::Warning),
        ("error", Self::Error),
        ("none", Self::None),
    ];
}
