//! Which files hold the configuration, and how TOML ones are read.
//!
//! A place is a file, whose `conf.d` beside it is read after it, or a directory that has `ferrymq.toml`,
//! `rabbitmq.conf` and `conf.d`. The last part of a file's name says which format it has.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use toml::de::{DeTable, DeValue};

use super::error::ConfigError;
use super::keys::keys;
use super::load::Loader;
use super::rabbitmq;
use super::values::Value;

/// What a directory may have, in the order of reading.
const IN_DIRECTORY: [&str; 2] = ["ferrymq.toml", "rabbitmq.conf"];
/// The directory of further files, read in the order of their names.
const FURTHER: &str = "conf.d";

/// Reads all files of `place`.
pub(super) fn read(loader: &mut Loader, place: &Path) {
    let files = match files(place) {
        Ok(files) => files,
        Err(error) => {
            let path = place.to_owned();
            return loader.problem(ConfigError::Unreadable { path, error });
        }
    };
    for path in files {
        match fs::read_to_string(&path) {
            Ok(text) => read_text(
                loader,
                &path,
                text.strip_prefix('\u{feff}').unwrap_or(&text),
            ),
            Err(error) => loader.problem(ConfigError::Unreadable {
                path: path.clone(),
                error,
            }),
        }
        loader.loaded.files.push(path);
    }
}

fn files(place: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(place)?.is_dir() {
        let mut files = vec![place.to_owned()];
        let beside = place.parent().map(|parent| parent.join(FURTHER));
        let own = place.extension();
        files.extend(
            further(beside.as_deref())?
                .into_iter()
                .filter(|file| file.extension() == own),
        );
        return Ok(files);
    }
    let named = IN_DIRECTORY.iter().map(|name| place.join(name));
    let mut files: Vec<_> = named.filter(|file| file.exists()).collect();
    files.extend(further(Some(&place.join(FURTHER)))?);
    Ok(files)
}

fn further(directory: Option<&Path>) -> io::Result<Vec<PathBuf>> {
    let Some(directory) = directory.filter(|directory| directory.is_dir()) else {
        return Ok(Vec::new());
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let file = entry?.path();
        if is_a(&file, "toml") || is_a(&file, "conf") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn is_a(file: &Path, extension: &str) -> bool {
    file.extension().is_some_and(|own| own == extension)
}

fn read_text(loader: &mut Loader, path: &Path, text: &str) {
    if is_a(path, "conf") {
        rabbitmq::read(loader, path, text);
    } else if is_a(path, "config") {
        loader.problem(ConfigError::Unclear {
            origin: path.display().to_string(),
            why: "this file holds Erlang terms, which are not read. Write its settings as TOML, or as \
                  a rabbitmq.conf (docs/rabbitmq-conf.md lists the keys)"
                .to_owned(),
        });
    } else {
        read_toml(loader, path, text);
    }
}

fn read_toml(loader: &mut Loader, path: &Path, text: &str) {
    let line_of = |at: usize| 1 + text[..at].matches('\n').count();
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            return loader.problem(ConfigError::NotToml {
                path: path.to_owned(),
                line: line_of(error.span().map_or(0, |span| span.start)),
                error,
            });
        }
    };
    let place = |span: Range<usize>| Place {
        path,
        line: line_of(span.start),
    };
    let mut settings = Vec::new();
    collect(document.get_ref(), "", &mut settings);
    // In the order of the file, so that the problems come in that order, too.
    settings.sort_by_key(|(span, ..)| span.start);
    for (span, name, value) in settings {
        loader.set(&name, &value, &place(span));
    }
}

/// Collects what stands in a table whose settings' names begin with `prefix`: where, the name, the value.
fn collect(table: &DeTable<'_>, prefix: &str, settings: &mut Vec<(Range<usize>, String, Value)>) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        let inside = format!("{name}.");
        let has_settings = || keys().iter().any(|key| key.name.starts_with(&inside));
        match value.get_ref() {
            DeValue::Table(table) if prefix.is_empty() || has_settings() => {
                collect(table, &inside, settings);
            }
            other => settings.push((key.span(), name, plain(other))),
        }
    }
}

/// A line of a file.
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) line: usize,
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
        DeValue::Table(table) => words_of(table),
    }
}

/// A table of words is another way to write the list `name=word`.
fn words_of(table: &DeTable<'_>) -> Value {
    let words = table.iter().map(|(name, value)| match value.get_ref() {
        DeValue::String(word) => Some(format!("{}={word}", name.get_ref())),
        _ => None,
    });
    match words.collect() {
        Some(words) => Value::List(words),
        None => Value::Other("a table"),
    }
}
