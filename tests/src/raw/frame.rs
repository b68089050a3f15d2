//! One frame, and the bytes of methods that no library would send.

use amq_protocol::protocol::basic::gen_properties;
use amq_protocol::protocol::{AMQPClass, BasicProperties, gen_class, parse_class};
use amq_protocol::types::generation::SerializeFn;

use super::method::Method;

/// `kind:u8 channel:u16 size:u32 payload end:u8`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub channel: u16,
    pub payload: Vec<u8>,
}

impl Frame {
    pub const METHOD: u8 = 1;
    pub const HEADER: u8 = 2;
    pub const BODY: u8 = 3;
    pub const HEARTBEAT: u8 = 8;
    pub const END: u8 = 0xCE;
    const HEAD: usize = 7;

    pub fn new(kind: u8, channel: u16, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            kind,
            channel,
            payload: payload.into(),
        }
    }

    pub fn method(channel: u16, method: impl Method) -> Self {
        Self::new(
            Self::METHOD,
            channel,
            write(gen_class(&method.into_class())),
        )
    }

    /// The content header of a message, class `basic`.
    pub fn header(channel: u16, body_size: u64, properties: &BasicProperties) -> Self {
        Self::header_of_class(60, channel, body_size, &encode_properties(properties))
    }

    /// A content header with the class and the encoded properties (flags first) that a test wants.
    pub fn header_of_class(class: u16, channel: u16, body_size: u64, properties: &[u8]) -> Self {
        let mut payload = class.to_be_bytes().to_vec();
        payload.extend([0, 0]);
        payload.extend(body_size.to_be_bytes());
        payload.extend(properties);
        Self::new(Self::HEADER, channel, payload)
    }

    pub fn body(channel: u16, body: &[u8]) -> Self {
        Self::new(Self::BODY, channel, body)
    }

    pub fn heartbeat() -> Self {
        Self::new(Self::HEARTBEAT, 0, [])
    }

    pub fn encode(&self) -> Vec<u8> {
        let size = u32::try_from(self.payload.len()).expect("a payload below 4 GiB");
        let mut bytes = vec![self.kind];
        bytes.extend(self.channel.to_be_bytes());
        bytes.extend(size.to_be_bytes());
        bytes.extend(&self.payload);
        bytes.push(Self::END);
        bytes
    }

    /// Takes the first frame out of what was received, when it is complete.
    pub(super) fn cut(bytes: &mut Vec<u8>) -> Option<Self> {
        let head: [u8; Self::HEAD] = bytes.get(..Self::HEAD)?.try_into().ok()?;
        let [kind, c0, c1, s0, s1, s2, s3] = head;
        let end = Self::HEAD + u32::from_be_bytes([s0, s1, s2, s3]) as usize;
        assert_eq!(*bytes.get(end)?, Self::END, "the end octet of {bytes:02x?}");
        let payload = bytes[Self::HEAD..end].to_vec();
        bytes.drain(..=end);
        Some(Self {
            kind,
            channel: u16::from_be_bytes([c0, c1]),
            payload,
        })
    }

    /// The method that the frame carries.
    pub(super) fn decode_method(&self) -> AMQPClass {
        assert_eq!(self.kind, Self::METHOD, "the type of {self:02x?}");
        let (rest, method) = parse_class(&self.payload[..]).expect("a method that decodes");
        assert!(rest.is_empty(), "{} bytes after {method:?}", rest.len());
        method
    }
}

/// Flags and values of a content header's properties.
pub(super) fn encode_properties(properties: &BasicProperties) -> Vec<u8> {
    write(gen_properties(properties))
}

fn write(serialize: impl SerializeFn<Vec<u8>>) -> Vec<u8> {
    serialize(Vec::new().into())
        .expect("writing to a vector")
        .into_inner()
        .0
}

/// Writes a method's frame argument by argument, for arguments that are wrong or unusual.
#[derive(Clone, Debug)]
pub struct MethodWriter(Vec<u8>);

impl MethodWriter {
    pub fn new(class: u16, method: u16) -> Self {
        Self(Vec::new()).short(class).short(method)
    }

    pub fn octet(self, value: u8) -> Self {
        self.bytes(&[value])
    }

    pub fn short(self, value: u16) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub fn long(self, value: u32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub fn long_long(self, value: u64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub fn short_string(self, text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        self.octet(u8::try_from(text.len()).expect("a short string"))
            .bytes(text)
    }

    /// A long string, or a table of these encoded fields.
    pub fn long_string(self, text: impl AsRef<[u8]>) -> Self {
        let text = text.as_ref();
        self.long(u32::try_from(text.len()).expect("a long string"))
            .bytes(text)
    }

    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    pub fn frame(self, channel: u16) -> Frame {
        Frame::new(Frame::METHOD, channel, self.0)
    }
}
