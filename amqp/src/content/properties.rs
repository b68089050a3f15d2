//! A look into encoded properties.

use super::ContentError;
use crate::Malformed;
use crate::reader::Reader;
use crate::table::RawTable;

/// A property; its number is its bit in the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the specification's names")]
pub enum Property {
    ContentType = 15,
    ContentEncoding = 14,
    Headers = 13,
    DeliveryMode = 12,
    Priority = 11,
    CorrelationId = 10,
    ReplyTo = 9,
    Expiration = 8,
    MessageId = 7,
    Timestamp = 6,
    Type = 5,
    UserId = 4,
    AppId = 3,
    ClusterId = 2,
}

impl Property {
    /// In the order of their values on the wire.
    pub const ALL: [Self; 14] = [
        Self::ContentType,
        Self::ContentEncoding,
        Self::Headers,
        Self::DeliveryMode,
        Self::Priority,
        Self::CorrelationId,
        Self::ReplyTo,
        Self::Expiration,
        Self::MessageId,
        Self::Timestamp,
        Self::Type,
        Self::UserId,
        Self::AppId,
        Self::ClusterId,
    ];

    /// The property's flag.
    #[inline]
    pub const fn flag(self) -> u16 {
        1 << self as u8
    }

    /// The first property of those in `flags`, which has no unknown ones.
    #[inline]
    fn first_of(flags: u16) -> Option<Self> {
        Self::ALL.get(flags.leading_zeros() as usize).copied()
    }

    /// The specification's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ContentType => "content-type",
            Self::ContentEncoding => "content-encoding",
            Self::Headers => "headers",
            Self::DeliveryMode => "delivery-mode",
            Self::Priority => "priority",
            Self::CorrelationId => "correlation-id",
            Self::ReplyTo => "reply-to",
            Self::Expiration => "expiration",
            Self::MessageId => "message-id",
            Self::Timestamp => "timestamp",
            Self::Type => "type",
            Self::UserId => "user-id",
            Self::AppId => "app-id",
            Self::ClusterId => "cluster-id",
        }
    }
}

/// `delivery-mode` of a message that survives a restart.
pub(crate) const PERSISTENT: u8 = 2;

/// Encoded properties, every value of them checked.
#[derive(Debug, Clone, Copy)]
pub struct Properties<'a> {
    flags: u16,
    /// Flags and values.
    bytes: &'a [u8],
}

impl<'a> Properties<'a> {
    /// Checks `properties`, flags and values: every value whole, nothing left over, `headers` a sound
    /// table. What a broker acts on (`expiration`, `reply-to`, `user-id`) must be UTF-8; what it only
    /// passes on may be anything.
    #[inline]
    pub fn parse(properties: &'a [u8]) -> Result<Self, ContentError> {
        let mut reader = Reader(properties);
        let flags = reader.u16().map_err(ContentError::Properties)?;
        if flags & 0b11 != 0 {
            return Err(ContentError::Properties(Malformed::UnknownFlags(flags)));
        }
        let mut left = flags;
        while let Some(property) = Property::first_of(left) {
            left ^= property.flag();
            check(property, &mut reader).map_err(|why| ContentError::Property {
                property: property.name(),
                why,
            })?;
        }
        reader.finish().map_err(ContentError::Properties)?;
        Ok(Self {
            flags,
            bytes: properties,
        })
    }

    /// Which properties there are.
    #[inline]
    pub fn flags(&self) -> u16 {
        self.flags
    }

    /// Flags and values as they came.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether a property is there.
    #[inline]
    pub fn has(&self, property: Property) -> bool {
        self.flags & property.flag() != 0
    }

    /// Whether the message shall survive a restart.
    #[inline]
    pub fn is_persistent(&self) -> bool {
        self.delivery_mode() == Some(PERSISTENT)
    }

    /// 2 for persistent, anything else is transient.
    #[inline]
    pub fn delivery_mode(&self) -> Option<u8> {
        self.reader(Property::DeliveryMode)?.u8().ok()
    }

    /// The larger, the earlier.
    #[inline]
    pub fn priority(&self) -> Option<u8> {
        self.reader(Property::Priority)?.u8().ok()
    }

    /// The application's table.
    #[inline]
    pub fn headers(&self) -> Option<RawTable<'a>> {
        let entries = self.reader(Property::Headers)?.long_bytes().ok()?;
        Some(RawTable::checked(entries))
    }

    /// Seconds since the Unix epoch, as the application says.
    pub fn timestamp(&self) -> Option<u64> {
        self.reader(Property::Timestamp)?.u64().ok()
    }

    /// Milliseconds to live, in digits; not checked to be digits.
    pub fn expiration(&self) -> Option<&'a str> {
        self.text(Property::Expiration)
    }

    /// Where answers go.
    pub fn reply_to(&self) -> Option<&'a str> {
        self.text(Property::ReplyTo)
    }

    /// Who published, as the application says.
    pub fn user_id(&self) -> Option<&'a str> {
        self.text(Property::UserId)
    }

    /// MIME type of the body. Like all that follow, `None` also when it is not UTF-8.
    pub fn content_type(&self) -> Option<&'a str> {
        self.text(Property::ContentType)
    }

    /// MIME encoding of the body.
    pub fn content_encoding(&self) -> Option<&'a str> {
        self.text(Property::ContentEncoding)
    }

    /// Which request this answers.
    pub fn correlation_id(&self) -> Option<&'a str> {
        self.text(Property::CorrelationId)
    }

    /// The application's name for the message.
    pub fn message_id(&self) -> Option<&'a str> {
        self.text(Property::MessageId)
    }

    /// The application's type of the message.
    pub fn kind(&self) -> Option<&'a str> {
        self.text(Property::Type)
    }

    /// The application's name.
    pub fn app_id(&self) -> Option<&'a str> {
        self.text(Property::AppId)
    }

    /// Reserved.
    pub fn cluster_id(&self) -> Option<&'a str> {
        self.text(Property::ClusterId)
    }

    /// The bytes of a property which is a short string, UTF-8 or not.
    pub fn short_bytes(&self, property: Property) -> Option<&'a [u8]> {
        match property {
            Property::Headers
            | Property::DeliveryMode
            | Property::Priority
            | Property::Timestamp => None,
            _ => self.reader(property)?.short_bytes().ok(),
        }
    }

    fn text(&self, property: Property) -> Option<&'a str> {
        str::from_utf8(self.short_bytes(property)?).ok()
    }

    /// What follows from the start of a property's value, when it is there.
    #[inline]
    fn reader(&self, property: Property) -> Option<Reader<'a>> {
        match self.has(property) {
            true => Some(self.behind(self.flags & !(property.flag() | (property.flag() - 1)))),
            false => None,
        }
    }

    /// What follows behind the values of the properties in `flags`, which are the first ones.
    #[inline]
    fn behind(&self, flags: u16) -> Reader<'a> {
        let mut reader = Reader(self.bytes.get(2..).unwrap_or_default());
        let mut left = flags;
        while let Some(property) = Property::first_of(left) {
            left ^= property.flag();
            // Invariant: every value was checked, so that none is cut.
            skip(property, &mut reader).ok();
        }
        reader
    }

    /// Where the value of `property` starts and ends, or would if it were there.
    pub(super) fn span(&self, property: Property) -> (usize, usize) {
        let position = |flags| self.bytes.len() - self.behind(flags).0.len();
        let above = self.flags & !(property.flag() | (property.flag() - 1));
        (
            position(above),
            position(above | self.flags & property.flag()),
        )
    }
}

/// Walks over one value.
#[inline]
fn skip(property: Property, reader: &mut Reader<'_>) -> Result<(), Malformed> {
    match property {
        Property::DeliveryMode | Property::Priority => reader.u8().map(drop),
        Property::Headers => reader.long_bytes().map(drop),
        Property::Timestamp => reader.u64().map(drop),
        _ => reader.short_bytes().map(drop),
    }
}

/// Walks over one value, and checks it.
#[inline]
fn check(property: Property, reader: &mut Reader<'_>) -> Result<(), Malformed> {
    match property {
        Property::Headers => RawTable::read(reader).map(drop),
        Property::Expiration | Property::ReplyTo | Property::UserId => {
            reader.short_string().map(drop)
        }
        _ => skip(property, reader),
    }
}
