//! Where settings come from: a file, then the environment, then flags; later ones win.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use toml::de::{DeTable, DeValue};

use super::Config;
use super::keys::{Key, keys};
use super::values::Value;

/// What Kubernetes puts into the environment for a service called `ferrymq`.
const KUBERNETES: [&str; 2] = ["FERRYMQ_PORT", "FERRYMQ_SERVICE_"];

/// A setting from the command line.
#[derive(Debug, Clone)]
pub struct Override {
    /// The name of the setting.
    pub key: &'static str,
    /// The flag, as people type it.
    pub flag: &'static str,
    /// What came after it.
    pub value: String,
}

/// The configuration, and what should be told about how it came about.
#[derive(Debug)]
pub struct Loaded {
    /// What to start with.
    pub config: Config,
    /// Lines to log as warnings once there is a log.
    pub warnings: Vec<String>,
}

/// Why nothing starts. Each names the setting, what it holds and what it may hold.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read the configuration file {}: {error}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {} is not valid TOML:\n{error}", path.display())]
    NotToml {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        error: toml::de::Error,
    },
    /// There is no such setting.
    #[error("unknown setting `{key}` = {value} ({origin}). Allowed: {allowed}")]
    UnknownKey {
        /// As it was written.
        key: String,
        /// Likewise.
        value: String,
        /// File and line, variable or flag.
        origin: String,
        /// The settings that do exist there.
        allowed: String,
    },
    /// The setting can't hold this value.
    #[error("bad value for setting `{key}`: {value} ({origin}). Allowed: {allowed}")]
    BadValue {
        /// The setting.
        key: &'static str,
        /// As it was written; stars for a secret.
        value: String,
        /// File and line, variable or flag.
        origin: String,
        /// What it may hold.
        allowed: &'static str,
    },
}

/// Reads the settings from all sources.
///
/// `variables` is the environment, `overrides` what flags said.
///
/// # Errors
/// At the first setting that does not exist or can't hold its value.
pub fn load(
    file: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
    overrides: &[Override],
) -> Result<Loaded, ConfigError> {
    let variables: Vec<_> = variables.into_iter().collect();
    let mut loaded = Loaded {
        config: Config::default(),
        warnings: Vec::new(),
    };
    if let Some(directory) = state_directory(&variables) {
        loaded.config.data_dir = directory;
    }
    if let Some(path) = file {
        read_file(&mut loaded.config, path)?;
    }
    for (name, value) in variables {
        if let Some(setting) = name.strip_prefix("FERRYMQ_") {
            read_variable(&mut loaded, &name, setting, value)?;
        }
    }
    for Override { key, flag, value } in overrides {
        let value = Value::Text(value.clone());
        set(&mut loaded.config, key, &value, flag)?;
    }
    Ok(loaded)
}

/// systemd's `StateDirectory=`; of several the first.
fn state_directory(variables: &[(String, String)]) -> Option<PathBuf> {
    let (_, value) = variables
        .iter()
        .find(|(name, _)| name == "STATE_DIRECTORY")?;
    let first = value.split(':').next()?;
    (!first.is_empty()).then(|| first.into())
}

fn read_file(config: &mut Config, path: &Path) -> Result<(), ConfigError> {
    let text = fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: path.to_owned(),
        error,
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let document = DeTable::parse(text).map_err(|error| ConfigError::NotToml {
        path: path.to_owned(),
        error,
    })?;
    let origin = |span: Range<usize>| Place {
        path,
        line: 1 + text[..span.start].matches('\n').count(),
    };
    for (key, value) in document.get_ref() {
        let place = origin(key.span());
        let DeValue::Table(section) = value.get_ref() else {
            set(config, key.get_ref(), &plain(value.get_ref()), &place)?;
            continue;
        };
        for (inner, value) in section {
            let name = format!("{}.{}", key.get_ref(), inner.get_ref());
            let place = origin(inner.span());
            set(config, &name, &plain(value.get_ref()), &place)?;
        }
    }
    Ok(())
}

/// A line of the file.
struct Place<'a> {
    path: &'a Path,
    line: usize,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.line)
    }
}

fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => Value::Other("a number beyond 64 bits"),
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => Value::Float(number),
            Err(_) => Value::Other("an unusual number"),
        },
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Array(array) => {
            let texts = array.iter().map(|element| match element.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                _ => None,
            });
            match texts.collect() {
                Some(texts) => Value::List(texts),
                None => Value::Other("a list of other things than text"),
            }
        }
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Table(_) => Value::Other("a table"),
    }
}

/// A variable of a known section must name a key of it; what else begins with our name may be
/// meant for others.
fn read_variable(
    loaded: &mut Loaded,
    name: &str,
    setting: &str,
    value: String,
) -> Result<(), ConfigError> {
    let value = Value::Text(value);
    if let Some(key) = keys().iter().find(|key| key.variable() == name) {
        return assign(&mut loaded.config, key, &value, &name);
    }
    if setting == "CONFIG" || KUBERNETES.iter().any(|prefix| name.starts_with(prefix)) {
        return Ok(());
    }
    let section = setting.split('_').next().unwrap_or_default().to_lowercase();
    if keys()
        .iter()
        .any(|key| !section.is_empty() && key.section() == section)
    {
        return Err(ConfigError::UnknownKey {
            key: name.to_owned(),
            value: shown(name, &value),
            origin: "environment".to_owned(),
            allowed: known_in(&section, Key::variable),
        });
    }
    loaded.warnings.push(format!(
        "the environment variable {name} is no setting and was ignored"
    ));
    Ok(())
}

fn set(
    config: &mut Config,
    name: &str,
    value: &Value,
    origin: &dyn fmt::Display,
) -> Result<(), ConfigError> {
    match keys().iter().find(|key| key.name == name) {
        Some(key) => assign(config, key, value, origin),
        None => {
            let section = name.split_once('.').map_or("", |(section, _)| section);
            Err(ConfigError::UnknownKey {
                key: name.to_owned(),
                value: shown(name, value),
                origin: origin.to_string(),
                allowed: known_in(section, |key| key.name.to_owned()),
            })
        }
    }
}

fn assign(
    config: &mut Config,
    key: &Key,
    value: &Value,
    origin: &dyn fmt::Display,
) -> Result<(), ConfigError> {
    (key.set)(config, value).ok_or_else(|| ConfigError::BadValue {
        key: key.name,
        value: match key.secret {
            true => "***".to_owned(),
            false => value.to_string(),
        },
        origin: origin.to_string(),
        allowed: key.allowed,
    })
}

/// The value of an unknown setting, unless it looks like a misspelled secret.
fn shown(name: &str, value: &Value) -> String {
    match name.to_lowercase().contains("pass") {
        true => "***".to_owned(),
        false => value.to_string(),
    }
}

/// The settings of a section, or of all when there is no such section.
fn known_in(section: &str, name: fn(&Key) -> String) -> String {
    let inside = keys().iter().filter(|key| key.section() == section);
    let mut names: Vec<_> = inside.map(name).collect();
    if names.is_empty() || section.is_empty() {
        names = keys().iter().map(name).collect();
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LogLevel, Watermark};
    use std::io::Write as _;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn from_file(text: &str) -> Result<Config, String> {
        let file = file(text);
        let loaded = load(Some(file.path()), [], &[]);
        let anonymous = |error: ConfigError| {
            let path = file.path().display().to_string();
            error.to_string().replace(&path, "FILE")
        };
        loaded.map(|loaded| loaded.config).map_err(anonymous)
    }

    fn from_variables(variables: &[(&str, &str)]) -> Result<Loaded, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        load(None, variables.iter().map(owned), &[]).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_said_is_the_default() {
        let loaded = load(None, [], &[]).unwrap();
        assert_eq!(loaded.config.heartbeat_seconds, 60);
        assert_eq!(loaded.config.frame_max, 131_072);
        assert_eq!(loaded.config.amqp_listen, "[::]:5672");
        assert_eq!(loaded.warnings, Vec::<String>::new());
    }

    #[test]
    fn a_file_sets_what_it_names() {
        let config = from_file(
            r#"
            data_dir = "/data"
            [amqp]
            listen = "127.0.0.1:1"
            heartbeat = 30
            max_message_size = "1MiB"
            [http]
            listen = "none"
            [memory]
            high_watermark = 0.25
            [auth]
            loopback_users = []
            [log]
            level = "debug"
            "#,
        )
        .unwrap();
        assert_eq!(config.data_dir, Path::new("/data"));
        assert_eq!(config.amqp_listen, "127.0.0.1:1");
        assert_eq!(config.heartbeat_seconds, 30);
        assert_eq!(config.max_message_bytes, 1 << 20);
        assert_eq!(config.http_listen, None);
        assert_eq!(config.memory_high_watermark, Watermark::Relative(0.25));
        assert_eq!(config.loopback_users, Vec::<String>::new());
        assert_eq!(config.log_level, LogLevel::Debug);
    }

    #[test]
    fn flags_win_over_variables_over_the_file() {
        let file = file("[amqp]\nheartbeat = 1\nchannel_max = 1\nframe_max = 5000\n");
        let variables = [
            ("FERRYMQ_AMQP_HEARTBEAT".to_owned(), "2".to_owned()),
            ("FERRYMQ_AMQP_CHANNEL_MAX".to_owned(), "2".to_owned()),
        ];
        let overrides = [Override {
            key: "amqp.heartbeat",
            flag: "--heartbeat",
            value: "3".to_owned(),
        }];
        let config = load(Some(file.path()), variables, &overrides)
            .unwrap()
            .config;
        assert_eq!(config.heartbeat_seconds, 3);
        assert_eq!(config.channel_max, 2);
        assert_eq!(config.frame_max, 5000);
    }

    #[test]
    fn a_bad_value_names_key_value_place_and_what_is_allowed() {
        let check = |text: &str, expected: &str| {
            assert_eq!(from_file(text).unwrap_err(), expected);
        };
        check(
            "[amqp]\nheartbeat = \"often\"\n",
            "bad value for setting `amqp.heartbeat`: \"often\" (FILE:2). Allowed: seconds from 0 \
             (none) to 65535",
        );
        check(
            "[amqp]\n\n\nlisten = 5672",
            "bad value for setting `amqp.listen`: 5672 (FILE:4). Allowed: ADDRESS:PORT, for \
             example 127.0.0.1:5672 or [::]:5672",
        );
        check(
            "[auth]\ndefault_pass = 12345",
            "bad value for setting `auth.default_pass`: *** (FILE:2). Allowed: a password",
        );
    }

    #[test]
    fn an_unknown_key_names_the_known_ones() {
        let check = |text: &str, expected: &str| {
            assert_eq!(from_file(text).unwrap_err(), expected);
        };
        check(
            "[log]\nlevel = \"info\"\ncolour = true\n",
            "unknown setting `log.colour` = true (FILE:3). Allowed: log.level, log.format",
        );
        let error = from_file("[ampq]\nheartbeat = 1\n").unwrap_err();
        assert!(error.starts_with("unknown setting `ampq.heartbeat` = 1 (FILE:2)."));
        assert!(error.contains("amqp.heartbeat"));
        let error = from_file("amqp = 1\n").unwrap_err();
        assert!(error.starts_with("unknown setting `amqp` = 1 (FILE:1)."));
        let error = from_file("[auth]\npassword = 'secret'\n").unwrap_err();
        assert!(!error.contains("secret"));
    }

    #[test]
    fn broken_files_are_named() {
        let error = from_file("[amqp\n").unwrap_err();
        assert!(
            error.starts_with("the configuration file FILE is not valid TOML"),
            "{error}"
        );
        let error = load(Some(Path::new("/no/such.toml")), [], &[]).unwrap_err();
        assert!(error.to_string().contains("/no/such.toml"));
    }

    #[test]
    fn variables_are_checked_like_keys() {
        let config = from_variables(&[("FERRYMQ_AUTH_LOOPBACK_USERS", "none")]);
        assert!(config.unwrap().config.loopback_users.is_empty());
        let error = from_variables(&[("FERRYMQ_AMQP_HEARTBEAT", "x")]).unwrap_err();
        assert!(
            error.contains("`amqp.heartbeat`: \"x\" (FERRYMQ_AMQP_HEARTBEAT)"),
            "{error}"
        );
        let error = from_variables(&[("FERRYMQ_LOG_COLOUR", "yes")]).unwrap_err();
        assert!(error.contains("FERRYMQ_LOG_LEVEL"), "{error}");
    }

    #[test]
    fn variables_of_others_do_not_stop_the_broker() {
        let warnings = |name| from_variables(&[(name, "1")]).unwrap().warnings.len();
        assert_eq!(warnings("FERRYMQ_SERVICE_HOST"), 0);
        assert_eq!(warnings("FERRYMQ_PORT_5672_TCP"), 0);
        assert_eq!(warnings("FERRYMQ_CONFIG"), 0);
        assert_eq!(warnings("FERRYMQ_DATADIR"), 1);
        assert_eq!(warnings("OTHER"), 0);
    }

    #[test]
    fn systemd_names_the_data_directory() {
        let loaded = from_variables(&[("STATE_DIRECTORY", "/var/lib/ferrymq:/x")]).unwrap();
        assert_eq!(loaded.config.data_dir, Path::new("/var/lib/ferrymq"));
    }

    #[test]
    fn every_default_is_a_value_that_its_key_takes() {
        let config = Config::default();
        let takes = |name: &str, text: String| {
            let key = keys().iter().find(|key| key.name == name).unwrap();
            let mut config = Config::default();
            assert!(
                (key.set)(&mut config, &Value::Text(text)).is_some(),
                "{name}"
            );
        };
        takes("node.name", config.node_name);
        takes("amqp.listen", config.amqp_listen);
        takes("http.listen", config.http_listen.unwrap());
        takes("product.rabbitmq_version", config.rabbitmq_version);
        takes("store.segment_bytes", config.segment_bytes.to_string());
        takes(
            "store.checkpoint_bytes",
            config.checkpoint_bytes.to_string(),
        );
        takes("disk.free_limit", config.disk_free_limit_bytes.to_string());
    }
}
