//! Publishers wait while an alarm is on; everything else goes on.
//!
//! Compat: as in RabbitMQ a connection is blocked by its first publish during the alarm, and is
//! told once. Other than there, acks on it are still handled: blocked acks are what turns a
//! memory alarm into a deadlock. What can't be handled before the held publishes waits behind
//! them, bounded: then the socket is not read any more.

use std::collections::{HashSet, VecDeque};

use ferrymq_amqp::method::connection;
use ferrymq_amqp::{AMQPClass, Frame, FrameKind, ShortString};

use crate::alarms::Alarms;
use crate::session::channels::numbers;
use crate::session::context::Context;

/// Frames held back above this many bytes stop the reading.
const HELD_BYTES: usize = 1024 * 1024;

const BASIC_PUBLISH: (u16, u16) = (60, 40);
const BASIC_ACK: (u16, u16) = (60, 80);
const BASIC_REJECT: (u16, u16) = (60, 90);
const BASIC_NACK: (u16, u16) = (60, 120);

/// A frame that waits for the alarm to end.
pub struct Held {
    kind: FrameKind,
    channel: u16,
    payload: Vec<u8>,
}

impl Held {
    /// The frame.
    pub fn frame(&self) -> Frame<'_> {
        Frame {
            kind: self.kind,
            channel: self.channel,
            payload: &self.payload,
        }
    }
}

/// The alarms as one connection sees them.
#[derive(Default)]
pub struct Blocking {
    alarms: Alarms,
    /// An alarm is on, or frames are held: each frame needs a look.
    engaged: bool,
    told: bool,
    held: VecDeque<Held>,
    held_bytes: usize,
    /// Channels with held frames; all later ones but settlements queue up behind them.
    channels: HashSet<u16>,
}

impl Blocking {
    /// A connection that opens while `alarms` are on.
    pub fn new(alarms: Alarms) -> Self {
        Self {
            alarms,
            engaged: alarms.any(),
            ..Self::default()
        }
    }

    /// The alarms changed.
    pub fn set(&mut self, alarms: Alarms, context: &mut Context) {
        self.alarms = alarms;
        self.engaged = alarms.any() || !self.held.is_empty();
        if !alarms.any() {
            context.entry.set_blocked(false);
        }
        if !alarms.any() && std::mem::take(&mut self.told) {
            let unblocked = connection::AMQPMethod::Unblocked(connection::Unblocked {});
            context.send(0, AMQPClass::Connection(unblocked));
        }
    }

    /// Do publishers have to wait?
    pub fn is_on(&self) -> bool {
        self.alarms.any()
    }

    /// Does so much wait that nothing more may be read?
    #[inline]
    pub fn is_full(&self) -> bool {
        self.held_bytes >= HELD_BYTES
    }

    /// Do frames of `channel` wait?
    #[inline]
    pub fn holds(&self, channel: u16) -> bool {
        !self.channels.is_empty() && self.channels.contains(&channel)
    }

    /// Holds `frame` back, if it must wait.
    #[inline]
    pub fn hold(&mut self, frame: Frame<'_>, context: &mut Context) -> bool {
        self.engaged && self.hold_now(frame, context)
    }

    /// Are there frames that wait no longer?
    pub fn has_ready(&self) -> bool {
        !self.alarms.any() && !self.held.is_empty()
    }

    /// The next frame that waits no longer.
    pub fn next_held(&mut self) -> Option<Held> {
        if self.alarms.any() {
            return None;
        }
        let held = self.held.pop_front()?;
        self.held_bytes -= held.payload.len();
        if self.held.is_empty() {
            self.engaged = false;
            self.channels.clear();
            self.held = VecDeque::new();
        }
        Some(held)
    }

    fn hold_now(&mut self, frame: Frame<'_>, context: &mut Context) -> bool {
        let method = match frame.kind {
            FrameKind::Heartbeat => return false,
            FrameKind::Method => Some(numbers(frame.payload)),
            _ => None,
        };
        let settles = matches!(method, Some(BASIC_ACK | BASIC_NACK | BASIC_REJECT));
        let behind = self.holds(frame.channel) || (frame.channel == 0 && !self.held.is_empty());
        let publishes = self.alarms.any() && method == Some(BASIC_PUBLISH);
        if settles || !(behind || publishes) {
            return false;
        }
        self.tell(context);
        context.entry.set_blocked(self.alarms.any());
        self.channels.insert(frame.channel);
        self.held_bytes += frame.payload.len();
        self.held.push_back(Held {
            kind: frame.kind,
            channel: frame.channel,
            payload: frame.payload.to_vec(),
        });
        true
    }

    /// Tells the client once, if it can take that.
    fn tell(&mut self, context: &mut Context) {
        if self.told || !self.alarms.any() || !context.capabilities.connection_blocked {
            return;
        }
        self.told = true;
        let blocked = connection::Blocked {
            reason: ShortString::from(self.alarms.to_string()),
        };
        let blocked = connection::AMQPMethod::Blocked(blocked);
        context.send(0, AMQPClass::Connection(blocked));
    }
}
