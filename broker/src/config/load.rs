//! Where settings come from: files, then the environment, then flags; later ones win.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use super::Config;
use super::error::{ConfigError, Problems, suggestion};
use super::keys::{Key, find};
use super::values::Value;
use super::{files, variables};

/// A setting from the command line.
#[derive(Debug, Clone)]
pub struct Override {
    /// The name of the setting.
    pub key: String,
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
    /// Where settings that somebody has set come from, by their names: file and line, variable, flag.
    pub origins: BTreeMap<&'static str, String>,
    /// The files that were read, in their order.
    pub files: Vec<PathBuf>,
}

/// Reads the settings from all sources.
///
/// `place` is a file or a directory, `variables` the environment, `overrides` what flags said.
///
/// # Errors
/// All settings that do not exist or can't hold their values, and files that can't be read.
pub fn load(
    place: Option<&Path>,
    variables: impl IntoIterator<Item = (String, String)>,
    overrides: &[Override],
) -> Result<Loaded, Problems> {
    let environment: BTreeMap<_, _> = variables.into_iter().collect();
    let mut loader = Loader::new(environment);
    if let Some(directory) = state_directory(&loader.environment) {
        loader.set_origin("data_dir", &"STATE_DIRECTORY");
        loader.loaded.config.data_dir = directory;
    }
    if let Some(place) = place {
        files::read(&mut loader, place);
    }
    variables::read(&mut loader);
    for Override { key, flag, value } in overrides {
        loader.set(key, &Value::Text(value.clone()), flag);
    }
    loader.finish()
}

/// systemd's `StateDirectory=`; of several the first.
fn state_directory(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let first = environment.get("STATE_DIRECTORY")?.split(':').next()?;
    (!first.is_empty()).then(|| first.into())
}

/// What is put together from all sources, one setting after the other.
pub(super) struct Loader {
    pub(super) loaded: Loaded,
    pub(super) environment: BTreeMap<String, String>,
    problems: Vec<ConfigError>,
    warned: BTreeSet<&'static str>,
}

impl Loader {
    fn new(environment: BTreeMap<String, String>) -> Self {
        Self {
            loaded: Loaded {
                config: Config::default(),
                warnings: Vec::new(),
                origins: BTreeMap::new(),
                files: Vec::new(),
            },
            environment,
            problems: Vec::new(),
            warned: BTreeSet::new(),
        }
    }

    fn finish(self) -> Result<Loaded, Problems> {
        match self.problems.is_empty() {
            true => Ok(self.loaded),
            false => Err(Problems(self.problems)),
        }
    }

    pub(super) fn problem(&mut self, problem: ConfigError) {
        self.problems.push(problem);
    }

    pub(super) fn warn(&mut self, warning: String) {
        self.loaded.warnings.push(warning);
    }

    /// One warning for all that `what` stands for.
    pub(super) fn warn_once(&mut self, what: &'static str, warning: String) {
        if self.warned.insert(what) {
            self.warn(warning);
        }
    }

    pub(super) fn set_origin(&mut self, setting: &'static str, origin: &dyn fmt::Display) {
        self.loaded.origins.insert(setting, origin.to_string());
    }

    /// Puts the setting `name`, if there is one, to `value`.
    pub(super) fn set(&mut self, name: &str, value: &Value, origin: &dyn fmt::Display) {
        match find(name) {
            Some(key) => self.assign(key, value, origin),
            None => self.problem(ConfigError::UnknownKey {
                key: name.to_owned(),
                value: shown(name, value),
                origin: origin.to_string(),
                suggestion: suggestion(name),
            }),
        }
    }

    pub(super) fn assign(&mut self, key: &'static Key, value: &Value, origin: &dyn fmt::Display) {
        match (key.set)(&mut self.loaded.config, value) {
            Some(()) => self.set_origin(key.name, origin),
            None => self.problem(ConfigError::BadValue {
                key: key.name.to_owned(),
                value: key.masked(value),
                origin: origin.to_string(),
                allowed: key.allowed,
            }),
        }
    }
}

/// The value of an unknown setting, unless it looks like a misspelled secret.
pub(super) fn shown(name: &str, value: &Value) -> String {
    match name.to_lowercase().contains("pass") {
        true => "***".to_owned(),
        false => value.to_string(),
    }
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
        let anonymous = |error: Problems| {
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
        assert_eq!(loaded.config.amqp_listen, ["[::]:5672"]);
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
        assert_eq!(config.amqp_listen, ["127.0.0.1:1"]);
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
            key: "amqp.heartbeat".to_owned(),
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
             example 127.0.0.1:5672 or [::]:5672, or a list of them",
        );
        check(
            "[auth]\ndefault_pass = 12345",
            "bad value for setting `auth.default_pass`: *** (FILE:2). Allowed: a password",
        );
    }

    #[test]
    fn all_problems_come_at_once_in_their_order() {
        let error = from_file("[amqp]\nlisten = 1\n[amqp.x]\n[log]\nlevel = 'loud'\n").unwrap_err();
        let lines: Vec<_> = error.lines().map(|line| line.split(' ').next()).collect();
        assert_eq!(
            lines,
            [Some("bad"), Some("unknown"), Some("bad")],
            "{error}"
        );
    }

    #[test]
    fn origins_are_known() {
        let file = file("[amqp]\n\nheartbeat = 1\n[log.levels]\nqueue = 'debug'\n");
        let variables = [("FERRYMQ_AMQP_CHANNEL_MAX".to_owned(), "2".to_owned())];
        let loaded = load(Some(file.path()), variables, &[]).unwrap();
        let path = file.path().display();
        let origin = |key: &str| loaded.origins.get(key).map(String::as_str);
        assert_eq!(origin("amqp.heartbeat"), Some(&*format!("{path}:3")));
        assert_eq!(origin("log.levels"), Some(&*format!("{path}:4")));
        assert_eq!(origin("amqp.channel_max"), Some("FERRYMQ_AMQP_CHANNEL_MAX"));
        assert_eq!(origin("amqp.listen"), None);
        assert_eq!(loaded.config.log_levels["queue"], LogLevel::Debug);
    }

    #[test]
    fn a_directory_holds_many_files() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(directory.path().join(name), text).unwrap();
        };
        std::fs::create_dir(directory.path().join("conf.d")).unwrap();
        write("ferrymq.toml", "amqp.heartbeat = 1\namqp.channel_max = 1");
        write("conf.d/20.toml", "amqp.heartbeat = 20");
        write(
            "conf.d/10.toml",
            "amqp.heartbeat = 10\namqp.channel_max = 10",
        );
        write("conf.d/note.txt", "!");
        for place in [directory.path(), &directory.path().join("ferrymq.toml")] {
            let loaded = load(Some(place), [], &[]).unwrap();
            let config = loaded.config;
            assert_eq!((config.heartbeat_seconds, config.channel_max), (20, 10));
            assert_eq!(loaded.files.len(), 3);
        }
    }

    #[test]
    fn an_unknown_key_names_the_known_ones() {
        let check = |text: &str, expected: &str| {
            assert_eq!(from_file(text).unwrap_err(), expected);
        };
        check(
            "[log]\nlevel = \"info\"\ncolour = true\n",
            "unknown setting `log.colour` = true (FILE:3). Allowed: log.level, log.levels, log.format, \
             log.file",
        );
        check(
            "[ampq]\nheartbeat = 1\n",
            "unknown setting `ampq.heartbeat` = 1 (FILE:2). Did you mean `amqp.heartbeat`?",
        );
        let error = from_file("amqp = 1\n").unwrap_err();
        assert!(error.starts_with("unknown setting `amqp` = 1 (FILE:1)."));
        let error = from_file("[auth]\npassword = 'secret'\n").unwrap_err();
        assert!(!error.contains("secret"));
    }

    #[test]
    fn broken_files_are_named() {
        let error = from_file("[amqp\n").unwrap_err();
        assert!(
            error.starts_with("the configuration file FILE:1 is not valid TOML"),
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
}
