//! A raw client: a socket that never blocks, frames in and out.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use amq_protocol::uri::{AMQPScheme, AMQPUri};
use ferrymq_amqp::frame::{self, PROTOCOL_HEADER};
use ferrymq_amqp::method::{self, AMQPClass, Method, basic, channel, connection, tx};
use ferrymq_amqp::{AMQPValue, FieldTable, Frame, FrameKind, ShortString};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Error;

/// The first channel of every connection, for most the only one.
pub(super) const CHANNEL: u16 = 1;

/// Bytes of the buffer for a connection that does little.
const SMALL_BUFFER: usize = 16 * 1024;

/// The frame-max with a broker that has none, in bytes.
const DEFAULT_FRAME_MAX: u32 = 128 * 1024;

/// How long the broker may take to answer a method.
const ANSWER: Duration = Duration::from_secs(60);

/// A connection with its first channel open.
pub(super) struct Connection {
    stream: TcpStream,
    /// What was read; frames not yet taken are `inbound[taken..filled]`.
    inbound: Vec<u8>,
    taken: usize,
    filled: usize,
    /// What is to be written; gone already are `outbound[..written]`.
    pub(super) outbound: Vec<u8>,
    written: usize,
    /// Messages that came back while an answer was awaited.
    returned: u64,
    /// The negotiated frame-max, in bytes.
    pub(super) frame_max: u32,
}

/// Which way a wait is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    Read,
    ReadOrWrite,
}

impl Connection {
    /// Connects, logs in, opens the vhost of `uri` and a channel.
    pub(super) fn open(uri: &AMQPUri, name: &str) -> Result<Self, Error> {
        if uri.scheme != AMQPScheme::AMQP {
            let scheme = "--uri must be an amqp:// one: perf speaks no TLS";
            return Err(Error::Usage(scheme.to_owned()));
        }
        let stream = TcpStream::connect((uri.authority.host.as_str(), uri.authority.port))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut connection = Self {
            stream,
            inbound: vec![0; SMALL_BUFFER],
            taken: 0,
            filled: 0,
            outbound: PROTOCOL_HEADER.to_vec(),
            written: 0,
            returned: 0,
            frame_max: 0,
        };
        connection.handshake(uri, name)?;
        Ok(connection)
    }

    fn handshake(&mut self, uri: &AMQPUri, name: &str) -> Result<(), Error> {
        use connection::{AMQPMethod, Open, StartOk, TuneOk};
        match self.answer()? {
            AMQPClass::Connection(AMQPMethod::Start(_)) => {}
            other => return Err(unexpected("connection.start", &other)),
        }
        let user = &uri.authority.userinfo;
        self.send_on(
            0,
            AMQPClass::Connection(AMQPMethod::StartOk(StartOk {
                client_properties: client_properties(name),
                mechanism: "PLAIN".into(),
                response: format!("\0{}\0{}", user.username, user.password)
                    .as_str()
                    .into(),
                locale: "en_US".into(),
            })),
        );
        let tune = match self.answer()? {
            AMQPClass::Connection(AMQPMethod::Tune(tune)) => tune,
            other => return Err(unexpected("connection.tune", &other)),
        };
        self.frame_max = match tune.frame_max {
            0 => DEFAULT_FRAME_MAX,
            proposed => proposed,
        };
        self.send_on(
            0,
            AMQPClass::Connection(AMQPMethod::TuneOk(TuneOk {
                channel_max: tune.channel_max,
                frame_max: self.frame_max,
                heartbeat: 0,
            })),
        );
        let virtual_host = ShortString::try_new(uri.vhost.as_str()).map_err(|_| {
            Error::Usage("the vhost of --uri has a name that is too long".to_owned())
        })?;
        self.send_on(
            0,
            AMQPClass::Connection(AMQPMethod::Open(Open { virtual_host })),
        );
        match self.answer()? {
            AMQPClass::Connection(AMQPMethod::OpenOk(_)) => {}
            other => return Err(unexpected("connection.open-ok", &other)),
        }
        self.open_channel(CHANNEL)
    }

    /// Opens another channel.
    pub(super) fn open_channel(&mut self, channel: u16) -> Result<(), Error> {
        let open = channel::AMQPMethod::Open(channel::Open {});
        match self.call_on(channel, AMQPClass::Channel(open))? {
            AMQPClass::Channel(channel::AMQPMethod::OpenOk(_)) => Ok(()),
            other => Err(unexpected("channel.open-ok", &other)),
        }
    }

    /// Makes room to read `bytes` at once.
    pub(super) fn enlarge_buffer(&mut self, bytes: usize) {
        if self.inbound.len() < bytes {
            self.inbound.resize(bytes, 0);
        }
    }

    /// Puts a channel into transactions.
    pub(super) fn select_transactions(&mut self, channel: u16) -> Result<(), Error> {
        let select = tx::AMQPMethod::Select(tx::Select {});
        match self.call_on(channel, AMQPClass::Tx(select))? {
            AMQPClass::Tx(tx::AMQPMethod::SelectOk(_)) => Ok(()),
            other => Err(unexpected("tx.select-ok", &other)),
        }
    }

    /// Queues a method for writing.
    pub(super) fn send_on(&mut self, channel: u16, class: AMQPClass) {
        method::encode(&mut self.outbound, channel, &class);
    }

    /// The same on the first channel.
    pub(super) fn send(&mut self, class: AMQPClass) {
        self.send_on(CHANNEL, class);
    }

    /// Writes a method and waits for the answer.
    pub(super) fn call_on(&mut self, channel: u16, class: AMQPClass) -> Result<AMQPClass, Error> {
        self.send_on(channel, class);
        self.answer()
    }

    /// The same on the first channel.
    pub(super) fn call(&mut self, class: AMQPClass) -> Result<AMQPClass, Error> {
        self.call_on(CHANNEL, class)
    }

    /// Writes everything queued, and waits for the next method that is no `basic` one.
    ///
    /// Deliveries in between are dropped: there is nobody left to count them.
    pub(super) fn answer(&mut self) -> Result<AMQPClass, Error> {
        loop {
            while let Some(frame) = self.next_frame()? {
                if frame.kind != FrameKind::Method {
                    continue;
                }
                match method::decode(frame.payload)? {
                    Method::Other(AMQPClass::Basic(basic::AMQPMethod::Deliver(_))) => {}
                    Method::Other(AMQPClass::Basic(basic::AMQPMethod::Return(_))) => {
                        self.returned += 1;
                    }
                    Method::Other(class) => return check_close(class),
                    _ => {}
                }
            }
            self.flush_some()?;
            if !self.fill()? && !self.wait(self.interest(), ANSWER)? {
                return Err(std::io::Error::from(ErrorKind::TimedOut).into());
            }
        }
    }

    /// Closes in order: whatever was sent before has been handled when this returns. Returns how many
    /// messages came back meanwhile.
    pub(super) fn close(mut self) -> Result<u64, Error> {
        self.send_on(
            0,
            AMQPClass::Connection(connection::AMQPMethod::Close(connection::Close {
                reply_code: 200,
                ..connection::Close::default()
            })),
        );
        while !matches!(
            self.answer()?,
            AMQPClass::Connection(connection::AMQPMethod::CloseOk(_))
        ) {}
        Ok(self.returned)
    }

    /// The next frame of what was read.
    #[inline]
    pub(super) fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Error> {
        let unread = &self.inbound[self.taken..self.filled];
        let Some(frame) = frame::decode(unread, self.max_payload())? else {
            return Ok(None);
        };
        self.taken += frame.encoded_len();
        Ok(Some(frame))
    }

    /// Payload bytes that fit the buffer, which is never smaller than a frame.
    fn max_payload(&self) -> u32 {
        (self.inbound.len() - frame::OVERHEAD) as u32
    }

    /// Reads what is there; false when nothing is.
    pub(super) fn fill(&mut self) -> Result<bool, Error> {
        self.inbound.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        match self.stream.read(&mut self.inbound[self.filled..]) {
            Ok(0) => Err(Error::Eof),
            Ok(count) => {
                self.filled += count;
                Ok(true)
            }
            Err(error) if nothing_yet(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes of `bytes` what the socket takes, and tells how much that is.
    pub(super) fn write_some(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        match self.stream.write(bytes) {
            Ok(count) => Ok(count),
            Err(error) if nothing_yet(&error) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes of `outbound` what the socket takes; true when nothing is left.
    pub(super) fn flush_some(&mut self) -> Result<bool, Error> {
        if self.written < self.outbound.len() {
            let outbound = std::mem::take(&mut self.outbound);
            let result = self.write_some(&outbound[self.written..]);
            self.outbound = outbound;
            self.written += result?;
        }
        if self.written < self.outbound.len() {
            return Ok(false);
        }
        self.outbound.clear();
        self.written = 0;
        Ok(true)
    }

    /// What to wait for when there is nothing to do.
    pub(super) fn interest(&self) -> Interest {
        match self.outbound.is_empty() {
            true => Interest::Read,
            false => Interest::ReadOrWrite,
        }
    }

    /// Waits until the socket can be read (or, if that is of interest, written); false when it could not
    /// after `timeout`.
    pub(super) fn wait(&self, interest: Interest, timeout: Duration) -> Result<bool, Error> {
        let flags = match interest {
            Interest::Read => PollFlags::IN,
            Interest::ReadOrWrite => PollFlags::IN | PollFlags::OUT,
        };
        let timeout = Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&self.stream, flags)], Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(true),
            Err(error) => Err(std::io::Error::from(error).into()),
        }
    }
}

fn nothing_yet(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn client_properties(name: &str) -> FieldTable {
    let mut capabilities = FieldTable::default();
    for capability in [
        "authentication_failure_close",
        "basic.nack",
        "publisher_confirms",
    ] {
        capabilities.insert(capability.into(), AMQPValue::Boolean(true));
    }
    let mut properties = FieldTable::default();
    properties.insert(
        "product".into(),
        AMQPValue::LongString("ferrymq perf".into()),
    );
    properties.insert("connection_name".into(), AMQPValue::LongString(name.into()));
    properties.insert("capabilities".into(), AMQPValue::FieldTable(capabilities));
    properties
}

/// `class` itself, unless it closes the channel or the connection.
pub(super) fn check_close(class: AMQPClass) -> Result<AMQPClass, Error> {
    let (what, code, text) = match class {
        AMQPClass::Connection(connection::AMQPMethod::Close(close)) => {
            ("connection", close.reply_code, close.reply_text)
        }
        AMQPClass::Channel(channel::AMQPMethod::Close(close)) => {
            ("channel", close.reply_code, close.reply_text)
        }
        other => return Ok(other),
    };
    Err(Error::Closed {
        what,
        code,
        text: text.to_string(),
    })
}

/// The error for an answer that nobody asked for.
pub(super) fn unexpected(expected: &'static str, received: &AMQPClass) -> Error {
    let name = method::name(received.get_amqp_class_id(), received.get_amqp_method_id());
    Error::Unexpected {
        expected,
        received: name.unwrap_or("an unknown method").to_owned(),
    }
}
