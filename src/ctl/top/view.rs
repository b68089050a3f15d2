//! What `top` shows: some lines on the broker, then a table.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, TableStyle};
use serde_json::Value;

use super::Sort;
use crate::ctl::listing::lookup;
use crate::ctl::output::plain;

/// Which table, in which order.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub(super) sort: Sort,
    pub(super) connections: bool,
}

/// A column: its title, the field, and what kind of value that is.
type Column = (&'static str, &'static str, Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Count,
    Rate,
    Bytes,
}

const QUEUES: [Column; 9] = [
    ("queue", "name", Kind::Text),
    ("vhost", "vhost", Kind::Text),
    ("ready", "messages_ready", Kind::Count),
    ("unacked", "messages_unacknowledged", Kind::Count),
    ("consumers", "consumers", Kind::Count),
    (
        "publish/s",
        "message_stats.publish_details.rate",
        Kind::Rate,
    ),
    (
        "deliver/s",
        "message_stats.deliver_get_details.rate",
        Kind::Rate,
    ),
    ("ack/s", "message_stats.ack_details.rate", Kind::Rate),
    ("memory", "memory", Kind::Bytes),
];

const CONNECTIONS: [Column; 7] = [
    ("connection", "name", Kind::Text),
    ("user", "user", Kind::Text),
    ("vhost", "vhost", Kind::Text),
    ("state", "state", Kind::Text),
    ("channels", "channels", Kind::Count),
    ("in/s", "recv_oct_details.rate", Kind::Bytes),
    ("out/s", "send_oct_details.rate", Kind::Bytes),
];

impl View {
    fn columns(self) -> &'static [Column] {
        match self.connections {
            true => &CONNECTIONS,
            false => &QUEUES,
        }
    }

    /// The list to ask for, the fields of its rows, and the one that it is sorted by.
    pub(super) fn asks(self) -> (&'static str, &'static str, &'static str) {
        if self.connections {
            let columns = "name,user,vhost,state,channels,recv_oct_details,send_oct_details";
            return ("/api/connections", columns, "recv_oct_details.rate");
        }
        let columns =
            "name,vhost,messages_ready,messages_unacknowledged,consumers,message_stats,memory";
        let sort = match self.sort {
            Sort::Publish => "message_stats.publish_details.rate",
            Sort::Deliver => "message_stats.deliver_get_details.rate",
            Sort::Messages => "messages",
            Sort::Memory => "memory",
        };
        ("/api/queues", columns, sort)
    }

    /// Everything, in lines of at most `width` characters.
    pub(super) fn lines(self, overview: &Value, rows: &Value, width: u16) -> Vec<String> {
        let mut lines = head(overview);
        lines.push(String::new());
        let mut table = Table::new();
        table.load_style(TableStyle::new());
        if width < u16::MAX {
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width);
        }
        table.set_header(self.columns().iter().map(|(title, ..)| *title));
        for row in rows.as_array().into_iter().flatten() {
            let cells = self.columns().iter().map(|column| cell(row, *column));
            let mut row = Row::from(cells);
            row.max_height(1);
            table.add_row(row);
        }
        for (column, (.., kind)) in table.column_iter_mut().zip(self.columns()) {
            if *kind != Kind::Text {
                column.set_cell_alignment(CellAlignment::Right);
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        lines.extend(table.lines().map(|line| line.trim_end().to_owned()));
        lines
    }
}

fn head(overview: &Value) -> Vec<String> {
    let said = |field: &str| plain(lookup(overview, field));
    let total = |field: &str| said(&format!("object_totals.{field}"));
    let rate = |kind: &str| {
        let field = format!("message_stats.{kind}_details.rate");
        number(lookup(overview, &field), Kind::Rate)
    };
    vec![
        format!(
            "{} {}  {}",
            said("product_name"),
            said("product_version"),
            said("node")
        ),
        format!(
            "connections {}  channels {}  consumers {}  queues {}  exchanges {}",
            total("connections"),
            total("channels"),
            total("consumers"),
            total("queues"),
            total("exchanges"),
        ),
        format!(
            "messages: ready {}  unacked {}",
            said("queue_totals.messages_ready"),
            said("queue_totals.messages_unacknowledged"),
        ),
        format!(
            "a second: publish {}  deliver {}  ack {}",
            rate("publish"),
            rate("deliver_get"),
            rate("ack"),
        ),
    ]
}

fn cell(row: &Value, (_, field, kind): Column) -> String {
    let value = lookup(row, field);
    match kind {
        Kind::Text | Kind::Count => plain(value),
        kind => number(value, kind),
    }
}

/// A rate or an amount of bytes, short. What is not there is nothing.
fn number(value: &Value, kind: Kind) -> String {
    let Some(number) = value.as_f64() else {
        return "0".to_owned();
    };
    let units = ["", "k", "M", "G", "T"];
    let mut number = number;
    let mut unit = 0;
    while kind == Kind::Bytes && number >= 1000.0 && unit + 1 < units.len() {
        number /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{number:.0}"),
        unit => format!("{number:.1}{}", units[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const VIEW: View = View {
        sort: Sort::Publish,
        connections: false,
    };

    #[test]
    fn numbers_are_short() {
        let check = |value: Value, kind, expected: &str| assert_eq!(number(&value, kind), expected);
        check(json!(0.4), Kind::Rate, "0");
        check(json!(12345.6), Kind::Rate, "12346");
        check(json!(999), Kind::Bytes, "999");
        check(json!(1_540_000), Kind::Bytes, "1.5M");
        check(Value::Null, Kind::Rate, "0");
    }

    #[test]
    fn rows_fit_the_terminal() {
        let name = "a".repeat(300);
        let rows = json!([{"name": name, "vhost": "/", "messages_ready": 7}]);
        let lines = VIEW.lines(&json!({"node": "n"}), &rows, 80);
        assert!(
            lines.iter().all(|line| line.chars().count() <= 80),
            "{lines:#?}"
        );
        assert_eq!(lines.len(), 7, "{lines:#?}");
        assert!(lines[6].contains(" 7 "), "{lines:#?}");
    }

    #[test]
    fn both_views_have_their_columns() {
        let connections = View {
            connections: true,
            ..VIEW
        };
        let rows = json!([{"name": "c", "recv_oct_details": {"rate": 2000.0}}]);
        let lines = connections.lines(&json!({}), &rows, u16::MAX);
        assert!(lines[5].starts_with(" connection "), "{lines:#?}");
        assert!(lines[6].contains("2.0k"), "{lines:#?}");
        assert_eq!(VIEW.asks().0, "/api/queues");
    }
}
