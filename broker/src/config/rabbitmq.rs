//! `rabbitmq.conf`: a line for each setting, `key = value`. What the keys mean: `rabbitmq/keys.rs`.
//!
//! ```text
//! # a comment
//! listeners.tcp.default = 5672
//! default_pass = 'with # and spaces'    what is not quoted ends at a comment
//! default_user = $(BROKER_USER)         from the environment
//! ```

mod keys;

use std::path::Path;

use super::error::{ConfigError, closest};
use super::files::Place;
use super::foreign::{Given, Row};
use super::load::{Loader, shown};
use super::values::Value;

pub(super) use keys::{log_level, optional_host, optional_port};

/// All keys of `rabbitmq.conf` that are known here.
pub fn rows() -> &'static [Row] {
    keys::ROWS
}

/// A setting as it is written.
struct Line<'a> {
    number: usize,
    key: &'a str,
    value: String,
}

/// Takes what the file sets.
pub(super) fn read(loader: &mut Loader, path: &Path, text: &str) {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let number = index + 1;
        match line(loader, raw) {
            Ok(None) => {}
            Ok(Some((key, value))) => {
                // Compat: the last occurrence wins.
                lines.retain(|line| line.key != key);
                lines.push(Line { number, key, value });
            }
            Err(why) => loader.problem(ConfigError::Unclear {
                origin: Place { path, line: number }.to_string(),
                why,
            }),
        }
    }
    for family in keys::FAMILIES {
        if lines.iter().any(|line| line.key.starts_with(family)) {
            keys::clear(&mut loader.loaded.config, family);
        }
    }
    // Which directory the log's file is in, once the file is known.
    lines.sort_by_key(|line| (line.key == "log.dir", line.number));
    for Line { number, key, value } in lines {
        take(loader, key, &value, &Place { path, line: number });
    }
}

fn take(loader: &mut Loader, key: &str, value: &str, place: &Place<'_>) {
    let fitting = rows().iter().find_map(|row| Some((row, row.star_in(key)?)));
    if let Some((row, star)) = fitting {
        return loader.take(row, key, &Given { value, star }, place);
    }
    let names = rows().iter().map(|row| row.name);
    let names = names.filter(|name| !name.contains("**"));
    let names: Vec<String> = names.map(|name| with_parts_of(key, name)).collect();
    let suggestion = match closest(key, names.iter().map(String::as_str)) {
        Some(meant) => format!(". Did you mean `{meant}`?"),
        None => ". docs/rabbitmq-conf.md lists the keys that are known".to_owned(),
    };
    loader.problem(ConfigError::UnknownKey {
        key: key.to_owned(),
        value: shown(key, &Value::from(value)),
        origin: place.to_string(),
        suggestion,
    });
}

/// `name` with the parts of `key` where it has stars: what was meant, if only another part is misspelled.
fn with_parts_of(key: &str, name: &str) -> String {
    let own = key.split('.').chain(std::iter::repeat("*"));
    let parts = name.split('.').zip(own);
    let filled = parts.map(|(part, own)| if part == "*" { own } else { part });
    filled.collect::<Vec<_>>().join(".")
}

/// Key and value of a line; `None` for one without.
fn line<'a>(loader: &Loader, raw: &'a str) -> Result<Option<(&'a str, String)>, String> {
    let raw = raw.trim();
    if raw.is_empty() || raw.starts_with('#') {
        return Ok(None);
    }
    let (key, value) = raw
        .split_once('=')
        .ok_or_else(|| format!("'{raw}' is no line of the form key = value"))?;
    let (key, value) = (key.trim(), value.trim());
    let value = match value.strip_prefix('\'') {
        Some(quoted) => {
            unquoted(quoted).ok_or_else(|| format!("`{key}`: a quote is not closed"))?
        }
        None => value.split('#').next().unwrap_or_default().trim(),
    };
    if value.starts_with("encrypted:") {
        return Err(format!("`{key}`: encrypted values can't be read here"));
    }
    interpolated(loader, value)
        .map(|value| Some((key, value)))
        .map_err(|why| format!("`{key}`: {why}"))
}

/// What stands before the closing quote, if nothing but a comment follows it.
fn unquoted(quoted: &str) -> Option<&str> {
    let (value, rest) = quoted.rsplit_once('\'')?;
    let rest = rest.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        return Some(value);
    }
    None
}

/// With the environment's values for `$(NAME)`.
fn interpolated(loader: &Loader, value: &str) -> Result<String, String> {
    let mut done = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("$(") {
        let (name, after) = after
            .split_once(')')
            .ok_or_else(|| "$( is not closed".to_owned())?;
        let found = loader.environment.get(name);
        done += before;
        done += found.ok_or_else(|| format!("the environment has no variable {name}"))?;
        rest = after;
    }
    done += rest;
    Ok(done)
}

#[cfg(test)]
mod tests;
