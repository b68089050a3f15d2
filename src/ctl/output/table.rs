//! Values separated by tabs. Compat: an empty list has no header.

use std::io::{self, Write};

use serde_json::Value;

use super::plain;

pub(super) fn write(
    out: &mut impl Write,
    headers: bool,
    columns: &[&str],
    rows: &[Vec<Value>],
) -> io::Result<()> {
    if headers && !rows.is_empty() {
        writeln!(out, "{}", columns.join("\t"))?;
    }
    for row in rows {
        let values: Vec<_> = row.iter().map(plain).collect();
        writeln!(out, "{}", values.join("\t"))?;
    }
    Ok(())
}
