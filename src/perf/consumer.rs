//! One consuming connection.

use std::time::Duration;

use ferrymq_amqp::method::{AMQPClass, basic};

use super::connection::{Connection, Interest, unexpected};
use super::deliveries::{Deliveries, Event};
use super::handling::Handling;
use super::polling::Polling;
use super::progress::Progress;
use super::setup::Setup;
use super::verify::Tallies;
use super::{Error, Load, clock};

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;
/// How long a consumer waits for deliveries before it acks what it has, and looks whether to stop.
const IDLE: Duration = Duration::from_millis(20);
/// How many producers another run may have had whose messages are consumed.
const MAX_FOREIGN_PRODUCERS: usize = 256;

/// A consuming connection, its consumers started.
pub(super) struct Consumer {
    connection: Connection,
    /// Of each channel, number 1 first.
    lanes: Vec<Deliveries>,
    handling: Option<Handling>,
    polling: Option<Polling>,
}

impl Consumer {
    /// Connects the consumer number `index`, and lets deliveries begin.
    pub(super) fn connect(setup: &Setup<'_>, index: usize) -> Result<Self, Error> {
        let args = setup.args;
        let consuming = &args.consuming;
        let name = format!("perf consumer {index}");
        let mut connection = Connection::open(setup.uri(index), &name)?;
        connection.enlarge_buffer(READ_BYTES.max(2 * connection.frame_max as usize));
        let channels = consuming.consumer_channels.get();
        let tallies = Tallies::new(setup.plan.queues.len(), producers(args));
        let lane = |channel| Deliveries::new(channel, consuming, args.verifies(), tallies.clone());
        let queues_of = |channel: usize| {
            let first = index * usize::from(channels);
            setup.plan.queues_of(first + channel, consuming.lanes())
        };
        let queues: Vec<_> = (0..channels.into()).map(queues_of).collect();
        let mut consumer = Self {
            connection,
            lanes: (1..=channels).map(lane).collect(),
            handling: Handling::new(consuming),
            polling: consuming.poll.then(|| Polling::new(setup, queues.clone())),
        };
        // All channels are ready before the first delivery comes.
        for channel in 1..=channels {
            consumer.open(channel, args)?;
        }
        if !consuming.poll {
            for (channel, queues) in (1..).zip(queues) {
                for queue in queues {
                    consumer.consume(channel, &setup.plan.queues[queue], queue, args);
                }
            }
        }
        while !consumer.connection.flush_some()? {
            consumer.connection.wait(Interest::ReadOrWrite, IDLE)?;
        }
        Ok(consumer)
    }

    fn open(&mut self, channel: u16, args: &Load) -> Result<(), Error> {
        if channel > 1 {
            self.connection.open_channel(channel)?;
        }
        if args.consuming.consumer_tx > 0 {
            self.connection.select_transactions(channel)?;
        }
        if args.consuming.channel_prefetch > 0 {
            self.qos(channel, args.consuming.channel_prefetch, true)?;
        }
        self.qos(channel, args.consuming.prefetch, false)
    }

    fn qos(&mut self, channel: u16, prefetch_count: u16, global: bool) -> Result<(), Error> {
        let qos = basic::AMQPMethod::Qos(basic::Qos {
            prefetch_count,
            global,
        });
        match self.connection.call_on(channel, AMQPClass::Basic(qos))? {
            AMQPClass::Basic(basic::AMQPMethod::QosOk(_)) => Ok(()),
            other => Err(unexpected("basic.qos-ok", &other)),
        }
    }

    /// Starts consuming; the consumer tag is the queue's number. Deliveries may come before the answer
    /// is looked at.
    fn consume(&mut self, channel: u16, name: &str, queue: usize, args: &Load) {
        let consume = basic::AMQPMethod::Consume(basic::Consume {
            queue: name.into(),
            consumer_tag: queue.to_string().into(),
            no_ack: args.consuming.settlement() == super::args::Settlement::Nothing,
            arguments: args.consuming.arguments(),
            ..basic::Consume::default()
        });
        self.connection.send_on(channel, AMQPClass::Basic(consume));
    }

    /// Consumes until told to stop. Returns what arrived.
    pub(super) fn run(mut self, progress: &Progress) -> Result<Tallies, Error> {
        self.ask(progress)?;
        while !progress.stop_consuming.is_raised() {
            if self.connection.fill()? {
                self.handle_batch(progress)?;
            } else if !self
                .connection
                .wait(self.connection.interest(), self.patience())?
            {
                self.settle()?;
            }
            self.ask(progress)?;
        }
        self.settle()?;
        self.connection.close()?;
        let mut tallies = self.lanes.into_iter().map(|lane| lane.tallies);
        let first = tallies.next().ok_or(Error::Missing("channels"))?;
        Ok(tallies.fold(first, |mut all, other| {
            all.add(&other);
            all
        }))
    }

    fn handle_batch(&mut self, progress: &Progress) -> Result<(), Error> {
        let now = clock::now();
        match &mut self.lanes[..] {
            // By far the most frequent case, and the one that must be cheap.
            [lane] if self.polling.is_none() && self.handling.is_none() => {
                while let Some(frame) = self.connection.next_frame()? {
                    lane.handle_frame(frame)?;
                }
            }
            _ => self.handle_frames(progress)?,
        }
        self.flush()?;
        self.lanes
            .iter_mut()
            .for_each(|lane| progress.count(now, &mut lane.batch));
        Ok(())
    }

    /// The frames of a batch, whatever a consumer is told to do with messages.
    fn handle_frames(&mut self, progress: &Progress) -> Result<(), Error> {
        while let Some(frame) = self.connection.next_frame()? {
            let index = usize::from(frame.channel).saturating_sub(1);
            let Some(lane) = self.lanes.get_mut(index) else {
                continue;
            };
            let event = lane.handle_frame(frame)?;
            if let Some(polling) = &mut self.polling {
                polling.handle_event(index, event);
            }
            if self.handling.is_some() {
                if event == Event::Message {
                    self.work(index, progress)?;
                }
                if progress.stop_consuming.is_raised() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Works on a message as long as a consumer is told to; only then has it arrived.
    fn work(&mut self, lane: usize, progress: &Progress) -> Result<(), Error> {
        self.flush()?;
        if let Some(handling) = &mut self.handling {
            progress.count(handling.begin(), &mut self.lanes[lane].batch);
            handling.work();
        }
        Ok(())
    }

    /// Asks for messages, when they are not delivered unasked.
    fn ask(&mut self, progress: &Progress) -> Result<(), Error> {
        let Some(polling) = &mut self.polling else {
            return Ok(());
        };
        if progress.stop_consuming.is_raised() {
            return Ok(());
        }
        polling.ask(&mut self.connection, &mut self.lanes);
        self.connection.flush_some().map(drop)
    }

    fn patience(&self) -> Duration {
        let wait = self.polling.as_ref().and_then(Polling::next_wait);
        wait.map_or(IDLE, |wait| wait.min(IDLE))
    }

    fn settle(&mut self) -> Result<(), Error> {
        self.lanes.iter_mut().for_each(Deliveries::settle);
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Error> {
        for lane in &mut self.lanes {
            self.connection.outbound.append(&mut lane.acks);
        }
        self.connection.flush_some().map(drop)
    }
}

/// How many producers' messages are expected; without any it is another run that published them.
fn producers(args: &Load) -> usize {
    match args.publishing.lanes() {
        0 => MAX_FOREIGN_PRODUCERS,
        producers => producers,
    }
}
