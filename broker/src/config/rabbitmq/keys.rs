//! The keys of `rabbitmq.conf`, a row each: what they set here, or why they do nothing.

use std::path::PathBuf;
use std::time::Duration;

use super::super::foreign::{Given, Outcome, Row, nothing, same, sets};
use super::super::values::Value;
use super::super::{Config, ConsumerTimeout, LogFormat, LogLevel, RatesMode, address};
use crate::auth::Hashing;
use crate::auth::sasl::is_known_mechanism;
use crate::limits::Limit;
use crate::resources;

/// Keys that make up a list together: what they begin with.
pub(super) const FAMILIES: [&str; 3] = [
    "listeners.tcp.",
    "auth_mechanisms.",
    "management.cors.allow_origins.",
];

/// Empties the list of a family, before its first key counts.
pub(super) fn clear(config: &mut Config, family: &str) {
    match family {
        "listeners.tcp." => config.amqp_listen.clear(),
        "management.cors.allow_origins." => config.http.cors.allow_origins.clear(),
        _ => config.mechanisms.clear(),
    }
}

const CLUSTER: &str = "a node on its own has no cluster";
const NO_TLS: &str = "TLS is not supported yet";
const ERLANG: &str = "it is about Erlang's run time";
const NO_PLUGIN: &str = "that protocol or plugin is not part of FerryMQ";
const REMOVED: &str = "RabbitMQ has removed it";
const BACKENDS: &str = "users are kept in the broker itself";
const SOCKETS: &str = "sockets are tuned by FerryMQ itself";
const LIMIT: &str = "a number, or infinity";
const PORT: &str = "a port";
const HOST: &str = "an IP address";
const LEVEL: &str = "one of debug, info, notice, warning, error, critical, alert, emergency, none";

pub(super) static ROWS: &[Row] = &[
    sets(
        "listeners.tcp",
        "amqp.listen",
        "nothing, as long as TLS is not supported: the broker would have no AMQP listener",
        |_, _| Outcome::Bad,
    ),
    sets(
        "listeners.tcp.*",
        "amqp.listen",
        "a port, or ADDRESS:PORT",
        listener,
    ),
    same("nodename", "node.name"),
    nothing("listeners.ssl", NO_TLS),
    nothing("listeners.ssl.**", NO_TLS),
    nothing("ssl_options", NO_TLS),
    nothing("ssl_options.**", NO_TLS),
    nothing("ssl_allow_poodle_attack", NO_TLS),
    nothing("ssl_cert_login_san_type", NO_TLS),
    nothing("ssl_cert_login_san_index", NO_TLS),
    nothing("ssl_handshake_timeout", NO_TLS),
    nothing("ssl_cert_login_from", NO_TLS),
    sets(
        "handshake_timeout",
        "amqp.handshake_timeout",
        "milliseconds",
        |config, given| {
            millis(given).map_or(Outcome::Bad, |span| {
                config.handshake_timeout = span;
                Outcome::Set
            })
        },
    ),
    same("heartbeat", "amqp.heartbeat"),
    sets(
        "frame_max",
        "amqp.frame_max",
        "bytes from 4096 to 16 MiB, or 0",
        |config, given| {
            let bytes = match given.value {
                "0" => Some(16 << 20),
                _ => Value::from(given.value).size(4096, 16 << 20),
            };
            Outcome::of(bytes.map(|bytes| config.frame_max = bytes as u32))
        },
    ),
    nothing(
        "initial_frame_max",
        "it is always 8192, which every client can do with",
    ),
    sets(
        "channel_max",
        "amqp.channel_max",
        "a number from 0 to 65535",
        channel_max,
    ),
    sets(
        "max_channels_per_connection",
        "amqp.channel_max",
        "a number from 0 to 65535",
        channel_max,
    ),
    sets(
        "channel_max_per_node",
        "limits.channel_max_per_node",
        LIMIT,
        |config, given| limit(&mut config.limits.channels, given),
    ),
    sets(
        "consumer_max_per_channel",
        "limits.consumer_max_per_channel",
        LIMIT,
        |config, given| limit(&mut config.limits.consumers_per_channel, given),
    ),
    sets(
        "connection_max",
        "limits.connection_max",
        LIMIT,
        connection_max,
    ),
    sets(
        "max_connections",
        "limits.connection_max",
        LIMIT,
        connection_max,
    ),
    sets("vhost_max", "limits.vhost_max", LIMIT, |config, given| {
        limit(&mut config.limits.vhosts, given)
    }),
    sets(
        "cluster_queue_limit",
        "limits.cluster_queue_limit",
        LIMIT,
        |config, given| limit(&mut config.limits.queues, given),
    ),
    sets(
        "cluster_exchange_limit",
        "limits.cluster_exchange_limit",
        LIMIT,
        |config, given| limit(&mut config.limits.exchanges, given),
    ),
    same("max_message_size", "amqp.max_message_size"),
    nothing("tcp_listen_options.**", SOCKETS),
    nothing("num_acceptors.**", SOCKETS),
    nothing("reverse_dns_lookups", "addresses are shown as they are"),
    nothing("proxy_protocol", "the PROXY protocol is not supported yet"),
    same("vm_memory_high_watermark.relative", "memory.high_watermark"),
    same("vm_memory_high_watermark.absolute", "memory.high_watermark"),
    nothing(
        "vm_memory_high_watermark_paging_ratio",
        "`memory.queues` says what may stay in memory",
    ),
    nothing(
        "vm_memory_calculation_strategy",
        "memory is what the operating system counts",
    ),
    nothing(
        "memory_monitor_interval",
        "memory is looked at every second",
    ),
    same("total_memory_available_override_value", "memory.total"),
    same("disk_free_limit.absolute", "disk.free_limit"),
    sets(
        "disk_free_limit.relative",
        "disk.free_limit",
        "a number: so many times the memory",
        |config, given| {
            let factor = given.value.parse::<f64>().ok();
            let memory = resources::total_memory_bytes(config) as f64;
            let bytes = factor
                .filter(|factor| (0.0..1e6).contains(factor))
                .map(|factor| factor * memory);
            Outcome::of(bytes.map(|bytes| config.disk_free_limit_bytes = bytes as u64))
        },
    ),
    same("default_user", "auth.default_user"),
    same("default_pass", "auth.default_pass"),
    same("default_vhost", "auth.default_vhost"),
    sets(
        "default_user_tags.*",
        "auth.default_user_tags",
        "true or false",
        |config, given| member(&mut config.default_user_tags, given.star, given.value),
    ),
    sets(
        "default_permissions.*",
        "auth.default_permissions",
        "a regular expression",
        |config, given| {
            let permissions = &mut config.default_permissions;
            let pattern = match given.star {
                "configure" => &mut permissions.configure,
                "write" => &mut permissions.write,
                "read" => &mut permissions.read,
                _ => return Outcome::Bad,
            };
            *pattern = given.value.to_owned();
            Outcome::of(permissions.parse().map(drop))
        },
    ),
    nothing("default_users.**", "import definitions instead"),
    nothing("default_policies.**", "import definitions instead"),
    nothing("default_limits.**", "import definitions instead"),
    sets(
        "loopback_users",
        "auth.loopback_users",
        "none",
        |config, given| match given.value {
            "none" => {
                config.loopback_users.clear();
                Outcome::Set
            }
            _ => Outcome::Bad,
        },
    ),
    sets(
        "loopback_users.*",
        "auth.loopback_users",
        "true or false",
        |config, given| member(&mut config.loopback_users, given.star, given.value),
    ),
    sets(
        "auth_mechanisms.*",
        "auth.mechanisms",
        "a mechanism",
        |config, given| match is_known_mechanism(given.value) {
            true => {
                config.mechanisms.push(given.value.to_owned());
                Outcome::Set
            }
            false => Outcome::Ignored("only PLAIN and AMQPLAIN are offered"),
        },
    ),
    nothing("anonymous_login_user", "nobody gets in without a password"),
    nothing("anonymous_login_pass", "nobody gets in without a password"),
    nothing("auth_backends.**", BACKENDS),
    nothing("auth_http.**", BACKENDS),
    nothing("auth_ldap.**", BACKENDS),
    nothing("auth_cache.**", BACKENDS),
    nothing("auth_oauth2.**", BACKENDS),
    sets(
        "password_hashing_module",
        "auth.password_hashing",
        "a module of RabbitMQ's",
        |config, given| match given.value {
            "rabbit_password_hashing_sha256" => {
                config.password_hashing = Hashing::RabbitSha256;
                Outcome::Set
            }
            name if name.starts_with("rabbit_password_hashing_") => {
                Outcome::Ignored("hashes of that kind are accepted, but new ones are not made")
            }
            _ => Outcome::Bad,
        },
    ),
    nothing(
        "credential_validator.**",
        "any password that is not empty will do",
    ),
    nothing("cluster_name", "set it by PUT /api/cluster-name"),
    nothing("cluster_tags.**", CLUSTER),
    nothing("node_tags.**", CLUSTER),
    same("default_queue_type", "queues.default_queue_type"),
    same(
        "quorum_queue.property_equivalence.relaxed_checks_on_redeclaration",
        "queues.relaxed_redeclaration",
    ),
    nothing("quorum_queue.**", CLUSTER),
    nothing("classic_queue.**", "there is one way of storing queues"),
    nothing("queue_leader_locator", CLUSTER),
    nothing("raft.**", CLUSTER),
    sets(
        "consumer_timeout",
        "queues.consumer_timeout",
        "milliseconds, or undefined",
        |config, given| {
            let timeout = match given.value {
                "undefined" | "infinity" | "false" => Some(ConsumerTimeout::Off),
                _ => millis(given).map(ConsumerTimeout::After),
            };
            Outcome::of(timeout.map(|timeout| config.consumer_timeout = timeout))
        },
    ),
    nothing("runtime_parameters.**", "every component is allowed"),
    nothing("message_interceptors.**", NO_PLUGIN),
    nothing(
        "product.**",
        "`product.present_as` says as what the broker presents itself",
    ),
    nothing("motd_file", "there is no banner"),
    sets("log.console", "log.file", "true or false", outputs),
    sets(
        "log.file",
        "log.file",
        "a file, or false",
        |config, given| {
            config.log_file = match given.value {
                "false" => None,
                file => Some(file.into()),
            };
            Outcome::Set
        },
    ),
    sets("log.dir", "log.file", "a directory", |config, given| {
        if let Some(file) = config.log_file.take() {
            config.log_file = Some(PathBuf::from(given.value).join(file));
        }
        Outcome::Set
    }),
    sets("log.level", "log.level", LEVEL, level),
    sets("log.console.level", "log.level", LEVEL, level),
    sets("log.file.level", "log.level", LEVEL, level),
    sets("log.default.level", "log.level", LEVEL, level),
    sets(
        "log.console.formatter",
        "log.format",
        "plaintext or json",
        formatter,
    ),
    sets(
        "log.file.formatter",
        "log.format",
        "plaintext or json",
        formatter,
    ),
    nothing(
        "log.file.rotation.**",
        "let logrotate move the file and send SIGUSR1",
    ),
    nothing("log.exchange", "`amq.rabbitmq.log` does not exist"),
    nothing("log.exchange.**", "`amq.rabbitmq.log` does not exist"),
    nothing("log.syslog", "the log goes to standard output or a file"),
    nothing("log.syslog.**", "the log goes to standard output or a file"),
    nothing(
        "log.journald",
        "standard output is the journal under systemd",
    ),
    nothing(
        "log.journald.**",
        "standard output is the journal under systemd",
    ),
    nothing("log.console.**", "lines have one form, see docs/logging.md"),
    nothing("log.file.**", "lines have one form, see docs/logging.md"),
    sets("log.*.level", "log.levels", LEVEL, |config, given| {
        if !LogLevel::has_category(given.star) {
            return Outcome::Ignored("there is no such category, see docs/logging.md");
        }
        let level = log_level(given.value);
        Outcome::of(level.map(|level| {
            config.log_levels.insert(given.star.to_owned(), level);
        }))
    }),
    nothing("log.*.file", "all lines go to one place"),
    nothing("log.*.rotation.**", "all lines go to one place"),
    sets(
        "management.tcp.port",
        "http.listen",
        PORT,
        |config, given| optional_port(&mut config.http_listen, "[::]:15672", given),
    ),
    sets("management.tcp.ip", "http.listen", HOST, |config, given| {
        optional_host(&mut config.http_listen, "[::]:15672", given)
    }),
    sets(
        "management.listener.port",
        "http.listen",
        PORT,
        |config, given| optional_port(&mut config.http_listen, "[::]:15672", given),
    ),
    sets(
        "management.listener.ip",
        "http.listen",
        HOST,
        |config, given| optional_host(&mut config.http_listen, "[::]:15672", given),
    ),
    same("load_definitions", "definitions.file"),
    same("management.load_definitions", "definitions.file"),
    same("definitions.local.path", "definitions.file"),
    same(
        "definitions.skip_if_unchanged",
        "definitions.skip_if_unchanged",
    ),
    sets(
        "definitions.import_backend",
        "definitions.file",
        "local_filesystem",
        |_, given| match given.value {
            "local_filesystem" | "local_files" => Outcome::Set,
            _ => Outcome::Ignored("definitions come from files only"),
        },
    ),
    nothing("definitions.**", "definitions come from files only"),
    same("management.path_prefix", "http.path_prefix"),
    same("management.http.max_body_size", "http.max_body_size"),
    sets(
        "management.cors.allow_origins.*",
        "http.cors.allow_origins",
        "an origin, or *",
        |config, given| {
            config.http.cors.allow_origins.push(given.value.to_owned());
            Outcome::Set
        },
    ),
    sets(
        "management.cors.max_age",
        "http.cors.max_age",
        "seconds",
        |config, given| {
            let span = Value::Text(format!("{}s", given.value)).span();
            Outcome::of(span.map(|span| config.http.cors.max_age = span))
        },
    ),
    sets(
        "management.login_session_timeout",
        "http.session_timeout",
        "minutes",
        |config, given| {
            let span = Value::Text(format!("{}min", given.value)).span();
            Outcome::of(span.map(|span| config.http.session_timeout = span))
        },
    ),
    sets(
        "management.rates_mode",
        "statistics.rates_mode",
        "none, basic or detailed",
        |config, given| {
            config.rates_mode = match given.value {
                "none" => RatesMode::None,
                "basic" => RatesMode::Basic,
                "detailed" => RatesMode::Detailed,
                _ => return Outcome::Bad,
            };
            Outcome::Set
        },
    ),
    nothing("management.ssl.**", NO_TLS),
    nothing("management.listener.**", NO_TLS),
    nothing("management.tcp.**", SOCKETS),
    nothing("management.**", "the management interface has one form"),
    nothing(
        "management_agent.**",
        "statistics cost nothing on a message's path",
    ),
    sets(
        "collect_statistics_interval",
        "statistics.interval",
        "milliseconds, up to an hour",
        |config, given| {
            // Whole seconds are what there is.
            let seconds = millis(given).map(|span| span.as_millis().div_ceil(1_000) as u64);
            let seconds = seconds.filter(|seconds| *seconds <= 3_600);
            Outcome::of(
                seconds.map(|seconds| config.statistics_interval = Duration::from_secs(seconds)),
            )
        },
    ),
    nothing("collect_statistics", "statistics are always collected"),
    sets(
        "prometheus.tcp.port",
        "metrics.listen",
        PORT,
        |config, given| optional_port(&mut config.metrics_listen, "[::]:15692", given),
    ),
    sets(
        "prometheus.tcp.ip",
        "metrics.listen",
        HOST,
        |config, given| optional_host(&mut config.metrics_listen, "[::]:15692", given),
    ),
    same("prometheus.path", "metrics.path"),
    same(
        "prometheus.return_per_object_metrics",
        "metrics.return_per_object_metrics",
    ),
    same(
        "prometheus.authentication.enabled",
        "metrics.authentication",
    ),
    nothing("prometheus.ssl.**", NO_TLS),
    nothing(
        "prometheus.**",
        "metrics are at /metrics, /metrics/per-object and /metrics/detailed",
    ),
    nothing("amqp1_0.**", NO_PLUGIN),
    nothing(
        "event_exchange.**",
        "events are published in the default vhost",
    ),
    nothing("mqtt.**", NO_PLUGIN),
    nothing("web_mqtt.**", NO_PLUGIN),
    nothing("stomp.**", NO_PLUGIN),
    nothing("web_stomp.**", NO_PLUGIN),
    nothing("stream.**", NO_PLUGIN),
    nothing("shovel.**", NO_PLUGIN),
    nothing("federation.**", NO_PLUGIN),
    nothing("trust_store.**", NO_TLS),
    nothing("cluster_formation.**", CLUSTER),
    nothing("cluster_partition_handling", CLUSTER),
    nothing("cluster_partition_handling.**", CLUSTER),
    nothing("cluster_keepalive_interval", CLUSTER),
    nothing("net_ticktime", CLUSTER),
    nothing("aws.**", CLUSTER),
    nothing("metadata_store.**", CLUSTER),
    nothing("khepri_default_timeout", CLUSTER),
    nothing("deprecated_features.**", "no feature is switched off"),
    nothing(
        "track_auth_attempt_source",
        "attempts to log in are always counted",
    ),
    nothing("vhost_restart_strategy", "vhosts do not fail one by one"),
    nothing("distribution.**", ERLANG),
    nothing("distributed_cookie", ERLANG),
    nothing("erlang.**", ERLANG),
    nothing("sysmon_handler.**", ERLANG),
    nothing("default_worker_pool_size", ERLANG),
    nothing("message_store_shutdown_timeout", ERLANG),
    nothing("background_gc_enabled", ERLANG),
    nothing("background_gc_target_interval", ERLANG),
    nothing("delegate_count", ERLANG),
    nothing("msg_store_file_size_limit", ERLANG),
    nothing("msg_store_credit_disc_bound", ERLANG),
    nothing("tcp_listen_options", SOCKETS),
    nothing("socket_writer.**", SOCKETS),
    nothing("queue_master_locator", REMOVED),
    nothing("mirroring_sync_batch_size", REMOVED),
    nothing("mirroring_sync_max_throughput", REMOVED),
    nothing("mirroring_flow_control", REMOVED),
    nothing("hipe_compile", REMOVED),
    nothing("lazy_queue_explicit_gc_run_operation_threshold", REMOVED),
    nothing("queue_explicit_gc_run_operation_threshold", REMOVED),
    nothing("queue_index_embed_msgs_below", REMOVED),
    nothing("queue_index_max_journal_entries", REMOVED),
    nothing("mnesia_table_loading_retry_timeout", REMOVED),
    nothing("mnesia_table_loading_retry_limit", REMOVED),
];

fn listener(config: &mut Config, given: &Given<'_>) -> Outcome {
    let address = match given.value.parse::<u16>() {
        Ok(port) => Some(format!("[::]:{port}")),
        Err(_) => address::bracketed(given.value),
    };
    Outcome::of(address.map(|address| config.amqp_listen.push(address)))
}

fn channel_max(config: &mut Config, given: &Given<'_>) -> Outcome {
    // Compat: 0 is as many as the protocol can number.
    let max = given.value.parse::<u16>().ok();
    Outcome::of(max.map(|max| config.channel_max = if max == 0 { u16::MAX } else { max }))
}

fn connection_max(config: &mut Config, given: &Given<'_>) -> Outcome {
    limit(&mut config.limits.connections, given)
}

fn limit(field: &mut Limit, given: &Given<'_>) -> Outcome {
    let limit = match given.value {
        "infinity" => Some(Limit::default()),
        _ => Value::from(given.value).limit(),
    };
    Outcome::of(limit.map(|limit| *field = limit))
}

fn millis(given: &Given<'_>) -> Option<Duration> {
    Value::Text(format!("{}ms", given.value)).span()
}

/// Puts `name` into a list, or takes it out.
fn member(list: &mut Vec<String>, name: &str, wanted: &str) -> Outcome {
    let wanted = match wanted {
        "true" => true,
        "false" => false,
        _ => return Outcome::Bad,
    };
    list.retain(|other| other != name);
    if wanted {
        list.push(name.to_owned());
    }
    Outcome::Set
}

/// The log goes to its file if there is one, else to standard output: both at once is not offered.
fn outputs(_: &mut Config, given: &Given<'_>) -> Outcome {
    match given.value {
        "true" | "false" => Outcome::Set,
        _ => Outcome::Bad,
    }
}

fn level(config: &mut Config, given: &Given<'_>) -> Outcome {
    Outcome::of(log_level(given.value).map(|level| config.log_level = level))
}

/// Compat: RabbitMQ knows more levels than there are kinds of lines here.
pub(in crate::config) fn log_level(name: &str) -> Option<LogLevel> {
    match name {
        "notice" => Some(LogLevel::Warning),
        "critical" | "alert" | "emergency" => Some(LogLevel::Error),
        _ => Value::from(name).one_of(LogLevel::NAMES),
    }
}

fn formatter(config: &mut Config, given: &Given<'_>) -> Outcome {
    config.log_format = match given.value {
        "plaintext" => LogFormat::Text,
        "json" => LogFormat::Json,
        _ => return Outcome::Bad,
    };
    Outcome::Set
}

pub(in crate::config) fn optional_port(
    field: &mut Option<String>,
    default: &str,
    given: &Given<'_>,
) -> Outcome {
    let address = field.as_deref().unwrap_or(default);
    let changed = address::with_port(address, given.value);
    Outcome::of(changed.map(|address| *field = Some(address)))
}

pub(in crate::config) fn optional_host(
    field: &mut Option<String>,
    default: &str,
    given: &Given<'_>,
) -> Outcome {
    let address = field.as_deref().unwrap_or(default);
    let changed = address::with_host(address, given.value);
    Outcome::of(changed.map(|address| *field = Some(address)))
}
