//! A connection: the handshake, step by step or at once, channels, and the end.

use std::cell::{Cell, RefCell};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use amq_protocol::protocol::{channel, connection};
use amq_protocol::types::{AMQPValue, FieldTable};

use super::channel::{Channel, check_close};
use super::frame::Frame;
use super::method::{Event, Expected, Method};
use super::wire::{PROTOCOL_HEADER, Wire};
use super::{long_string, table};

/// Who logs in, and how.
#[derive(Clone, Debug)]
pub struct Login {
    pub mechanism: &'static str,
    pub response: Vec<u8>,
    pub capabilities: Vec<&'static str>,
}

impl Login {
    pub fn plain(user: &str, password: &str) -> Self {
        Self {
            mechanism: "PLAIN",
            response: format!("\0{user}\0{password}").into(),
            capabilities: vec![
                "authentication_failure_close",
                "basic.nack",
                "connection.blocked",
                "consumer_cancel_notify",
                "publisher_confirms",
            ],
        }
    }

    /// The same without one of the capabilities.
    pub fn without(mut self, capability: &str) -> Self {
        self.capabilities.retain(|name| *name != capability);
        self
    }

    fn client_properties(&self) -> FieldTable {
        let mut capabilities = FieldTable::default();
        for name in &self.capabilities {
            capabilities.insert((*name).into(), AMQPValue::Boolean(true));
        }
        table([
            ("capabilities", AMQPValue::FieldTable(capabilities)),
            ("product", long_string("conformance suite")),
        ])
    }
}

impl Default for Login {
    fn default() -> Self {
        Self::plain("guest", "guest")
    }
}

/// What the client answers to `connection.tune`: the server's proposal unless it says otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tuning {
    pub channel_max: Option<u16>,
    pub frame_max: Option<u32>,
    /// Seconds; none by default.
    pub heartbeat: u16,
}

/// A connection; clones are the same connection.
#[derive(Clone, Debug)]
pub struct Connection {
    wire: Rc<RefCell<Wire>>,
    next_channel: Rc<Cell<u16>>,
    frame_max: Rc<Cell<u32>>,
}

impl Connection {
    /// Connected and open, as guest, to the vhost `/`.
    #[track_caller]
    pub fn open(address: SocketAddr) -> Self {
        Self::open_with(address, &Login::default(), Tuning::default())
    }

    #[track_caller]
    pub fn open_with(address: SocketAddr, login: &Login, tuning: Tuning) -> Self {
        let connection = Self::connect(address);
        connection.start();
        let proposed = connection.log_in(login);
        connection.tune(proposed, tuning);
        connection.open_vhost("/");
        connection
    }

    /// A TCP connection, and not a byte sent.
    pub fn connect(address: SocketAddr) -> Self {
        Self {
            wire: Rc::new(RefCell::new(Wire::connect(address))),
            next_channel: Rc::new(Cell::new(1)),
            frame_max: Rc::new(Cell::new(4096)),
        }
    }

    /// Sends the protocol header.
    #[track_caller]
    pub fn start(&self) -> connection::Start {
        self.send_bytes(PROTOCOL_HEADER);
        self.expect()
    }

    #[track_caller]
    pub fn log_in(&self, login: &Login) -> connection::Tune {
        self.send_start_ok(login);
        self.expect()
    }

    pub fn send_start_ok(&self, login: &Login) {
        self.send(connection::StartOk {
            client_properties: login.client_properties(),
            mechanism: login.mechanism.into(),
            response: login.response.clone().into(),
            locale: "en_US".into(),
        });
    }

    pub fn tune(&self, proposed: connection::Tune, tuning: Tuning) {
        let frame_max = tuning.frame_max.unwrap_or(proposed.frame_max);
        self.frame_max.set(frame_max);
        self.send(connection::TuneOk {
            channel_max: tuning.channel_max.unwrap_or(proposed.channel_max),
            frame_max,
            heartbeat: tuning.heartbeat,
        });
    }

    #[track_caller]
    pub fn open_vhost(&self, name: &str) {
        self.send(connection::Open {
            virtual_host: name.into(),
        });
        self.expect::<connection::OpenOk>();
    }

    /// Opens the next channel that this function has not handed out yet.
    #[track_caller]
    pub fn channel(&self) -> Channel {
        let id = self.next_channel.get();
        self.next_channel.set(id + 1);
        self.channel_at(id)
    }

    #[track_caller]
    pub fn channel_at(&self, id: u16) -> Channel {
        let channel = self.unopened_channel(id);
        channel.call::<channel::OpenOk>(channel::Open {});
        channel
    }

    /// A channel that was not opened.
    pub fn unopened_channel(&self, id: u16) -> Channel {
        Channel::new(self.clone(), id)
    }

    /// What was negotiated.
    pub fn frame_max(&self) -> u32 {
        self.frame_max.get()
    }

    /// Sends a method on channel 0.
    pub fn send(&self, method: impl Method) {
        self.send_frame(&Frame::method(0, method));
    }

    pub fn send_frame(&self, frame: &Frame) {
        self.send_bytes(&frame.encode());
    }

    pub fn send_frames(&self, frames: &[Frame]) {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        self.send_bytes(&bytes);
    }

    pub fn send_bytes(&self, bytes: &[u8]) {
        self.wire.borrow_mut().send(bytes);
    }

    /// Expects `T` as the next method on channel 0.
    #[track_caller]
    pub fn expect<T: Expected>(&self) -> T {
        let frame = self
            .next_on(0)
            .unwrap_or_else(|| panic!("the end instead of {}", T::NAME));
        let event = Event {
            method: frame.decode_method(),
            content: None,
        };
        T::from_event(event).unwrap_or_else(|event| panic!("{event:?} instead of {}", T::NAME))
    }

    #[track_caller]
    pub fn call<T: Expected>(&self, method: impl Method) -> T {
        self.send(method);
        self.expect()
    }

    /// Expects the broker to close the connection with this code and these words, answers, and
    /// expects the socket to be closed.
    #[track_caller]
    pub fn refused(&self, code: u16, words: &str) -> connection::Close {
        let close: connection::Close = self.expect();
        check_close(close.reply_code, close.reply_text.as_str(), code, words);
        self.send(connection::CloseOk {});
        self.expect_end();
        close
    }

    /// Expects the socket to be closed without another frame.
    #[track_caller]
    pub fn expect_end(&self) {
        let next = self.wire.borrow_mut().next_on(0);
        assert_eq!(next, None, "a frame instead of the end");
    }

    /// Reads to the end, where the only frame that may still come is a `connection.close`.
    #[track_caller]
    pub fn read_to_close(&self) -> Option<connection::Close> {
        let frame = self.next_on(0)?;
        let event = Event {
            method: frame.decode_method(),
            content: None,
        };
        let close = connection::Close::from_event(event)
            .unwrap_or_else(|event| panic!("{event:?} instead of the end"));
        self.send(connection::CloseOk {});
        self.expect_end();
        Some(close)
    }

    /// Reads what was sent to any channel, up to the end.
    pub fn read_to_end(&self) -> Vec<Frame> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// Closes politely, the socket too.
    #[track_caller]
    pub fn close(&self) {
        self.send(close(200));
        self.expect::<connection::CloseOk>();
        self.stop_sending();
        self.expect_end();
    }

    /// Closes the socket without a word.
    pub fn drop_socket(&self) {
        self.wire.borrow_mut().shut_down(Shutdown::Both);
    }

    /// Says that nothing more will be sent, and keeps reading.
    pub fn stop_sending(&self) {
        self.wire.borrow_mut().shut_down(Shutdown::Write);
    }

    /// The next frame of any channel; `None` at the end.
    pub fn next(&self) -> Option<Frame> {
        self.wire.borrow_mut().next()
    }

    /// A frame on channel 0 that was received while waiting for another channel.
    pub fn received(&self) -> Option<Frame> {
        self.wire.borrow_mut().received_on(0)
    }

    /// `count` bytes that are no frame.
    pub fn read_bytes(&self, count: usize) -> Vec<u8> {
        self.wire.borrow_mut().read_bytes(count)
    }

    /// From now on heartbeats are handed out like other frames.
    pub fn show_heartbeats(&self) {
        self.wire.borrow_mut().heartbeats = true;
    }

    /// Fails a later wait when nothing comes for this long.
    pub fn set_patience(&self, patience: Duration) {
        self.socket()
            .set_read_timeout(Some(patience))
            .expect("set a time-out");
    }

    /// The socket itself, to use without this client's buffers.
    pub fn socket(&self) -> TcpStream {
        self.wire
            .borrow()
            .stream
            .try_clone()
            .expect("the socket again")
    }

    pub(super) fn next_on(&self, channel: u16) -> Option<Frame> {
        self.wire.borrow_mut().next_on(channel)
    }
}

/// `connection.close` with a code and no cause.
fn close(code: u16) -> connection::Close {
    connection::Close {
        reply_code: code,
        reply_text: "".into(),
        class_id: 0,
        method_id: 0,
    }
}
