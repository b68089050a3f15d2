//! Settings from the environment: `FERRYMQ_SECTION_KEY` is `section.key`, and what the Docker images
//! of RabbitMQ and Bitnami take counts, too. Our own names win.
//!
//! `NAME_FILE` names a file with the value of `NAME`, as secrets are given to containers.

use std::collections::BTreeMap;
use std::fs;

use super::error::{ConfigError, closest};
use super::foreign::{Given, Outcome, Row, nothing, same, sets};
use super::keys::{Key, keys};
use super::load::{Loader, shown};
use super::rabbitmq::{log_level, optional_host, optional_port};
use super::values::Value;
use super::{Config, LogFormat, LogLevel, address};
use crate::resources;

/// Ours begin with this.
const OWN: &str = "FERRYMQ_";
/// RabbitMQ's begin with this.
const RABBITMQ: &str = "RABBITMQ_";
/// The variable that names a file with the value has this at its end.
const FILE: &str = "_FILE";
/// What Kubernetes puts into the environment for services called `ferrymq` or `rabbitmq`, behind the
/// prefix.
const KUBERNETES: [&str; 2] = ["PORT", "SERVICE_"];
/// And what the value of such a variable begins with.
const KUBERNETES_VALUE: &str = "tcp://";
/// What is no setting, but says where settings are.
const PLACES: [&str; 2] = ["FERRYMQ_CONFIG", "RABBITMQ_CONFIG_FILE"];

/// Compat: where Bitnami's image has definitions.
const DEFINITIONS: &str = "/app/load_definition.json";
const ERLANG: &str = "it is about Erlang's run time";
const PLUGINS: &str = "nothing has to be enabled: management, metrics and tracing are built in";
const PORT: &str = "a port";
const HOST: &str = "an IP address";
const MEMORY: &str = "a share of the memory, a percentage or a size";

/// RabbitMQ's variables that are known here. Of two for the same setting the later one wins.
pub fn rows() -> &'static [Row] {
    ROWS
}

static ROWS: &[Row] = &[
    sets(
        "RABBITMQ_USERNAME",
        "auth.default_user",
        "a user's name",
        default_user,
    ),
    same("RABBITMQ_PASSWORD", "auth.default_pass"),
    same("RABBITMQ_VHOST", "auth.default_vhost"),
    sets(
        "RABBITMQ_DEFAULT_USER",
        "auth.default_user",
        "a user's name",
        default_user,
    ),
    same("RABBITMQ_DEFAULT_PASS", "auth.default_pass"),
    same("RABBITMQ_DEFAULT_VHOST", "auth.default_vhost"),
    same("RABBITMQ_NODE_NAME", "node.name"),
    same("RABBITMQ_NODENAME", "node.name"),
    same("RABBITMQ_PID_FILE", "node.pid_file"),
    sets("RABBITMQ_NODE_PORT_NUMBER", "amqp.listen", PORT, amqp_port),
    sets("RABBITMQ_NODE_PORT", "amqp.listen", PORT, amqp_port),
    sets(
        "RABBITMQ_NODE_IP_ADDRESS",
        "amqp.listen",
        HOST,
        |config, given| {
            let address = config
                .amqp_listen
                .first()
                .map_or("[::]:5672", String::as_str);
            let changed = address::with_host(address, given.value);
            Outcome::of(changed.map(|address| config.amqp_listen = vec![address]))
        },
    ),
    sets(
        "RABBITMQ_MANAGEMENT_PORT_NUMBER",
        "http.listen",
        PORT,
        |config, given| optional_port(&mut config.http_listen, "[::]:15672", given),
    ),
    sets(
        "RABBITMQ_MANAGEMENT_BIND_IP",
        "http.listen",
        HOST,
        |config, given| optional_host(&mut config.http_listen, "[::]:15672", given),
    ),
    sets(
        "RABBITMQ_MANAGEMENT_ALLOW_WEB_ACCESS",
        "auth.loopback_users",
        "true or false",
        |config, given| {
            match truth(given.value) {
                Some(true) => config.loopback_users.clear(),
                Some(false) => {}
                None => return Outcome::Bad,
            }
            Outcome::Set
        },
    ),
    same("RABBITMQ_MNESIA_BASE", "data_dir"),
    same("RABBITMQ_MNESIA_DIR", "data_dir"),
    sets(
        "RABBITMQ_LOGS",
        "log.file",
        "a file, or - for standard output",
        |config, given| {
            config.log_file = match given.value {
                "-" | "" => None,
                file => Some(file.into()),
            };
            Outcome::Set
        },
    ),
    sets(
        "RABBITMQ_LOG",
        "log.level",
        "a level, CATEGORY=LEVEL or +json, several with commas between",
        log,
    ),
    sets(
        "RABBITMQ_VM_MEMORY_HIGH_WATERMARK",
        "memory.high_watermark",
        MEMORY,
        |config, given| {
            let percentage = given
                .value
                .strip_suffix('%')
                .and_then(|number| number.trim().parse::<f64>().ok());
            let value = percentage.map_or(Value::from(given.value), |percent| {
                Value::Float(percent / 100.0)
            });
            Outcome::of(
                value
                    .watermark()
                    .map(|mark| config.memory_high_watermark = mark),
            )
        },
    ),
    sets(
        "RABBITMQ_DISK_FREE_RELATIVE_LIMIT",
        "disk.free_limit",
        "a number: so many times the memory",
        |config, given| {
            let factor = given
                .value
                .parse::<f64>()
                .ok()
                .filter(|factor| (0.0..1e6).contains(factor));
            let memory = resources::total_memory_bytes(config) as f64;
            Outcome::of(
                factor.map(|factor| config.disk_free_limit_bytes = (factor * memory) as u64),
            )
        },
    ),
    same("RABBITMQ_DISK_FREE_ABSOLUTE_LIMIT", "disk.free_limit"),
    same("RABBITMQ_DEFINITIONS_FILE", "definitions.file"),
    sets(
        "RABBITMQ_LOAD_DEFINITIONS",
        "definitions.file",
        "yes or no",
        |config, given| {
            config.definitions_file = match truth(given.value) {
                Some(true) => config.definitions_file.take().or(Some(DEFINITIONS.into())),
                Some(false) => None,
                None => return Outcome::Bad,
            };
            Outcome::Set
        },
    ),
    nothing("RABBITMQ_VHOSTS", "import definitions instead"),
    nothing(
        "RABBITMQ_SECURE_PASSWORD",
        "new hashes are always slow ones",
    ),
    nothing(
        "RABBITMQ_USE_LONGNAME",
        "a node on its own needs no long name",
    ),
    nothing(
        "RABBITMQ_CONFIG_FILES",
        "`conf.d` beside the configuration file is read",
    ),
    nothing(
        "RABBITMQ_ADVANCED_CONFIG_FILE",
        "files with Erlang terms are not read",
    ),
    nothing(
        "RABBITMQ_CONF_ENV_FILE",
        "set the variables in the environment",
    ),
    nothing("RABBITMQ_QUORUM_DIR", "all data is in one directory"),
    nothing("RABBITMQ_STREAM_DIR", "all data is in one directory"),
    nothing(
        "RABBITMQ_LOG_BASE",
        "`RABBITMQ_LOGS` or `log.file` names the file",
    ),
    nothing(
        "RABBITMQ_KEEP_PID_FILE_ON_EXIT",
        "the file goes with the process",
    ),
    nothing("RABBITMQ_ENABLED_PLUGINS", PLUGINS),
    nothing("RABBITMQ_ENABLED_PLUGINS_FILE", PLUGINS),
    nothing("RABBITMQ_PLUGINS", PLUGINS),
    nothing("RABBITMQ_PLUGINS_DIR", PLUGINS),
    nothing("RABBITMQ_COMMUNITY_PLUGINS", PLUGINS),
    nothing("RABBITMQ_ERLANG_COOKIE", ERLANG),
    nothing("RABBITMQ_ERL_COOKIE", ERLANG),
    nothing("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", ERLANG),
    nothing("RABBITMQ_SERVER_ERL_ARGS", ERLANG),
    nothing("RABBITMQ_SERVER_START_ARGS", ERLANG),
    nothing("RABBITMQ_CTL_ERL_ARGS", ERLANG),
    nothing("RABBITMQ_IO_THREAD_POOL_SIZE", ERLANG),
    nothing("RABBITMQ_DIST_PORT", ERLANG),
    nothing("RABBITMQ_FEATURE_FLAGS", "every feature is enabled"),
    nothing(
        "RABBITMQ_CLUSTER_NODE_NAME",
        "a node on its own has no cluster",
    ),
    nothing(
        "RABBITMQ_CLUSTER_PARTITION_HANDLING",
        "a node on its own has no cluster",
    ),
    nothing(
        "RABBITMQ_PRODUCT_NAME",
        "`product.present_as` says as what the broker presents itself",
    ),
    nothing(
        "RABBITMQ_PRODUCT_VERSION",
        "`product.rabbitmq_version` says which version clients see",
    ),
    nothing("RABBITMQ_MOTD_FILE", "there is no banner"),
];

/// Takes what the environment sets.
pub(super) fn read(loader: &mut Loader) {
    let environment = with_files(loader);
    for row in ROWS {
        if let Some(value) = environment.get(row.name)
            && !value.starts_with(KUBERNETES_VALUE)
        {
            let given = Given { value, star: "" };
            loader.take(row, row.name, &given, &"environment");
        }
    }
    for (name, value) in environment {
        if let Some(rest) = name.strip_prefix(OWN) {
            read_own(loader, &name, rest, value);
        } else if let Some(rest) = name.strip_prefix(RABBITMQ)
            && !is_of_others(&name, rest)
            && !ROWS.iter().any(|row| row.name == name)
        {
            loader.warn(format!("the environment variable {name} is not known here"));
        }
    }
}

/// The environment, with the contents of files in the place of the variables that name them.
fn with_files(loader: &mut Loader) -> BTreeMap<String, String> {
    let mut environment = loader.environment.clone();
    let named = environment.clone().into_iter().filter_map(|(name, path)| {
        let target = name.strip_suffix(FILE)?.to_owned();
        let names_a_file = is_setting(&target) && !is_setting(&name);
        names_a_file.then_some((target, name, path))
    });
    for (target, name, path) in named.collect::<Vec<_>>() {
        environment.remove(&name);
        match fs::read_to_string(&path) {
            Ok(text) => {
                environment.insert(target, text.trim_end_matches(['\r', '\n']).to_owned());
            }
            Err(error) => loader.problem(ConfigError::Unclear {
                origin: name,
                why: format!("can't read {path}: {error}"),
            }),
        }
    }
    environment
}

/// Does a variable of this name set something?
fn is_setting(name: &str) -> bool {
    let own = || keys().iter().any(|key| key.variable() == name);
    ROWS.iter().any(|row| row.name == name) || name.starts_with(OWN) && own()
}

/// What is there for others, or for [`crate::config::load`]'s caller.
fn is_of_others(name: &str, rest: &str) -> bool {
    PLACES.contains(&name) || KUBERNETES.iter().any(|prefix| rest.starts_with(prefix))
}

/// A variable of a known section must name a key of it; what else begins with our name may be
/// meant for others.
fn read_own(loader: &mut Loader, name: &str, rest: &str, value: String) {
    let value = Value::Text(value);
    if let Some(key) = keys().iter().find(|key| key.variable() == name) {
        return loader.assign(key, &value, &name);
    }
    if is_of_others(name, rest) {
        return;
    }
    let section = rest.split('_').next().unwrap_or_default().to_lowercase();
    let inside = keys()
        .iter()
        .filter(|key| !section.is_empty() && key.section() == section);
    let inside: Vec<_> = inside.map(Key::variable).collect();
    if inside.is_empty() {
        loader.warn(format!(
            "the environment variable {name} is no setting and was ignored"
        ));
        return;
    }
    let suggestion = match closest(name, inside.iter().map(String::as_str)) {
        Some(meant) => format!(". Did you mean {meant}?"),
        None => format!(". Allowed: {}", inside.join(", ")),
    };
    loader.problem(ConfigError::UnknownKey {
        key: name.to_owned(),
        value: shown(name, &value),
        origin: "environment".to_owned(),
        suggestion,
    });
}

/// Compat: a user that is named so replaces `guest`, and may come from anywhere.
fn default_user(config: &mut Config, given: &Given<'_>) -> Outcome {
    let Some(name) = Value::from(given.value).text() else {
        return Outcome::Bad;
    };
    config.loopback_users.retain(|user| *user != name);
    config.default_user = name;
    Outcome::Set
}

fn amqp_port(config: &mut Config, given: &Given<'_>) -> Outcome {
    let addresses = config.amqp_listen.iter();
    let changed: Option<Vec<_>> = addresses
        .map(|address| address::with_port(address, given.value))
        .collect();
    Outcome::of(changed.map(|addresses| config.amqp_listen = addresses))
}

fn truth(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// Levels of all or of categories, and the format.
fn log(config: &mut Config, given: &Given<'_>) -> Outcome {
    for word in given.value.split(',').map(str::trim) {
        let level = |name: &str| log_level(name);
        match (word, word.split_once('=')) {
            ("+json", _) => config.log_format = LogFormat::Json,
            ("-json", _) => config.log_format = LogFormat::Text,
            ("" | "+color" | "-color" | "+single_line" | "-single_line", _) => {}
            (_, Some((category, name))) if LogLevel::has_category(category) => match level(name) {
                Some(level) => drop(config.log_levels.insert(category.to_owned(), level)),
                None => return Outcome::Bad,
            },
            // A category that only RabbitMQ has.
            (_, Some((_, name))) if level(name).is_some() => {}
            (name, None) if level(name).is_some() => {
                config.log_level = level(name).unwrap_or(config.log_level);
            }
            _ => return Outcome::Bad,
        }
    }
    Outcome::Set
}

#[cfg(test)]
mod tests;
