//! What can be wrong with encoded arguments, properties and tables.

/// Why bytes are not what they should be. Made without allocation or formatting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A length or a fixed-size field reaches past the end.
    #[error("ends too early")]
    Truncated,
    /// Everything was read, and something follows.
    #[error("{0} bytes left over")]
    Trailing(usize),
    /// A short string or a name in a table is not UTF-8.
    #[error("malformed UTF-8 in shortstr")]
    NotUtf8,
    /// A field type which does not exist.
    #[error("unknown field type {0:#04x}")]
    UnknownFieldType(u8),
    /// Tables and arrays nested deeper than [`MAX_DEPTH`](crate::table::MAX_DEPTH).
    #[error("tables nested too deeply")]
    TooDeep,
    /// A property flag which does not exist.
    #[error("unknown property flags {0:#06x}")]
    UnknownFlags(u16),
}
