//! A table with lines around its cells, which wrap where the terminal ends.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle};
use serde_json::Value;

use super::plain;

/// Compat: the lines that rabbitmqctl draws.
const LINES: TableStyle = TableStyle::new()
    .top_border(LineStyle::new('┌', '─', '┬', '┐'))
    .header_lines(ContentLineStyle::new('│', '│', '│'))
    .header_separator(LineStyle::new('├', '─', '┼', '┤'))
    .content_lines(ContentLineStyle::new('│', '│', '│'))
    .bottom_border(LineStyle::new('└', '─', '┴', '┘'));

pub(super) fn write(
    out: &mut impl Write,
    headers: bool,
    columns: &[&str],
    rows: &[Vec<Value>],
) -> io::Result<()> {
    let mut table = Table::new();
    table
        .load_style(LINES)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if headers {
        table.set_header(columns);
    }
    table.add_rows(rows.iter().map(|row| row.iter().map(plain)));
    writeln!(out, "{table}")
}
