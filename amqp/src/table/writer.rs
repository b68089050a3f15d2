//! Tables and arrays in the making: entry by entry, straight into their place.

use super::RawTable;
use super::encode::{long_bytes, short_string, tagged, with_length};

/// Appends entries to a table.
pub struct TableWriter<'a>(&'a mut Vec<u8>);

/// Appends values to an array.
pub struct ArrayWriter<'a>(&'a mut Vec<u8>);

/// Appends a table with its length; `entries` writes what is in it.
pub(crate) fn write_table(out: &mut Vec<u8>, entries: impl FnOnce(&mut TableWriter<'_>)) {
    with_length(out, |out| entries(&mut TableWriter(out)));
}

impl TableWriter<'_> {
    /// The entries of `table` whose names `keep` accepts, as they came.
    pub fn entries(&mut self, table: RawTable<'_>, keep: impl Fn(&str) -> bool) {
        for (_, _, entry) in table.spans().filter(|(name, _, _)| keep(name)) {
            self.0.extend_from_slice(entry);
        }
    }

    /// All entries of `table`, as they came.
    pub fn all(&mut self, table: RawTable<'_>) {
        self.0.extend_from_slice(table.as_bytes());
    }

    /// `S`
    pub fn string(&mut self, name: &str, text: &[u8]) {
        short_string(self.0, name);
        long_bytes(self.0, b'S', text);
    }

    /// `l`
    pub fn long(&mut self, name: &str, number: i64) {
        short_string(self.0, name);
        tagged(self.0, b'l', number.to_be_bytes());
    }

    /// `T`, in seconds.
    pub fn timestamp(&mut self, name: &str, seconds: u64) {
        short_string(self.0, name);
        tagged(self.0, b'T', seconds.to_be_bytes());
    }

    /// `A`
    pub fn array(&mut self, name: &str, values: impl FnOnce(&mut ArrayWriter<'_>)) {
        short_string(self.0, name);
        self.0.push(b'A');
        with_length(self.0, |out| values(&mut ArrayWriter(out)));
    }
}

impl ArrayWriter<'_> {
    /// `S`
    pub fn string(&mut self, text: &[u8]) {
        long_bytes(self.0, b'S', text);
    }

    /// `F`
    pub fn table(&mut self, entries: impl FnOnce(&mut TableWriter<'_>)) {
        self.0.push(b'F');
        write_table(self.0, entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::RawValue;

    fn written(entries: impl FnOnce(&mut TableWriter<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        write_table(&mut out, entries);
        out.split_off(4)
    }

    #[test]
    fn what_is_written_can_be_read() {
        let inner = written(|table| table.long("n", -7));
        let bytes = written(|table| {
            table.entries(RawTable::parse(&inner).unwrap(), |_| true);
            table.string("s", b"text");
            table.timestamp("t", 60);
            table.array("a", |array| {
                array.string(b"one");
                array.table(|table| table.string("deep", b""));
            });
        });
        let table = RawTable::parse(&bytes).unwrap();
        assert_eq!(table.get("n").unwrap().integer(), Some(-7));
        assert_eq!(table.get("s").unwrap().string(), Some("text"));
        assert_eq!(table.get("t"), Some(RawValue::Timestamp(60)));
        let Some(RawValue::Array(array)) = table.get("a") else {
            panic!("no array");
        };
        assert_eq!(array.iter().count(), 2);
        assert_eq!(written(|copy| copy.all(table)), bytes);
    }

    #[test]
    fn entries_can_be_left_out() {
        let both = written(|table| {
            table.long("a", 1);
            table.long("b", 2);
            table.long("a", 3);
        });
        let kept =
            written(|table| table.entries(RawTable::parse(&both).unwrap(), |name| name != "a"));
        assert_eq!(kept, written(|table| table.long("b", 2)));
    }
}
