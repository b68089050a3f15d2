//! Settings that change while the broker runs: what differs, and what of it can count at once.

use super::Config;
use super::error::suggestion;
use super::keys::{Key, find, keys};
use super::values::Value;

/// A setting that holds something else than before.
pub struct Change {
    /// Which.
    pub key: &'static Key,
    /// What it held, as in a TOML file; stars for a secret.
    pub before: String,
    /// What it is to hold.
    pub after: String,
}

/// Why a setting can't be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is none of that name.
    #[error("unknown setting `{name}`{suggestion}")]
    Unknown {
        /// As it was asked for.
        name: String,
        /// What was probably meant, in words; empty if nothing is close.
        suggestion: String,
    },
    /// It can't hold that.
    #[error("bad value for setting `{key}`: {value}. Allowed: {allowed}")]
    BadValue {
        /// The setting.
        key: &'static str,
        /// As it was asked for; stars for a secret.
        value: String,
        /// What it may hold.
        allowed: &'static str,
    },
    /// It counts only from the next start on.
    #[error("setting `{0}` needs a restart")]
    NeedsRestart(&'static str),
}

impl Config {
    /// What `new` has otherwise, in the order of the settings.
    pub fn changes(&self, new: &Self) -> Vec<Change> {
        let differs = |key: &&Key| (key.get)(self) != (key.get)(new);
        let change = |key: &'static Key| Change {
            key,
            before: key.shown(self),
            after: key.shown(new),
        };
        keys().iter().filter(differs).map(change).collect()
    }

    /// Takes the live settings of `new` over, and only those.
    pub(crate) fn take_live(&mut self, new: &Self) {
        for key in keys().iter().filter(|key| key.live) {
            let taken = (key.set)(self, &(key.get)(new));
            taken.expect("a setting takes what it gives");
        }
    }

    /// Puts the live setting `name` to what `text` says.
    ///
    /// # Errors
    /// When there is no such setting, it is not live, or can't hold that.
    pub(crate) fn change_live(&mut self, name: &str, text: &str) -> Result<(), ChangeError> {
        let key = find(name).ok_or_else(|| ChangeError::Unknown {
            name: name.to_owned(),
            suggestion: suggestion(name),
        })?;
        if !key.live {
            return Err(ChangeError::NeedsRestart(key.name));
        }
        let value = Value::from(text);
        (key.set)(self, &value).ok_or_else(|| ChangeError::BadValue {
            key: key.name,
            value: key.masked(&value),
            allowed: key.allowed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogLevel;

    #[test]
    fn only_live_settings_are_taken_over() {
        let mut config = Config::default();
        let new = Config {
            heartbeat_seconds: 7,
            frame_max: 5000,
            default_pass: "secret".into(),
            ..Config::default()
        };
        let changes = config.changes(&new);
        let names: Vec<_> = changes.iter().map(|change| change.key.name).collect();
        let expected = ["amqp.heartbeat", "amqp.frame_max", "auth.default_pass"];
        assert_eq!(names, expected);
        assert_eq!((&*changes[0].before, &*changes[0].after), ("60", "7"));
        assert_eq!(changes[2].after, "***");
        config.take_live(&new);
        assert_eq!((config.heartbeat_seconds, config.frame_max), (7, 131_072));
    }

    #[test]
    fn one_setting_can_be_changed_by_name() {
        let mut config = Config::default();
        config.change_live("log.level", "debug").unwrap();
        assert_eq!(config.log_level, LogLevel::Debug);
        let mut check = |name: &str, value: &str, error: &str| {
            let refused = config.change_live(name, value).unwrap_err();
            assert_eq!(refused.to_string(), error);
        };
        check("log.format", "json", "setting `log.format` needs a restart");
        check(
            "log.leve",
            "debug",
            "unknown setting `log.leve`. Did you mean `log.level`?",
        );
        check(
            "log.level",
            "loud",
            "bad value for setting `log.level`: \"loud\". Allowed: one of trace, debug, info, \
             warning, error, none",
        );
    }
}
