//! The form of a line: for people in RabbitMQ's shape, for programs as JSON.
//!
//! ```text
//! 2026-11-20 11:50:41.123456+00:00 [info] <7> connection 127.0.0.1:41876: user 'guest' …
//! date and time of day, in UTC     level  connection, 0: none
//! ```

use std::fmt::{self, Write as _};

use ferrymq_broker::config::LogFormat;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::journal;

/// Fields which the message of a line already tells people: they are for programs.
const TOLD: [&str; 7] = ["conn", "peer", "user", "vhost", "channel", "queue", "code"];

/// How lines are written.
pub(super) struct Lines {
    pub(super) format: LogFormat,
    /// Each line begins with its priority, for systemd's journal.
    pub(super) for_journal: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut entry = Entry::default();
        event.record(&mut entry);
        let time = now()?;
        let level = *event.metadata().level();
        let priority = if self.for_journal {
            journal::priority(level)
        } else {
            ""
        };
        let level = level_name(level);
        match self.format {
            LogFormat::Text => text(writer, &format!("{priority}{time}"), level, &entry),
            LogFormat::Json => {
                write!(writer, "{priority}")?;
                json(writer, &time, level, entry)
            }
        }
    }
}

/// `2026-11-20 11:50:41.123456+00:00`
fn now() -> Result<String, fmt::Error> {
    let mut rfc3339 = String::with_capacity(32);
    SystemTime.format_time(&mut Writer::new(&mut rfc3339))?;
    Ok(rfc3339.replacen('T', " ", 1).replace('Z', "+00:00"))
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// What was logged: a message and fields.
#[derive(Default)]
struct Entry {
    message: String,
    fields: Map<String, Value>,
}

impl Entry {
    fn put(&mut self, field: &Field, value: Value) {
        self.fields.insert(field.name().to_owned(), value);
    }
}

impl Visit for Entry {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let value = format!("{value:?}");
        match field.name() {
            "message" => self.message = value,
            _ => self.put(field, value.into()),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

/// Every line of a message has the whole prefix, which `time` begins.
fn text(mut writer: Writer<'_>, time: &str, level: &str, entry: &Entry) -> fmt::Result {
    let connection = entry.fields.get("conn").and_then(Value::as_u64);
    let mut message = entry.message.clone();
    for (name, value) in &entry.fields {
        if !TOLD.contains(&name.as_str()) {
            write!(message, " {name}={value}")?;
        }
    }
    for line in message.lines() {
        let connection = connection.unwrap_or(0);
        writeln!(writer, "{time} [{level}] <{connection}> {line}")?;
    }
    Ok(())
}

fn json(mut writer: Writer<'_>, time: &str, level: &str, entry: Entry) -> fmt::Result {
    let mut object = Map::new();
    object.insert("time".to_owned(), time.into());
    object.insert("level".to_owned(), level.into());
    object.insert("msg".to_owned(), entry.message.into());
    object.extend(entry.fields);
    writeln!(writer, "{}", Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(message: &str, fields: &[(&str, Value)]) -> Entry {
        let fields = fields.iter().cloned();
        Entry {
            message: message.to_owned(),
            fields: fields
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }
    }

    fn as_text(entry: &Entry) -> String {
        let mut out = String::new();
        text(Writer::new(&mut out), "TIME", "info", entry).unwrap();
        out
    }

    #[test]
    fn a_line_names_its_connection() {
        let of_connection = entry("hello", &[("conn", 7.into()), ("vhost", "/".into())]);
        assert_eq!(as_text(&of_connection), "TIME [info] <7> hello\n");
        assert_eq!(as_text(&entry("hello", &[])), "TIME [info] <0> hello\n");
    }

    #[test]
    fn other_fields_follow_the_message() {
        let with_fields = entry("lost", &[("messages", 3.into()), ("why", "torn".into())]);
        assert_eq!(
            as_text(&with_fields),
            "TIME [info] <0> lost messages=3 why=\"torn\"\n"
        );
    }

    #[test]
    fn every_line_has_the_prefix() {
        let forged = entry("a\nTIME [info] <0> b", &[]);
        assert_eq!(
            as_text(&forged),
            "TIME [info] <0> a\nTIME [info] <0> TIME [info] <0> b\n"
        );
    }

    #[test]
    fn json_keeps_fields_apart() {
        let mut out = String::new();
        let entry = entry("a \"b\"", &[("conn", 7.into())]);
        json(Writer::new(&mut out), "TIME", "info", entry).unwrap();
        let found: Value = serde_json::from_str(&out).unwrap();
        let expected = serde_json::json!({
            "time": "TIME", "level": "info", "msg": "a \"b\"", "conn": 7,
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn times_are_in_utc_with_a_space() {
        let time = now().unwrap();
        assert_eq!(time.len(), "2026-11-20 11:50:41.123456+00:00".len());
        assert!(time.ends_with("+00:00") && time.as_bytes()[10] == b' ');
    }
}
