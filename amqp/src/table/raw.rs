//! Tables as the bytes that came. Walking one allocates nothing.

use std::collections::BTreeMap;

use amq_protocol::types::{AMQPValue, DecimalValue, FieldArray, FieldTable, ShortString};

use super::MAX_DEPTH;
use crate::Malformed;
use crate::reader::Reader;

/// The entries of a table, without the length in front of them.
///
/// Invariant: they were validated, so that walking them cannot fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RawTable<'a>(&'a [u8]);

/// The values of an array, without the length in front of them. Validated like a [`RawTable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RawArray<'a>(&'a [u8]);

/// A value in a table or array. Integers keep the width that they came with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RawValue<'a> {
    /// `t`
    Boolean(bool),
    /// `b`
    ShortShortInt(i8),
    /// `B`
    ShortShortUInt(u8),
    /// `s`
    ShortInt(i16),
    /// `u`
    ShortUInt(u16),
    /// `I`
    LongInt(i32),
    /// `i`
    LongUInt(u32),
    /// `l`, and `L` which is never sent
    LongLongInt(i64),
    /// `f`
    Float(f32),
    /// `d`
    Double(f64),
    /// `D`
    Decimal {
        /// How many digits stand behind the point.
        scale: u8,
        /// The digits.
        value: u32,
    },
    /// `S`, not necessarily UTF-8
    LongString(&'a [u8]),
    /// `x`
    ByteArray(&'a [u8]),
    /// `A`
    Array(RawArray<'a>),
    /// `T`, seconds since the Unix epoch
    Timestamp(u64),
    /// `F`
    Table(RawTable<'a>),
    /// `V`
    Void,
}

/// Checks the entries of a table (no length in front), and everything nested in them
/// at most `max_depth` deep.
pub fn validate(bytes: &[u8], max_depth: usize) -> Result<(), Malformed> {
    let left = max_depth.checked_sub(1).ok_or(Malformed::TooDeep)?;
    let mut reader = Reader(bytes);
    while !reader.0.is_empty() {
        reader.short_string()?;
        validate_value(&mut reader, left)?;
    }
    Ok(())
}

fn validate_array(bytes: &[u8], max_depth: usize) -> Result<(), Malformed> {
    let left = max_depth.checked_sub(1).ok_or(Malformed::TooDeep)?;
    let mut reader = Reader(bytes);
    while !reader.0.is_empty() {
        validate_value(&mut reader, left)?;
    }
    Ok(())
}

fn validate_value(reader: &mut Reader<'_>, depth_left: usize) -> Result<(), Malformed> {
    match read_value(reader)? {
        RawValue::Table(table) => validate(table.0, depth_left),
        RawValue::Array(array) => validate_array(array.0, depth_left),
        _ => Ok(()),
    }
}

/// Reads one value; the inside of a table or array is not looked at.
fn read_value<'a>(reader: &mut Reader<'a>) -> Result<RawValue<'a>, Malformed> {
    Ok(match reader.u8()? {
        b't' => RawValue::Boolean(reader.u8()? != 0),
        b'b' => RawValue::ShortShortInt(i8::from_be_bytes(reader.array()?)),
        b'B' => RawValue::ShortShortUInt(reader.u8()?),
        b's' => RawValue::ShortInt(i16::from_be_bytes(reader.array()?)),
        b'u' => RawValue::ShortUInt(reader.u16()?),
        b'I' => RawValue::LongInt(i32::from_be_bytes(reader.array()?)),
        b'i' => RawValue::LongUInt(reader.u32()?),
        b'l' | b'L' => RawValue::LongLongInt(i64::from_be_bytes(reader.array()?)),
        b'f' => RawValue::Float(f32::from_be_bytes(reader.array()?)),
        b'd' => RawValue::Double(f64::from_be_bytes(reader.array()?)),
        b'D' => RawValue::Decimal {
            scale: reader.u8()?,
            value: reader.u32()?,
        },
        b'S' => RawValue::LongString(reader.long_bytes()?),
        b'x' => RawValue::ByteArray(reader.long_bytes()?),
        b'A' => RawValue::Array(RawArray(reader.long_bytes()?)),
        b'T' => RawValue::Timestamp(reader.u64()?),
        b'F' => RawValue::Table(RawTable(reader.long_bytes()?)),
        b'V' => RawValue::Void,
        other => return Err(Malformed::UnknownFieldType(other)),
    })
}

impl<'a> RawTable<'a> {
    /// The table whose entries `bytes` are, without a length in front of them.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        validate(bytes, MAX_DEPTH)?;
        Ok(Self(bytes))
    }

    /// A table whose entries were checked before.
    #[inline]
    pub(crate) fn checked(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Reads a table with its length from the front of `reader`.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        Self::parse(reader.long_bytes()?)
    }

    /// The encoded entries, without a length in front of them.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries as they came, duplicates included.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, RawValue<'a>)> + use<'a> {
        self.spans().map(|(name, value, _)| (name, value))
    }

    /// The entries, each with all its bytes.
    pub(crate) fn spans(
        &self,
    ) -> impl Iterator<Item = (&'a str, RawValue<'a>, &'a [u8])> + use<'a> {
        let mut reader = Reader(self.0);
        std::iter::from_fn(move || {
            let from = reader.0;
            let name = reader.short_string().ok()?;
            let value = read_value(&mut reader).ok()?;
            Some((name, value, &from[..from.len() - reader.0.len()]))
        })
    }

    /// The first entry with this name.
    pub fn get(&self, name: &str) -> Option<RawValue<'a>> {
        self.iter()
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    /// The same as `amq-protocol`'s table; of duplicates the first.
    pub fn to_field_table(&self) -> FieldTable {
        let mut entries = BTreeMap::new();
        for (name, value) in self.iter() {
            entries
                .entry(ShortString::from(name))
                .or_insert_with(|| value.to_value());
        }
        entries.into()
    }
}

impl<'a> RawArray<'a> {
    /// The values in order.
    pub fn iter(&self) -> impl Iterator<Item = RawValue<'a>> + use<'a> {
        let mut reader = Reader(self.0);
        std::iter::from_fn(move || read_value(&mut reader).ok())
    }
}

impl<'a> RawValue<'a> {
    /// The number, whatever integer type it came as.
    pub fn integer(&self) -> Option<i64> {
        Some(match *self {
            Self::ShortShortInt(number) => number.into(),
            Self::ShortShortUInt(number) => number.into(),
            Self::ShortInt(number) => number.into(),
            Self::ShortUInt(number) => number.into(),
            Self::LongInt(number) => number.into(),
            Self::LongUInt(number) => number.into(),
            Self::LongLongInt(number) => number,
            _ => return None,
        })
    }

    /// The text of a long string.
    pub fn string(&self) -> Option<&'a str> {
        match self {
            Self::LongString(bytes) => str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The same as `amq-protocol`'s value.
    pub fn to_value(&self) -> AMQPValue {
        match *self {
            Self::Boolean(value) => AMQPValue::Boolean(value),
            Self::ShortShortInt(value) => AMQPValue::ShortShortInt(value),
            Self::ShortShortUInt(value) => AMQPValue::ShortShortUInt(value),
            Self::ShortInt(value) => AMQPValue::ShortInt(value),
            Self::ShortUInt(value) => AMQPValue::ShortUInt(value),
            Self::LongInt(value) => AMQPValue::LongInt(value),
            Self::LongUInt(value) => AMQPValue::LongUInt(value),
            Self::LongLongInt(value) => AMQPValue::LongLongInt(value),
            Self::Float(value) => AMQPValue::Float(value),
            Self::Double(value) => AMQPValue::Double(value),
            Self::Decimal { scale, value } => {
                AMQPValue::DecimalValue(DecimalValue { scale, value })
            }
            Self::LongString(bytes) => AMQPValue::LongString(bytes.into()),
            Self::ByteArray(bytes) => AMQPValue::ByteArray(bytes.into()),
            Self::Array(array) => AMQPValue::FieldArray(FieldArray::from(
                array
                    .iter()
                    .map(|value| value.to_value())
                    .collect::<Vec<_>>(),
            )),
            Self::Timestamp(value) => AMQPValue::Timestamp(value),
            Self::Table(table) => AMQPValue::FieldTable(table.to_field_table()),
            Self::Void => AMQPValue::Void,
        }
    }
}
