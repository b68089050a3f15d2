//! The shape of every method's arguments, so that they can be checked before anything is built of them.

use crate::Malformed;
use crate::reader::Reader;
use crate::table::RawTable;

/// One field of a method's arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// Up to eight bits packed into one octet, or a number.
    Octet,
    Short,
    Long,
    LongLong,
    ShortString,
    LongString,
    Table,
}

/// A method: its numbers, its name, its arguments.
pub(crate) struct Signature {
    pub(crate) class: u16,
    pub(crate) method: u16,
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
}

impl Signature {
    /// The method with these numbers.
    pub(crate) fn of(class: u16, method: u16) -> Option<&'static Self> {
        ALL.iter()
            .find(|known| known.class == class && known.method == method)
    }

    /// Walks `arguments`: each field whole, nothing behind the last. Returns the last table.
    pub(crate) fn check<'a>(&self, arguments: &'a [u8]) -> Result<RawTable<'a>, Malformed> {
        let mut reader = Reader(arguments);
        let mut table = RawTable::default();
        for field in self.fields {
            match field {
                Field::Octet => drop(reader.u8()?),
                Field::Short => drop(reader.u16()?),
                Field::Long => drop(reader.u32()?),
                Field::LongLong => drop(reader.u64()?),
                Field::ShortString => drop(reader.short_string()?),
                Field::LongString => drop(reader.long_bytes()?),
                Field::Table => table = RawTable::read(&mut reader)?,
            }
        }
        reader.finish()?;
        Ok(table)
    }
}

macro_rules! signatures {
    ($($class:literal $method:literal $name:literal [$($field:ident)*])*) => {
        &[$(Signature {
            class: $class,
            method: $method,
            name: $name,
            fields: &[$(Field::$field),*],
        }),*]
    };
}

/// Every method, by class and number.
pub(crate) const ALL: &[Signature] = signatures! {
    10 10 "connection.start" [Octet Octet Table LongString LongString]
    10 11 "connection.start-ok" [Table ShortString LongString ShortString]
    10 20 "connection.secure" [LongString]
    10 21 "connection.secure-ok" [LongString]
    10 30 "connection.tune" [Short Long Short]
    10 31 "connection.tune-ok" [Short Long Short]
    10 40 "connection.open" [ShortString ShortString Octet]
    10 41 "connection.open-ok" [ShortString]
    10 50 "connection.close" [Short ShortString Short Short]
    10 51 "connection.close-ok" []
    10 60 "connection.blocked" [ShortString]
    10 61 "connection.unblocked" []
    10 70 "connection.update-secret" [LongString ShortString]
    10 71 "connection.update-secret-ok" []
    20 10 "channel.open" [ShortString]
    20 11 "channel.open-ok" [LongString]
    20 20 "channel.flow" [Octet]
    20 21 "channel.flow-ok" [Octet]
    20 40 "channel.close" [Short ShortString Short Short]
    20 41 "channel.close-ok" []
    30 10 "access.request" [ShortString Octet]
    30 11 "access.request-ok" [Short]
    40 10 "exchange.declare" [Short ShortString ShortString Octet Table]
    40 11 "exchange.declare-ok" []
    40 20 "exchange.delete" [Short ShortString Octet]
    40 21 "exchange.delete-ok" []
    40 30 "exchange.bind" [Short ShortString ShortString ShortString Octet Table]
    40 31 "exchange.bind-ok" []
    40 40 "exchange.unbind" [Short ShortString ShortString ShortString Octet Table]
    40 51 "exchange.unbind-ok" []
    50 10 "queue.declare" [Short ShortString Octet Table]
    50 11 "queue.declare-ok" [ShortString Long Long]
    50 20 "queue.bind" [Short ShortString ShortString ShortString Octet Table]
    50 21 "queue.bind-ok" []
    50 30 "queue.purge" [Short ShortString Octet]
    50 31 "queue.purge-ok" [Long]
    50 40 "queue.delete" [Short ShortString Octet]
    50 41 "queue.delete-ok" [Long]
    50 50 "queue.unbind" [Short ShortString ShortString ShortString Table]
    50 51 "queue.unbind-ok" []
    60 10 "basic.qos" [Long Short Octet]
    60 11 "basic.qos-ok" []
    60 20 "basic.consume" [Short ShortString ShortString Octet Table]
    60 21 "basic.consume-ok" [ShortString]
    60 30 "basic.cancel" [ShortString Octet]
    60 31 "basic.cancel-ok" [ShortString]
    60 40 "basic.publish" [Short ShortString ShortString Octet]
    60 50 "basic.return" [Short ShortString ShortString ShortString]
    60 60 "basic.deliver" [ShortString LongLong Octet ShortString ShortString]
    60 70 "basic.get" [Short ShortString Octet]
    60 71 "basic.get-ok" [LongLong Octet ShortString ShortString Long]
    60 72 "basic.get-empty" [ShortString]
    60 80 "basic.ack" [LongLong Octet]
    60 90 "basic.reject" [LongLong Octet]
    60 100 "basic.recover-async" [Octet]
    60 110 "basic.recover" [Octet]
    60 111 "basic.recover-ok" []
    60 120 "basic.nack" [LongLong Octet]
    85 10 "confirm.select" [Octet]
    85 11 "confirm.select-ok" []
    90 10 "tx.select" []
    90 11 "tx.select-ok" []
    90 20 "tx.commit" []
    90 21 "tx.commit-ok" []
    90 30 "tx.rollback" []
    90 31 "tx.rollback-ok" []
};
