//! Comma-separated values, all in quotes; what is no plain value is JSON.

use std::io::{self, Write};

use csv::{QuoteStyle, WriterBuilder};
use serde_json::Value;

pub(super) fn write(
    out: &mut impl Write,
    headers: bool,
    columns: &[&str],
    rows: &[Vec<Value>],
) -> io::Result<()> {
    let mut writer = WriterBuilder::new()
        .quote_style(QuoteStyle::Always)
        .from_writer(out);
    if headers {
        writer.write_record(columns)?;
    }
    for row in rows {
        writer.write_record(row.iter().map(field))?;
    }
    writer.flush()
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
