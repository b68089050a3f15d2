//! Field tables: borrowed from their bytes ([`RawTable`]), and typed look-ups in `amq-protocol`'s.
//!
//! ```text
//! table  u32 bytes, then entries: shortstr name, value      array  u32 bytes, then values
//! value  one octet naming the type, then its bytes
//! ```
//!
//! Of two entries with one name the first counts.

mod encode;
mod lookup;
mod raw;
mod writer;

pub use encode::{encode_table, encode_value};
pub(crate) use encode::{short_string, with_length};
pub use lookup::{boolean, get, integer, integer_value, string, string_value, type_name};
pub use raw::{RawArray, RawTable, RawValue, validate};
pub(crate) use writer::write_table;
pub use writer::{ArrayWriter, TableWriter};

/// How deep tables and arrays may be nested; the outermost table is at depth 1.
pub const MAX_DEPTH: usize = 64;
