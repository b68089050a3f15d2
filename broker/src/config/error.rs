//! What can be wrong with a configuration, in words that name the setting, what it holds and what it
//! may hold.

use std::path::PathBuf;
use std::{fmt, io};

use super::keys::keys;

/// How alike two names are at least, from 0 to 1, for one to be a misspelling of the other.
const ALIKE: f64 = 0.75;

/// Something that is wrong with the configuration.
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
    #[error("the configuration file {}:{line} is not valid TOML:\n{error}", path.display())]
    NotToml {
        /// Which file.
        path: PathBuf,
        /// In which line.
        line: usize,
        /// Where and why.
        error: toml::de::Error,
    },
    /// A file or a line of it can't be understood.
    #[error("{origin}: {why}")]
    Unclear {
        /// The file, with the line if it is one.
        origin: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such setting.
    #[error("unknown setting `{key}` = {value} ({origin}){suggestion}")]
    UnknownKey {
        /// As it was written.
        key: String,
        /// Likewise.
        value: String,
        /// File and line, variable or flag.
        origin: String,
        /// What was probably meant, and what there is, in words.
        suggestion: String,
    },
    /// The setting can't hold this value.
    #[error("bad value for setting `{key}`: {value} ({origin}). Allowed: {allowed}")]
    BadValue {
        /// The setting.
        key: String,
        /// As it was written; stars for a secret.
        value: String,
        /// File and line, variable or flag.
        origin: String,
        /// What it may hold.
        allowed: &'static str,
    },
}

/// Everything that is wrong with the configuration, in the order of its sources. Nothing starts.
#[derive(Debug)]
pub struct Problems(pub Vec<ConfigError>);

impl fmt::Display for Problems {
    /// A line for each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What `name` is probably a misspelling of, else what its section has.
pub(super) fn suggestion(name: &str) -> String {
    let names = || keys().iter().map(|key| key.name);
    if let Some(meant) = closest(name, names()) {
        return format!(". Did you mean `{meant}`?");
    }
    let section = name.split_once('.').map_or("", |(section, _)| section);
    let inside = names().filter(|name| name.split_once('.').is_some_and(|(own, _)| own == section));
    let inside: Vec<_> = inside.collect();
    match inside.is_empty() {
        true => ". `ferrymq config print` lists all settings".to_owned(),
        false => format!(". Allowed: {}", inside.join(", ")),
    }
}

/// Which of `names` is most like `name`, if one is.
pub(super) fn closest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|known| (strsim::normalized_damerau_levenshtein(name, known), known))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelled_names_are_recognised() {
        let check = |name: &str, expected: &str| assert_eq!(suggestion(name), expected, "{name}");
        check("amqp.hartbeat", ". Did you mean `amqp.heartbeat`?");
        check("ampq.listen", ". Did you mean `amqp.listen`?");
        check(
            "metrics.colour",
            ". Allowed: metrics.listen, metrics.path, metrics.return_per_object_metrics, metrics.authentication",
        );
        check("sails", ". `ferrymq config print` lists all settings");
    }

    #[test]
    fn every_problem_has_a_line() {
        let problem = |why: &str| ConfigError::Unclear {
            origin: "f:1".to_owned(),
            why: why.to_owned(),
        };
        let problems = Problems(vec![problem("a"), problem("b")]);
        assert_eq!(problems.to_string(), "f:1: a\nf:1: b");
    }
}
