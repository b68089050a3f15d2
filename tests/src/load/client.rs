//! A client for loads: publishes, consumes and acks, quickly even in an unoptimised test.
//!
//! Only what a load needs of AMQP is here; every error means that the broker is gone.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;

use crate::raw::{self, Frame, Method, basic, confirm};

/// The one channel.
const CHANNEL: u16 = 1;
/// How much is read at once, at most.
const CHUNK_BYTES: usize = 256 * 1024;
/// Kind, channel and size.
const FRAME_HEAD_BYTES: usize = 7;

/// A connection with one channel.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    inbound: Vec<u8>,
    /// How much of `inbound` was handled.
    read: usize,
    outbound: Vec<u8>,
    payload_max: usize,
}

/// What the broker sent.
#[derive(Debug)]
pub enum Incoming {
    /// `basic.ack` for what was published.
    Confirm { tag: u64, multiple: bool },
    /// A message.
    Delivery {
        tag: u64,
        redelivered: bool,
        body: Vec<u8>,
    },
    /// Any other method: its class and number, and its arguments.
    Method { id: (u16, u16), arguments: Vec<u8> },
}

impl Client {
    /// Connects as guest, and opens the channel.
    pub fn open(address: SocketAddr) -> Self {
        let connection = raw::Connection::open(address);
        connection.channel_at(CHANNEL);
        Self {
            stream: connection.socket(),
            inbound: Vec::new(),
            read: 0,
            outbound: Vec::new(),
            payload_max: connection.frame_max() as usize - FRAME_HEAD_BYTES - 1,
        }
    }

    /// Asks for confirms.
    pub fn confirm(&mut self) -> io::Result<()> {
        self.call(confirm::Select { nowait: false }, (85, 11))
            .map(drop)
    }

    /// Buffers a message, which `flush` sends.
    pub fn publish(&mut self, exchange: &str, routing_key: &str, persistent: bool, body: &[u8]) {
        let mut method = vec![0, 60, 0, 40, 0, 0];
        for name in [exchange, routing_key] {
            method.push(u8::try_from(name.len()).expect("a short name"));
            method.extend(name.as_bytes());
        }
        method.push(0);
        self.put(Frame::METHOD, &method);
        let mut header = vec![0, 60, 0, 0];
        header.extend((body.len() as u64).to_be_bytes());
        // The only property is the delivery mode.
        header.extend([0x10, 0, 1 + u8::from(persistent)]);
        self.put(Frame::HEADER, &header);
        for piece in body.chunks(self.payload_max) {
            self.put(Frame::BODY, piece);
        }
    }

    /// Consumes from `queue`, which needs acks.
    pub fn consume(&mut self, queue: &str, prefetch: u16) -> io::Result<()> {
        let qos = basic::Qos {
            prefetch_count: prefetch,
            global: false,
        };
        self.call(qos, (60, 11))?;
        let consume = basic::Consume {
            queue: queue.into(),
            ..Default::default()
        };
        self.call(consume, (60, 21)).map(drop)
    }

    /// Buffers an ack.
    pub fn ack(&mut self, delivery_tag: u64, multiple: bool) {
        self.send(basic::Ack {
            delivery_tag,
            multiple,
        });
    }

    /// Buffers a nack with which the message goes back to its place.
    pub fn requeue(&mut self, delivery_tag: u64) {
        self.send(basic::Nack {
            delivery_tag,
            multiple: false,
            requeue: true,
        });
    }

    /// Sends a method and waits for its answer: the answer's arguments.
    pub fn call(&mut self, method: impl Method, answer: (u16, u16)) -> io::Result<Vec<u8>> {
        self.send(method);
        self.flush()?;
        match self.receive()? {
            Incoming::Method { id, arguments } if id == answer => Ok(arguments),
            other => panic!("{other:?} instead of {answer:?}"),
        }
    }

    /// Sends what is buffered.
    pub fn flush(&mut self) -> io::Result<()> {
        let sent = self.stream.write_all(&self.outbound);
        self.outbound.clear();
        sent
    }

    /// Waits for what the broker sends next.
    pub fn receive(&mut self) -> io::Result<Incoming> {
        let method = self.next_payload(Frame::METHOD)?;
        let id = (u16_at(&method, 0), u16_at(&method, 2));
        let arguments = &method[4..];
        Ok(match id {
            (60, 60) => {
                let at = 1 + usize::from(arguments[0]);
                let (tag, redelivered) = (u64_at(arguments, at), arguments[at + 8] == 1);
                let body = self.next_body()?;
                Incoming::Delivery {
                    tag,
                    redelivered,
                    body,
                }
            }
            (60, 80) => Incoming::Confirm {
                tag: u64_at(arguments, 0),
                multiple: arguments[8] == 1,
            },
            (10, 50) => return Err(ErrorKind::ConnectionAborted.into()),
            _ => Incoming::Method {
                id,
                arguments: arguments.to_vec(),
            },
        })
    }

    /// Whether something was received that `receive` has not returned yet.
    pub fn has_received(&self) -> bool {
        self.received(self.read).is_some()
    }

    fn next_body(&mut self) -> io::Result<Vec<u8>> {
        let header = self.next_payload(Frame::HEADER)?;
        let size = usize::try_from(u64_at(&header, 4)).expect("a body that fits into memory");
        let mut body = Vec::with_capacity(size);
        while body.len() < size {
            body.extend(self.next_payload(Frame::BODY)?);
        }
        Ok(body)
    }

    fn next_payload(&mut self, expected: u8) -> io::Result<Vec<u8>> {
        loop {
            let Some((kind, payload)) = self.received(self.read) else {
                self.fill()?;
                continue;
            };
            self.read = payload.end + 1;
            assert_eq!(kind, expected, "the kind of frame");
            return Ok(self.inbound[payload].to_vec());
        }
    }

    /// The frame at `start`, if all of it was received.
    fn received(&self, start: usize) -> Option<(u8, Range<usize>)> {
        let head = self.inbound.get(start..start + FRAME_HEAD_BYTES)?;
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
        let payload = start + FRAME_HEAD_BYTES..start + FRAME_HEAD_BYTES + size;
        let end = *self.inbound.get(payload.end)?;
        assert_eq!(end, Frame::END, "the end of a frame");
        Some((head[0], payload))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.inbound.drain(..self.read);
        self.read = 0;
        let filled = self.inbound.len();
        self.inbound.resize(filled + CHUNK_BYTES, 0);
        let read = self.stream.read(&mut self.inbound[filled..]);
        self.inbound.truncate(filled + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("nothing came"),
            Err(error) => Err(error),
        }
    }

    fn send(&mut self, method: impl Method) {
        let frame = Frame::method(CHANNEL, method);
        self.put(frame.kind, &frame.payload);
    }

    fn put(&mut self, kind: u8, payload: &[u8]) {
        let size = u32::try_from(payload.len()).expect("a frame below 4 GiB");
        self.outbound.push(kind);
        self.outbound.extend(CHANNEL.to_be_bytes());
        self.outbound.extend(size.to_be_bytes());
        self.outbound.extend(payload);
        self.outbound.push(Frame::END);
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let field = bytes[at..].first_chunk().expect("eight bytes");
    u64::from_be_bytes(*field)
}
