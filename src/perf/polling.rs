//! Consumers that fetch: one `basic.get` at a time on each channel, its queues in turn.

use std::time::Duration;

use ferrymq_amqp::ShortString;
use ferrymq_amqp::method::{AMQPClass, basic};

use super::args::Settlement;
use super::clock;
use super::connection::Connection;
use super::deliveries::{Deliveries, Event};
use super::setup::Setup;

/// Who is to be asked, and when.
pub(super) struct Polling {
    names: Vec<ShortString>,
    no_ack: bool,
    interval: Duration,
    channels: Vec<Channel>,
}

struct Channel {
    /// The queues that it asks, by number, and whose turn it is.
    queues: Vec<usize>,
    turn: usize,
    /// How many of them in a row were empty.
    empty: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Asked,
    /// To be asked at this time.
    Resting(u64),
}

impl Polling {
    /// Channels that ask these queues.
    pub(super) fn new(setup: &Setup<'_>, queues: Vec<Vec<usize>>) -> Self {
        let consuming = &setup.args.consuming;
        Self {
            names: setup
                .plan
                .queues
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            no_ack: consuming.settlement() == Settlement::Nothing,
            interval: consuming.poll_interval,
            channels: queues
                .into_iter()
                .map(|queues| Channel {
                    queues,
                    turn: 0,
                    empty: 0,
                    state: State::Resting(0),
                })
                .collect(),
        }
    }

    /// Takes note of what came on a channel. When all its queues are empty, it rests.
    #[inline]
    pub(super) fn handle_event(&mut self, channel: usize, event: Event) {
        let interval = self.interval.as_nanos() as u64;
        let channel = &mut self.channels[channel];
        match event {
            Event::Nothing => return,
            Event::Message => {
                channel.empty = 0;
                channel.state = State::Resting(0);
            }
            Event::Empty => {
                channel.empty += 1;
                let rests = channel.empty.is_multiple_of(channel.queues.len());
                channel.state = State::Resting(if rests { clock::now() + interval } else { 0 });
            }
        }
        channel.turn = (channel.turn + 1) % channel.queues.len();
    }

    /// Asks wherever it is time to; `deliveries` are told of whom.
    pub(super) fn ask(&mut self, connection: &mut Connection, deliveries: &mut [Deliveries]) {
        let now = clock::now();
        let lanes = self.channels.iter_mut().zip(deliveries);
        for (number, (channel, deliveries)) in (1..).zip(lanes) {
            match channel.state {
                State::Resting(until) if until <= now => {}
                _ => continue,
            }
            let queue = channel.queues[channel.turn];
            deliveries.queue = queue;
            let get = basic::AMQPMethod::Get(basic::Get {
                queue: self.names[queue].clone(),
                no_ack: self.no_ack,
            });
            connection.send_on(number, AMQPClass::Basic(get));
            channel.state = State::Asked;
        }
    }

    /// How long until somebody is to be asked; `None` when all answers are to come.
    pub(super) fn next_wait(&self) -> Option<Duration> {
        let now = clock::now();
        let times = self
            .channels
            .iter()
            .filter_map(|channel| match channel.state {
                State::Asked => None,
                State::Resting(until) => Some(clock::between(now, until)),
            });
        times.min()
    }
}
