//! Settings under RabbitMQ's names: what each means here. The names: `config/rabbitmq/keys.rs` for
//! `rabbitmq.conf`, `config/variables.rs` for the environment.

use std::fmt;

use super::Config;
use super::error::ConfigError;
use super::keys::find;
use super::load::{Loader, shown};
use super::values::Value;

/// A name of RabbitMQ's.
pub struct Row {
    /// As people write it. A `*` stands for one part between points, `**` at the end for one or more.
    pub name: &'static str,
    /// What it does here.
    pub effect: Effect,
}

/// What a name of RabbitMQ's does here.
pub enum Effect {
    /// Our setting of this name takes the value as it is.
    Same(&'static str),
    /// Our setting of this name becomes what is made of the value.
    Sets {
        /// Our setting.
        setting: &'static str,
        /// What the value may be, to be read after "allowed:".
        allowed: &'static str,
        /// Makes it.
        apply: Apply,
    },
    /// Nothing, for this reason.
    Nothing(&'static str),
}

/// Changes the configuration as a value asks.
pub type Apply = fn(&mut Config, &Given<'_>) -> Outcome;

/// A value, and what the stars of its name stand for.
pub struct Given<'a> {
    /// The value.
    pub value: &'a str,
    /// What the last star stands for; empty if there is none.
    pub star: &'a str,
}

/// What became of a value.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It counts.
    Set,
    /// It is not allowed.
    Bad,
    /// It is fine, but does nothing here, for this reason.
    Ignored(&'static str),
}

impl Outcome {
    /// Not allowed if there is nothing.
    pub(super) fn of(done: Option<()>) -> Self {
        done.map_or(Self::Bad, |()| Self::Set)
    }
}

pub(super) const fn same(name: &'static str, setting: &'static str) -> Row {
    Row {
        name,
        effect: Effect::Same(setting),
    }
}

pub(super) const fn sets(
    name: &'static str,
    setting: &'static str,
    allowed: &'static str,
    apply: Apply,
) -> Row {
    Row {
        name,
        effect: Effect::Sets {
            setting,
            allowed,
            apply,
        },
    }
}

pub(super) const fn nothing(name: &'static str, why: &'static str) -> Row {
    Row {
        name,
        effect: Effect::Nothing(why),
    }
}

impl Row {
    /// What its last star stands for in `name`; `None` if that is another name.
    pub(super) fn star_in<'a>(&self, name: &'a str) -> Option<&'a str> {
        let mut star = "";
        let mut rest = name;
        for pattern in self.name.split('.') {
            if pattern == "**" {
                return (!rest.is_empty()).then_some(rest);
            }
            let (part, after) = rest.split_once('.').unwrap_or((rest, ""));
            match pattern {
                "*" if !part.is_empty() => star = part,
                _ if pattern == part => {}
                _ => return None,
            }
            rest = after;
        }
        rest.is_empty().then_some(star)
    }
}

impl Loader {
    /// Does what `row` says for `written`, a name that it fits, which stands at `origin`.
    pub(super) fn take(
        &mut self,
        row: &Row,
        written: &str,
        given: &Given<'_>,
        origin: &dyn fmt::Display,
    ) {
        let (setting, allowed, outcome) = match row.effect {
            Effect::Same(setting) => {
                let key = find(setting).expect("a setting of ours");
                let done = (key.set)(&mut self.loaded.config, &Value::from(given.value));
                (key.name, key.allowed, Outcome::of(done))
            }
            Effect::Sets {
                setting,
                allowed,
                apply,
            } => (setting, allowed, apply(&mut self.loaded.config, given)),
            Effect::Nothing(why) => ("", "", Outcome::Ignored(why)),
        };
        match outcome {
            Outcome::Set => self.set_origin(setting, origin),
            Outcome::Bad => self.problem(ConfigError::BadValue {
                key: written.to_owned(),
                value: shown(written, &Value::from(given.value)),
                origin: origin.to_string(),
                allowed,
            }),
            Outcome::Ignored(why) => {
                let warning = format!("`{written}` ({origin}) has no effect: {why}");
                self.warn_once(row.name, warning);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_parts() {
        let check = |pattern: &'static str, name: &str, star: Option<&str>| {
            assert_eq!(nothing(pattern, "").star_in(name), star, "{pattern} {name}");
        };
        check("heartbeat", "heartbeat", Some(""));
        check("heartbeat", "heartbeat.x", None);
        check("listeners.tcp.*", "listeners.tcp.default", Some("default"));
        check("listeners.tcp.*", "listeners.tcp", None);
        check("log.*.level", "log.queue.level", Some("queue"));
        check("log.*.level", "log.queue.file", None);
        check("mqtt.**", "mqtt.listeners.tcp.1", Some("listeners.tcp.1"));
        check("mqtt.**", "mqtt", None);
    }
}
