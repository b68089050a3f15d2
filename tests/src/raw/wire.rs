//! The socket: frames out, frames in, sorted by channel.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::frame::Frame;

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a client of AMQP 0-9-1 sends first.
pub const PROTOCOL_HEADER: &[u8; 8] = b"AMQP\x00\x00\x09\x01";

#[derive(Debug)]
pub(super) struct Wire {
    pub(super) stream: TcpStream,
    inbound: Vec<u8>,
    /// Frames that were read while a test waited for another channel's.
    waiting: VecDeque<Frame>,
    /// Whether heartbeats are handed out as frames instead of being skipped.
    pub(super) heartbeats: bool,
}

impl Wire {
    pub(super) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connect to the broker");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("set a time-out");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("set a time-out");
        stream.set_nodelay(true).expect("set TCP_NODELAY");
        Self {
            stream,
            inbound: Vec::new(),
            waiting: VecDeque::new(),
            heartbeats: false,
        }
    }

    /// Writes as much as the broker takes: after it has refused something it may close the socket at
    /// any moment, and what it said shows when reading.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        match self.stream.write_all(bytes) {
            Err(error) if !is_closed(error.kind()) => panic!("cannot write: {error}"),
            _ => {}
        }
    }

    pub(super) fn shut_down(&mut self, side: Shutdown) {
        // It may be closed already.
        let _ = self.stream.shutdown(side);
    }

    /// The next frame of `channel`; `None` at the end of the stream.
    pub(super) fn next_on(&mut self, channel: u16) -> Option<Frame> {
        if let Some(frame) = self.received_on(channel) {
            return Some(frame);
        }
        loop {
            let frame = self.read_frame()?;
            if frame.channel == channel {
                return Some(frame);
            }
            if frame.channel == 0 && channel != 0 {
                refuse_close(&frame, channel);
            }
            self.waiting.push_back(frame);
        }
    }

    /// A frame of `channel` that was read while a test waited for another channel's.
    pub(super) fn received_on(&mut self, channel: u16) -> Option<Frame> {
        let mut waiting = self.waiting.iter();
        let position = waiting.position(|frame| frame.channel == channel)?;
        self.waiting.remove(position)
    }

    /// The next frame, whatever its channel; `None` at the end of the stream.
    pub(super) fn next(&mut self) -> Option<Frame> {
        self.waiting.pop_front().or_else(|| self.read_frame())
    }

    fn read_frame(&mut self) -> Option<Frame> {
        loop {
            match Frame::cut(&mut self.inbound) {
                Some(frame) if frame.kind == Frame::HEARTBEAT && !self.heartbeats => {}
                Some(frame) => return Some(frame),
                None if !self.fill() => return None,
                None => {}
            }
        }
    }

    /// Reads what has come; false at the end of the stream.
    fn fill(&mut self) -> bool {
        let mut chunk = [0; 65536];
        match self.stream.read(&mut chunk) {
            Ok(0) => false,
            Ok(count) => {
                self.inbound.extend(&chunk[..count]);
                true
            }
            Err(error) if is_closed(error.kind()) => false,
            Err(error) => panic!("nothing came: {error}"),
        }
    }

    /// `count` bytes that are no frame.
    pub(super) fn read_bytes(&mut self, count: usize) -> Vec<u8> {
        while self.inbound.len() < count {
            assert!(self.fill(), "the stream ended after {:02x?}", self.inbound);
        }
        self.inbound.drain(..count).collect()
    }
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
    )
}

/// Fails the test when the broker closes the connection while a channel's answer is expected.
fn refuse_close(frame: &Frame, channel: u16) {
    if frame.payload.starts_with(&[0, 10, 0, 50]) {
        panic!(
            "while waiting on channel {channel}: {:?}",
            frame.decode_method()
        );
    }
}
