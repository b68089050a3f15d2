//! All settings, a row each, in the order of a configuration file.

use std::time::Duration;

use ferrymq_store::Durability;

use crate::auth::Hashing;
use crate::auth::sasl::is_known_mechanism;
use crate::browse::Mask;
use crate::queue::arguments::QueueType;
use crate::queue::settings::DeliveryCounting;

use super::keys::{Key, key};
use super::values::Value;
use super::{ConsumerTimeout, LogFormat, LogLevel, Product, RatesMode, http};

const ADDRESSES: &str = "ADDRESS:PORT, for example 127.0.0.1:5672 or [::]:5672, or a list of them";
const LIMIT: &str = "a number, or \"none\"";
const OPTIONAL_ADDRESS: &str = "ADDRESS:PORT, or \"none\"";
const OPTIONAL_FILE: &str = "a file, or \"none\"";
const MEMORY: &str = "a share of the memory from 0 to 1, or a size like \"2GiB\"";

const QUEUE_TYPES: &[(&str, QueueType)] = &[
    ("classic", QueueType::Classic),
    ("quorum", QueueType::Quorum),
];
const CONSUMER_TIMEOUTS: &[(&str, ConsumerTimeout)] = &[
    ("off", ConsumerTimeout::Off),
    ("by-queue-type", ConsumerTimeout::ByQueueType),
];
const COUNTINGS: &[(&str, DeliveryCounting)] = &[
    ("returns", DeliveryCounting::Returns),
    ("failures", DeliveryCounting::Failures),
];
const HASHINGS: &[(&str, Hashing)] = &[
    ("argon2id", Hashing::Argon2id),
    ("rabbit_sha256", Hashing::RabbitSha256),
];
const PRODUCTS: &[(&str, Product)] = &[
    ("ferrymq", Product::FerryMq),
    ("rabbitmq", Product::RabbitMq),
];
const LOG_FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];
const RATES_MODES: &[(&str, RatesMode)] = &[
    ("detailed", RatesMode::Detailed),
    ("basic", RatesMode::Basic),
    ("none", RatesMode::None),
];
const DURABILITIES: &[(&str, Durability)] = &[
    ("strict", Durability::Strict),
    ("relaxed", Durability::Relaxed),
];

/// Puts the value, if there is one, into the field.
fn put<T>(field: &mut T, value: Option<T>) -> Option<()> {
    *field = value?;
    Some(())
}

/// `/metrics`, or longer; nothing that a router would read as a pattern.
fn is_path(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_plain);
    path.strip_prefix('/')
        .is_some_and(|path| path.split('/').all(is_part))
}

pub(super) static KEYS: &[Key] = &[
    key(
        "data_dir",
        "a directory",
        "Definitions and messages. Under systemd the unit's `StateDirectory=`",
        |config| Value::path_of(&config.data_dir),
        |config, value| put(&mut config.data_dir, value.text().map(Into::into)),
    ),
    key(
        "node.name",
        "a name without spaces",
        "Shown to clients and in statistics",
        |config| Value::from(config.node_name.as_str()),
        |config, value| {
            let name = value.text();
            put(
                &mut config.node_name,
                name.filter(|name| !name.contains(char::is_whitespace)),
            )
        },
    ),
    key(
        "node.pid_file",
        OPTIONAL_FILE,
        "Gets the process id while the broker runs",
        |config| Value::optional_path_of(config.pid_file.as_deref()),
        |config, value| put(&mut config.pid_file, value.optional_path()),
    ),
    key(
        "amqp.listen",
        ADDRESSES,
        "Where AMQP clients connect: all addresses, IPv4 and IPv6; a list of addresses for several",
        |config| Value::texts_of(&config.amqp_listen),
        |config, value| put(&mut config.amqp_listen, value.addresses()),
    ),
    key(
        "amqp.heartbeat",
        "seconds from 0 (none) to 65535",
        "Seconds, proposed to clients; 0: none",
        |config| Value::from(u64::from(config.heartbeat_seconds)),
        |config, value| {
            let seconds = value.integer(0, u16::MAX.into());
            put(
                &mut config.heartbeat_seconds,
                seconds.map(|seconds| seconds as u16),
            )
        },
    )
    .live(),
    key(
        "amqp.frame_max",
        "bytes from 4096 to 16 MiB",
        "Of a frame, proposed to clients",
        |config| Value::size_of(config.frame_max.into()),
        |config, value| {
            let bytes = value.size(4096, 16 << 20);
            put(&mut config.frame_max, bytes.map(|bytes| bytes as u32))
        },
    ),
    key(
        "amqp.channel_max",
        "a number from 1 to 65535",
        "Channels per connection",
        |config| Value::from(u64::from(config.channel_max)),
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
        "From connecting to an open vhost",
        |config| Value::span_of(config.handshake_timeout),
        |config, value| put(&mut config.handshake_timeout, value.span()),
    )
    .live(),
    key(
        "amqp.max_message_size",
        "bytes, or a size like \"16MiB\", up to 512 MiB",
        "Of a message's body; new connections obey a change",
        |config| Value::size_of(config.max_message_bytes),
        |config, value| put(&mut config.max_message_bytes, value.size(1, 512 << 20)),
    )
    .live(),
    key(
        "http.listen",
        OPTIONAL_ADDRESS,
        "Management; `\"none\"`: off",
        |config| Value::optional_of(config.http_listen.as_deref()),
        |config, value| put(&mut config.http_listen, value.optional_address()),
    ),
    key(
        "http.socket",
        "a path for a Unix socket, \"auto\" or \"none\"",
        "The same interface for root and the broker's own user, without a password; `\"auto\"`: `control.socket` in `data_dir`; \
         `\"none\"`: off",
        |config| Value::socket_of(&config.http_socket),
        |config, value| put(&mut config.http_socket, value.socket()),
    ),
    key(
        "http.path_prefix",
        "a path like \"/mq\", of letters, digits, and - . _ ~",
        "In front of every path of the management interface; `\"/\"`: nothing",
        |config| Value::from(http::shown_prefix(&config.http.path_prefix)),
        |config, value| {
            let prefix = value.text().and_then(|text| http::path_prefix(&text));
            put(&mut config.http.path_prefix, prefix)
        },
    ),
    key(
        "http.max_body_size",
        "bytes, or a size like \"20MB\", up to 1 GiB",
        "Of a request's body",
        |config| Value::size_of(config.http.max_body_bytes),
        |config, value| put(&mut config.http.max_body_bytes, value.size(1, 1 << 30)),
    )
    .live(),
    key(
        "http.message_browser",
        "true or false",
        "May messages be looked at in their queues: browsed, listed, tailed; each look is logged",
        |config| Value::Flag(config.http.message_browser),
        |config, value| put(&mut config.http.message_browser, value.flag()),
    )
    .live(),
    key(
        "http.masked_fields",
        "a list of paths like \"$.card.number\" or \"$..password\", or \"none\"",
        "Fields of JSON payloads that nobody sees here, administrators included, nor finds by a filter",
        |config| Value::List(config.http.masked_fields.paths()),
        |config, value| {
            let mask = value.words().and_then(|paths| Mask::parse(&paths));
            put(&mut config.http.masked_fields, mask)
        },
    )
    .live(),
    key(
        "http.session_timeout",
        "a time with its unit, for example \"8h\"",
        "After so long without a request the console asks for the password again",
        |config| Value::span_of(config.http.session_timeout),
        |config, value| put(&mut config.http.session_timeout, value.span()),
    )
    .live(),
    key(
        "http.read_only",
        "true or false",
        "The console shows everything and changes nothing; the API is not affected",
        |config| Value::Flag(config.http.read_only),
        |config, value| put(&mut config.http.read_only, value.flag()),
    )
    .live(),
    key(
        "http.cors.allow_origins",
        "a list of origins like \"https://example.org\", [\"*\"], or \"none\"",
        "Sites whose pages may use the API; `[\"*\"]`: all, without credentials",
        |config| Value::List(config.http.cors.allow_origins.clone()),
        |config, value| put(&mut config.http.cors.allow_origins, value.words()),
    )
    .live(),
    key(
        "http.cors.max_age",
        "a time with its unit, for example \"30min\"",
        "How long browsers remember which sites those are",
        |config| Value::span_of(config.http.cors.max_age),
        |config, value| put(&mut config.http.cors.max_age, value.span()),
    )
    .live(),
    key(
        "metrics.listen",
        OPTIONAL_ADDRESS,
        "Prometheus; `\"none\"`: off",
        |config| Value::optional_of(config.metrics_listen.as_deref()),
        |config, value| put(&mut config.metrics_listen, value.optional_address()),
    ),
    key(
        "metrics.path",
        "a path like \"/metrics\"",
        "Where Prometheus reads, there and on the management port",
        |config| Value::from(config.metrics_path.as_str()),
        |config, value| {
            put(&mut config.metrics_path, value.text().filter(|path| is_path(path)))
        },
    ),
    key(
        "metrics.return_per_object_metrics",
        "true or false",
        "A series per queue, channel, … where otherwise their sums are",
        |config| Value::Flag(config.metrics_per_object),
        |config, value| put(&mut config.metrics_per_object, value.flag()),
    )
    .live(),
    key(
        "metrics.authentication",
        "true or false",
        "Whoever reads metrics logs in as a user with the tag monitoring",
        |config| Value::Flag(config.metrics_authentication),
        |config, value| put(&mut config.metrics_authentication, value.flag()),
    )
    .live(),
    key(
        "statistics.interval",
        "a time from 1s to 1h, in whole seconds",
        "How often counters are looked at for rates and samples",
        |config| Value::span_of(config.statistics_interval),
        |config, value| {
            let is_allowed = |span: &Duration| {
                span.subsec_nanos() == 0 && (1..=3_600).contains(&span.as_secs())
            };
            let span = value.span().filter(is_allowed);
            put(&mut config.statistics_interval, span)
        },
    ),
    key(
        "statistics.rates_mode",
        "\"detailed\", \"basic\" or \"none\"",
        "`\"detailed\"`: what passes between channels, exchanges and queues is counted, too; `\"none\"`: no rates and no samples, only totals",
        |config| Value::word(RATES_MODES, config.rates_mode),
        |config, value| put(&mut config.rates_mode, value.one_of(RATES_MODES)),
    ),
    key(
        "memory.total",
        "a size like \"8GiB\", or \"none\"",
        "The memory that shares are of; `\"none\"`: the machine's, or the control group's if that is less",
        |config| {
            config
                .memory_total_bytes
                .map_or("none".into(), Value::size_of)
        },
        |config, value| {
            let total = match value.is_none() {
                true => Some(None),
                false => value.size(1, u64::MAX).map(Some),
            };
            put(&mut config.memory_total_bytes, total)
        },
    ),
    key(
        "memory.high_watermark",
        MEMORY,
        "A share of the memory, or a size; publishers wait beyond it",
        |config| Value::watermark_of(config.memory_high_watermark),
        |config, value| put(&mut config.memory_high_watermark, value.watermark()),
    )
    .live(),
    key(
        "memory.queues",
        MEMORY,
        "A share of the memory, or a size, for messages that wait in queues; what is more is on disk only",
        |config| Value::watermark_of(config.queue_memory),
        |config, value| put(&mut config.queue_memory, value.watermark()),
    )
    .live(),
    key(
        "disk.free_limit",
        "bytes, or a size like \"1GiB\"",
        "Publishers wait when less is free",
        |config| Value::size_of(config.disk_free_limit_bytes),
        |config, value| put(&mut config.disk_free_limit_bytes, value.size(0, u64::MAX)),
    )
    .live(),
    key(
        "queues.consumer_timeout",
        "a time with its unit, for example \"30min\"; \"off\"; or \"by-queue-type\"",
        "How long a consumer may hold a delivery: a time, `\"off\"`, or half an hour on quorum queues only; \
         new consumers obey a change",
        |config| match config.consumer_timeout {
            ConsumerTimeout::After(timeout) => Value::span_of(timeout),
            word => Value::word(CONSUMER_TIMEOUTS, word),
        },
        |config, value| {
            let word = value.one_of(CONSUMER_TIMEOUTS);
            let time = || value.span().map(ConsumerTimeout::After);
            put(&mut config.consumer_timeout, word.or_else(time))
        },
    )
    .live(),
    key(
        "queues.default_queue_type",
        "\"classic\" or \"quorum\"",
        "Type of queues for which neither their declaration nor their vhost says: `\"classic\"` or `\"quorum\"`",
        |config| Value::word(QUEUE_TYPES, config.default_queue_type),
        |config, value| put(&mut config.default_queue_type, value.one_of(QUEUE_TYPES)),
    ),
    key(
        "queues.relaxed_redeclaration",
        "true or false",
        "An application may declare a quorum queue again as the classic one that it used to be",
        |config| Value::Flag(config.relaxed_redeclaration),
        |config, value| put(&mut config.relaxed_redeclaration, value.flag()),
    ),
    key(
        "queues.delivery_counting",
        "\"returns\" (every return counts) or \"failures\" (basic.nack and consumer time-outs don't)",
        "Which returns count as failed deliveries: all, or with `\"failures\"` all but `basic.nack` and consumer time-outs",
        |config| Value::word(COUNTINGS, config.delivery_counting),
        |config, value| put(&mut config.delivery_counting, value.one_of(COUNTINGS)),
    ),
    key(
        "limits.connection_max",
        LIMIT,
        "Connections",
        |config| Value::limit_of(config.limits.connections),
        |config, value| put(&mut config.limits.connections, value.limit()),
    )
    .live(),
    key(
        "limits.channel_max_per_node",
        LIMIT,
        "Channels, over all connections",
        |config| Value::limit_of(config.limits.channels),
        |config, value| put(&mut config.limits.channels, value.limit()),
    )
    .live(),
    key(
        "limits.consumer_max_per_channel",
        LIMIT,
        "Consumers on one channel",
        |config| Value::limit_of(config.limits.consumers_per_channel),
        |config, value| put(&mut config.limits.consumers_per_channel, value.limit()),
    )
    .live(),
    key(
        "limits.vhost_max",
        LIMIT,
        "Vhosts",
        |config| Value::limit_of(config.limits.vhosts),
        |config, value| put(&mut config.limits.vhosts, value.limit()),
    )
    .live(),
    key(
        "limits.cluster_queue_limit",
        LIMIT,
        "Queues, over all vhosts",
        |config| Value::limit_of(config.limits.queues),
        |config, value| put(&mut config.limits.queues, value.limit()),
    )
    .live(),
    key(
        "limits.cluster_exchange_limit",
        LIMIT,
        "Exchanges, over all vhosts",
        |config| Value::limit_of(config.limits.exchanges),
        |config, value| put(&mut config.limits.exchanges, value.limit()),
    )
    .live(),
    key(
        "auth.mechanisms",
        "a list of PLAIN and AMQPLAIN",
        "The ways to log in that clients are offered",
        |config| Value::List(config.mechanisms.clone()),
        |config, value| {
            let names = value.words().filter(|names| !names.is_empty());
            let known = names.filter(|names| names.iter().all(|name| is_known_mechanism(name)));
            put(&mut config.mechanisms, known)
        },
    )
    .live(),
    key(
        "auth.loopback_users",
        "a list of user names, or \"none\"",
        "May only connect from this machine; `\"none\"`: no such rule",
        |config| Value::List(config.loopback_users.clone()),
        |config, value| put(&mut config.loopback_users, value.words()),
    )
    .live(),
    key(
        "auth.default_user",
        "a user's name",
        "Made when the data directory is empty",
        |config| Value::from(config.default_user.as_str()),
        |config, value| put(&mut config.default_user, value.text()),
    ),
    key(
        "auth.default_pass",
        "a password",
        "Likewise",
        |config| Value::from(config.default_pass.as_str()),
        |config, value| put(&mut config.default_pass, value.text()),
    )
    .secret(),
    key(
        "auth.default_user_tags",
        "a list of tags, or \"none\"",
        "Likewise: what the user may do in the management interface",
        |config| Value::List(config.default_user_tags.clone()),
        |config, value| put(&mut config.default_user_tags, value.words()),
    ),
    key(
        "auth.default_permissions",
        "three regular expressions: configure, write, read",
        "Likewise: what the user may do in the vhost, as patterns for configure, write and read",
        |config| Value::patterns_of(&config.default_permissions),
        |config, value| put(&mut config.default_permissions, value.patterns()),
    ),
    key(
        "auth.default_vhost",
        "a vhost's name",
        "Likewise",
        |config| Value::from(config.default_vhost.as_str()),
        |config, value| put(&mut config.default_vhost, value.text()),
    ),
    key(
        "auth.password_hashing",
        "\"argon2id\" or \"rabbit_sha256\"",
        "Of new passwords: slow, or as RabbitMQ can import them",
        |config| Value::word(HASHINGS, config.password_hashing),
        |config, value| put(&mut config.password_hashing, value.one_of(HASHINGS)),
    )
    .live(),
    key(
        "definitions.file",
        "a file, a directory of .json files, or \"none\"",
        "Imported before clients can connect: see [definitions](definitions.md)",
        |config| match &config.definitions_file {
            Some(path) => Value::path_of(path),
            None => Value::from("none"),
        },
        |config, value| {
            let path = value.text()?;
            config.definitions_file = (path != "none").then(|| path.into());
            Some(())
        },
    ),
    key(
        "definitions.skip_if_unchanged",
        "true or false",
        "Definitions that were the last to be imported are not imported again",
        |config| Value::Flag(config.skip_unchanged_definitions),
        |config, value| put(&mut config.skip_unchanged_definitions, value.flag()),
    ),
    key(
        "product.present_as",
        "\"ferrymq\" or \"rabbitmq\"",
        "`\"rabbitmq\"` for clients that look for that name",
        |config| Value::word(PRODUCTS, config.present_as),
        |config, value| put(&mut config.present_as, value.one_of(PRODUCTS)),
    )
    .live(),
    key(
        "product.rabbitmq_version",
        "a version like \"4.2.0\"",
        "The version that clients are told to expect",
        |config| Value::from(config.rabbitmq_version.as_str()),
        |config, value| {
            let is_version = |text: &String| {
                let mut parts = text.split('.');
                parts.clone().count() == 3 && parts.all(|part| part.parse::<u16>().is_ok())
            };
            let version = value.text().filter(is_version);
            put(&mut config.rabbitmq_version, version)
        },
    )
    .live(),
    key(
        "log.level",
        "one of trace, debug, info, warning, error, none",
        "The least severe lines that are logged: `trace`, `debug`, `info`, `warning`, `error`, `none`",
        |config| Value::word(LogLevel::NAMES, config.log_level),
        |config, value| put(&mut config.log_level, value.one_of(LogLevel::NAMES)),
    )
    .live(),
    key(
        "log.levels",
        "CATEGORY=LEVEL, several with commas between; the categories are in docs/logging.md",
        "Levels of parts of the broker, for example `\"connection=debug,queue=warning\"`",
        |config| Value::levels_of(&config.log_levels),
        |config, value| put(&mut config.log_levels, value.levels()),
    )
    .live(),
    key(
        "log.format",
        "\"text\" or \"json\"",
        "For people, or with `\"json\"` an object per line",
        |config| Value::word(LOG_FORMATS, config.log_format),
        |config, value| put(&mut config.log_format, value.one_of(LOG_FORMATS)),
    ),
    key(
        "log.file",
        OPTIONAL_FILE,
        "Instead of standard output; opened anew at `SIGUSR1`",
        |config| Value::optional_path_of(config.log_file.as_deref()),
        |config, value| put(&mut config.log_file, value.optional_path()),
    ),
    key(
        "store.segment_bytes",
        "bytes, or a size like \"64MiB\", from 64 KiB to 1 GiB",
        "Of the log",
        |config| Value::size_of(config.segment_bytes),
        |config, value| put(&mut config.segment_bytes, value.size(64 << 10, 1 << 30)),
    ),
    key(
        "store.checkpoint_bytes",
        "bytes, or a size like \"64MiB\", from 64 KiB to 16 GiB",
        "Log between two checkpoints at most",
        |config| Value::size_of(config.checkpoint_bytes),
        |config, value| put(&mut config.checkpoint_bytes, value.size(64 << 10, 16 << 30)),
    ),
    key(
        "store.durability",
        "\"strict\" (confirmed is on stable storage) or \"relaxed\" (handed to the system)",
        "Of queues without `x-durability`; `\"relaxed\"`: a power loss may take back what was confirmed",
        |config| Value::word(DURABILITIES, config.durability),
        |config, value| put(&mut config.durability, value.one_of(DURABILITIES)),
    ),
];
