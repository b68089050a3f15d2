//! What a setting is: its name, what it may hold, where it goes. The settings themselves:
//! `config/table.rs`.

use super::Config;
use super::table::KEYS;
use super::values::Value;

/// One setting.
pub struct Key {
    /// `section.key`, or `key` alone. In the environment: `FERRYMQ_SECTION_KEY`.
    pub name: &'static str,
    /// What it may hold, to be read after "allowed:".
    pub allowed: &'static str,
    /// What it is for, in a line.
    pub about: &'static str,
    /// May it change while the broker runs?
    pub live: bool,
    /// Is its value kept out of messages?
    pub(super) secret: bool,
    /// `None` when the value is not allowed.
    pub(super) set: Set,
    /// What it holds, as `set` would take it.
    pub(super) get: Get,
}

pub(super) type Set = fn(&mut Config, &Value) -> Option<()>;
pub(super) type Get = fn(&Config) -> Value;

/// All settings, in the order of a configuration file.
pub fn keys() -> &'static [Key] {
    KEYS
}

/// The setting called `name`.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

pub(super) const fn key(
    name: &'static str,
    allowed: &'static str,
    about: &'static str,
    get: Get,
    set: Set,
) -> Key {
    Key {
        name,
        allowed,
        about,
        live: false,
        secret: false,
        set,
        get,
    }
}

impl Key {
    /// It may change while the broker runs.
    pub(super) const fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// Its value is kept out of messages.
    pub(super) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// The part of the name before the point; empty for a key outside sections.
    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// The variable that sets it.
    pub fn variable(&self) -> String {
        format!("FERRYMQ_{}", self.name.replace('.', "_").to_uppercase())
    }

    /// Its value in `config` as it would stand in a TOML file.
    pub fn toml(&self, config: &Config) -> String {
        (self.get)(config).to_string()
    }

    /// As [`Key::toml`], but stars for a secret.
    pub fn shown(&self, config: &Config) -> String {
        self.masked(&(self.get)(config))
    }

    pub(super) fn masked(&self, value: &Value) -> String {
        match self.secret {
            true => "***".to_owned(),
            false => value.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_takes_back_the_default_that_it_gives() {
        for key in keys() {
            let value = (key.get)(&Config::default());
            let mut config = Config::default();
            assert!((key.set)(&mut config, &value).is_some(), "{}", key.name);
            assert_eq!((key.get)(&config), value, "{}", key.name);
        }
    }

    #[test]
    fn names_stand_once_and_sections_together() {
        let mut seen: Vec<&str> = Vec::new();
        for key in keys() {
            assert_eq!(find(key.name).map(|found| found.name), Some(key.name));
            match seen.contains(&key.section()) {
                true => assert_eq!(seen.last(), Some(&key.section()), "{}", key.name),
                false => seen.push(key.section()),
            }
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let key = find("auth.default_pass").unwrap();
        assert_eq!(key.shown(&Config::default()), "***");
        assert_eq!(key.toml(&Config::default()), "\"guest\"");
        assert_eq!(key.variable(), "FERRYMQ_AUTH_DEFAULT_PASS");
    }
}
