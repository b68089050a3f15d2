//! An array of objects. Compat: one per line, with the comma in front, as scripts cut it.

use std::io::{self, Write};

use serde_json::Value;

pub(super) fn write(out: &mut impl Write, columns: &[&str], rows: &[Vec<Value>]) -> io::Result<()> {
    writeln!(out, "[")?;
    for (index, row) in rows.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(out, "{comma}{{")?;
        for (index, (column, value)) in columns.iter().zip(row).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(out, "{comma}{}:{value}", Value::from(*column))?;
        }
        writeln!(out, "}}")?;
    }
    writeln!(out, "]")
}
