//! All settings, with their defaults. Where they come from: `config/load.rs`; their names and
//! allowed values, one list: `config/table.rs`.

mod address;
mod categories;
mod changes;
mod error;
mod files;
mod foreign;
mod http;
mod keys;
mod load;
mod rabbitmq;
mod table;
mod values;
mod variables;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ferrymq_store::Durability;

pub use changes::{Change, ChangeError};
pub use error::{ConfigError, Problems};
pub use foreign::{Apply, Effect, Given, Outcome, Row};
pub use http::{Cors, Http};
pub use keys::{Key, keys};
pub use load::{Loaded, Override, load};
pub use rabbitmq::rows as rabbitmq_conf_keys;
pub use variables::rows as rabbitmq_variables;

use crate::auth::sasl::MECHANISMS;
use crate::auth::{Hashing, PermissionSet};
use crate::limits::NodeLimits;
use crate::queue::arguments::QueueType;
use crate::queue::settings::{Defaults, DeliveryCounting};

/// Where a default installation keeps its data, in the directory that it is started in.
const DATA_DIR: &str = "ferrymq-data";
/// The local socket's name in it.
const LOCAL_SOCKET: &str = "control.socket";
/// How long a quorum queue's consumer may sit on a delivery.
const QUORUM_CONSUMER_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// Everything that can be set.
#[derive(Clone)]
pub struct Config {
    /// Where definitions and messages are kept.
    pub data_dir: PathBuf,
    /// This node's name, shown to clients and in statistics.
    pub node_name: String,
    /// A file for the process id; `None`: nowhere.
    pub pid_file: Option<PathBuf>,
    /// Where AMQP clients connect: at least one address.
    pub amqp_listen: Vec<String>,
    /// Seconds between heartbeats that the broker proposes; 0: none.
    pub heartbeat_seconds: u16,
    /// Bytes of a frame, overhead included.
    pub frame_max: u32,
    /// Channels of a connection.
    pub channel_max: u16,
    /// From the first byte to `connection.open-ok`.
    pub handshake_timeout: Duration,
    /// Bytes of a message's body.
    pub max_message_bytes: u64,
    /// Where the management interface listens; `None`: nowhere.
    pub http_listen: Option<String>,
    /// The local socket with the same interface, for whoever administers this machine.
    pub http_socket: LocalSocket,
    /// What the management interface answers to, and adds to its answers.
    pub http: Http,
    /// Where Prometheus reads; `None`: nowhere.
    pub metrics_listen: Option<String>,
    /// The path under which it does.
    pub metrics_path: String,
    /// A series per object where otherwise only sums are.
    pub metrics_per_object: bool,
    /// Whoever reads metrics has to log in.
    pub metrics_authentication: bool,
    /// How often counters are looked at.
    pub statistics_interval: Duration,
    /// Whether it is kept how they went.
    pub rates_mode: RatesMode,
    /// The memory that shares are of, in bytes; `None`: what the system says.
    pub memory_total_bytes: Option<u64>,
    /// Memory use from which publishers wait.
    pub memory_high_watermark: Watermark,
    /// Memory for messages that wait in queues; what is more is on disk only.
    pub queue_memory: Watermark,
    /// Free disk space below which publishers wait, in bytes.
    pub disk_free_limit_bytes: u64,
    /// How long a consumer may sit on a delivery.
    pub consumer_timeout: ConsumerTimeout,
    /// The type of queues for which neither their declaration nor their vhost says.
    pub default_queue_type: QueueType,
    /// A quorum queue may be declared again as a classic one.
    pub relaxed_redeclaration: bool,
    /// How much there may be of what clients open and declare.
    pub limits: NodeLimits,
    /// The ways to log in that clients are offered.
    pub mechanisms: Vec<String>,
    /// Users who may only connect from this machine.
    pub loopback_users: Vec<String>,
    /// The user that an empty data directory gets.
    pub default_user: String,
    /// The default user's password.
    pub default_pass: String,
    /// The default user's tags.
    pub default_user_tags: Vec<String>,
    /// What the default user may do in the default vhost.
    pub default_permissions: Patterns,
    /// The vhost that an empty data directory gets.
    pub default_vhost: String,
    /// How new passwords are hashed.
    pub password_hashing: Hashing,
    /// Definitions to import before the listeners accept: a file, or a directory of them. An empty data
    /// directory then gets neither the default user nor the default vhost.
    pub definitions_file: Option<PathBuf>,
    /// Whether definitions are not imported again that were the last to be.
    pub skip_unchanged_definitions: bool,
    /// As what the broker presents itself to clients.
    pub present_as: Product,
    /// The RabbitMQ version that clients are told to expect the behaviour of.
    pub rabbitmq_version: String,
    /// What is logged.
    pub log_level: LogLevel,
    /// What is logged by parts of the broker for which `log_level` does not hold.
    pub log_levels: BTreeMap<String, LogLevel>,
    /// How it is logged.
    pub log_format: LogFormat,
    /// Where it is logged; `None`: on standard output.
    pub log_file: Option<PathBuf>,
    /// When a segment of the log is full.
    pub segment_bytes: u64,
    /// Log written between two checkpoints at most.
    pub checkpoint_bytes: u64,
    /// What confirms stand for, where a queue's arguments don't say.
    pub durability: Durability,
    /// Which returns of a message count against its delivery limit.
    pub delivery_counting: DeliveryCounting,
}

/// Where the local socket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalSocket {
    /// `control.socket` in the data directory.
    InDataDir,
    /// There.
    At(PathBuf),
    /// Nowhere.
    None,
}

/// What a user may do in a vhost, as regular expressions over names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patterns {
    /// What may be declared and deleted.
    pub configure: String,
    /// What may be written to.
    pub write: String,
    /// What may be read from.
    pub read: String,
}

impl Default for Patterns {
    /// Everything.
    fn default() -> Self {
        let all = || ".*".to_owned();
        Self {
            configure: all(),
            write: all(),
            read: all(),
        }
    }
}

impl Patterns {
    /// As permissions; `None` if one is no regular expression.
    pub fn parse(&self) -> Option<PermissionSet> {
        PermissionSet::parse(&self.configure, &self.write, &self.read).ok()
    }
}

/// An amount of memory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Watermark {
    /// A share of the memory there is.
    Relative(f64),
    /// Bytes.
    Absolute(u64),
}

impl Watermark {
    /// In bytes, when there are `available` bytes of memory.
    pub fn bytes(self, available: u64) -> u64 {
        match self {
            Self::Relative(share) => (available as f64 * share) as u64,
            Self::Absolute(bytes) => bytes,
        }
    }
}

/// How long consumers may sit on a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumerTimeout {
    /// Half an hour on quorum queues, for ever on others.
    ByQueueType,
    /// For ever.
    Off,
    /// As long on every queue.
    After(Duration),
}

/// As what the broker presents itself to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Under its own name.
    FerryMq,
    /// As RabbitMQ, for clients that behave differently otherwise.
    RabbitMq,
}

/// Whether rates and samples are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RatesMode {
    /// Of every object, and of what passes between channels, exchanges and queues.
    Detailed,
    /// Of every object.
    Basic,
    /// Of none.
    None,
}

/// The least severe lines that are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// What developers want to know.
    Debug,
    /// What operators want to know.
    Info,
    /// What may need attention.
    Warning,
    /// What went wrong.
    Error,
    /// Nothing at all.
    None,
}

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

/// How lines are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object per line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: DATA_DIR.into(),
            node_name: default_node_name(),
            pid_file: None,
            amqp_listen: vec!["[::]:5672".into()],
            heartbeat_seconds: 60,
            frame_max: 128 * 1024,
            channel_max: 2047,
            handshake_timeout: Duration::from_secs(10),
            max_message_bytes: 16 << 20,
            http_listen: Some("[::]:15672".into()),
            http_socket: LocalSocket::InDataDir,
            http: Http::default(),
            metrics_listen: Some("[::]:15692".into()),
            metrics_path: "/metrics".into(),
            metrics_per_object: false,
            metrics_authentication: false,
            statistics_interval: Duration::from_secs(5),
            rates_mode: RatesMode::Basic,
            memory_total_bytes: None,
            memory_high_watermark: Watermark::Relative(0.6),
            queue_memory: Watermark::Relative(0.4),
            disk_free_limit_bytes: 50_000_000,
            consumer_timeout: ConsumerTimeout::ByQueueType,
            default_queue_type: QueueType::Classic,
            relaxed_redeclaration: false,
            limits: NodeLimits::default(),
            mechanisms: MECHANISMS.iter().map(|name| (*name).to_owned()).collect(),
            loopback_users: vec!["guest".into()],
            default_user: "guest".into(),
            default_pass: "guest".into(),
            default_user_tags: vec!["administrator".into()],
            default_permissions: Patterns::default(),
            default_vhost: "/".into(),
            password_hashing: Hashing::Argon2id,
            definitions_file: None,
            skip_unchanged_definitions: false,
            present_as: Product::FerryMq,
            rabbitmq_version: "4.2.0".into(),
            log_level: LogLevel::Info,
            log_levels: BTreeMap::new(),
            log_format: LogFormat::Text,
            log_file: None,
            segment_bytes: 64 << 20,
            checkpoint_bytes: 256 << 20,
            durability: Durability::Strict,
            delivery_counting: DeliveryCounting::Returns,
        }
    }
}

/// `ferrymq@HOST`.
fn default_node_name() -> String {
    let system = rustix::system::uname();
    format!("ferrymq@{}", system.nodename().to_string_lossy())
}

impl Config {
    /// What holds for queues whose declaration does not say.
    pub fn queue_defaults(&self) -> Defaults {
        Defaults {
            queue_type: self.default_queue_type,
            relaxed_redeclaration: self.relaxed_redeclaration,
            durability: self.durability,
            counting: self.delivery_counting,
        }
    }

    /// The local socket's path; `None`: there is none.
    pub fn local_socket(&self) -> Option<PathBuf> {
        match &self.http_socket {
            LocalSocket::InDataDir => Some(self.data_dir.join(LOCAL_SOCKET)),
            LocalSocket::At(path) => Some(path.clone()),
            LocalSocket::None => None,
        }
    }

    /// What `connection.start` tells of the broker, which is in a cluster of this name, beside its
    /// capabilities.
    pub fn server_properties(&self, cluster_name: &str) -> Vec<(&'static str, String)> {
        let own_version = env!("CARGO_PKG_VERSION").to_owned();
        let mut properties = match self.present_as {
            Product::FerryMq => vec![
                ("product", "FerryMQ".to_owned()),
                ("version", own_version),
                ("rabbitmq_compat", self.rabbitmq_version.clone()),
            ],
            Product::RabbitMq => vec![
                ("product", "RabbitMQ".to_owned()),
                ("version", self.rabbitmq_version.clone()),
                ("ferrymq_version", own_version),
            ],
        };
        properties.extend([
            ("platform", format!("Rust {}", std::env::consts::ARCH)),
            ("copyright", "The FerryMQ authors".to_owned()),
            ("information", "Licensed under Apache-2.0 or MIT".to_owned()),
            ("cluster_name", cluster_name.to_owned()),
        ]);
        properties
    }

    /// How long a consumer of a queue of `queue_type` may sit on a delivery; `None`: for ever.
    pub fn consumer_timeout(&self, queue_type: QueueType) -> Option<Duration> {
        match self.consumer_timeout {
            ConsumerTimeout::ByQueueType => {
                (queue_type == QueueType::Quorum).then_some(QUORUM_CONSUMER_TIMEOUT)
            }
            ConsumerTimeout::Off => None,
            ConsumerTimeout::After(timeout) => Some(timeout),
        }
    }

    /// The store's part of the settings.
    pub fn store_options(&self) -> ferrymq_store::Options {
        ferrymq_store::Options {
            segment_bytes: self.segment_bytes,
            checkpoint_bytes: self.checkpoint_bytes,
            ..ferrymq_store::Options::default()
        }
    }
}

impl fmt::Debug for Config {
    /// Only what helps in a message; the password stays out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("data_dir", &self.data_dir)
            .field("node_name", &self.node_name)
            .field("amqp_listen", &self.amqp_listen)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compatibility_switch_renames_the_product() {
        let property = |config: &Config, name: &str| {
            let mut properties = config.server_properties("c").into_iter();
            properties
                .find(|(found, _)| *found == name)
                .map(|(_, value)| value)
        };
        let mut config = Config::default();
        assert_eq!(property(&config, "product").as_deref(), Some("FerryMQ"));
        assert_eq!(
            property(&config, "rabbitmq_compat").as_deref(),
            Some("4.2.0")
        );
        config.present_as = Product::RabbitMq;
        assert_eq!(property(&config, "product").as_deref(), Some("RabbitMQ"));
        assert_eq!(property(&config, "version").as_deref(), Some("4.2.0"));
    }

    #[test]
    fn only_quorum_queues_time_consumers_out_by_default() {
        let mut config = Config::default();
        assert_eq!(config.consumer_timeout(QueueType::Classic), None);
        let half_an_hour = Some(Duration::from_secs(1800));
        assert_eq!(config.consumer_timeout(QueueType::Quorum), half_an_hour);
        config.consumer_timeout = ConsumerTimeout::Off;
        assert_eq!(config.consumer_timeout(QueueType::Quorum), None);
        config.consumer_timeout = ConsumerTimeout::After(Duration::from_secs(1));
        let second = Some(Duration::from_secs(1));
        assert_eq!(config.consumer_timeout(QueueType::Classic), second);
    }

    #[test]
    fn a_relative_watermark_is_a_share() {
        assert_eq!(Watermark::Relative(0.5).bytes(1000), 500);
        assert_eq!(Watermark::Absolute(7).bytes(1000), 7);
    }

    #[test]
    fn debug_output_shows_no_password() {
        let config = Config {
            default_pass: "secret".into(),
            ..Config::default()
        };
        assert!(!format!("{config:?}").contains("secret"));
    }
}
