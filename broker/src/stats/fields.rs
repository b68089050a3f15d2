//! What is sampled of which object.

use super::Kind;
use super::series::{Field, Movement};

/// Of a queue, a vhost, the broker, and, without the messages that they hold, channels and consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageField {
    /// How many messages this happened to.
    Happened(Kind),
    /// Messages that wait.
    Ready,
    /// Messages handed over and not settled.
    Unacked,
    /// Reads from the log. Of the broker only.
    DiskReads,
    /// Writes to the log. Of the broker only.
    DiskWrites,
    /// Messages that died in a queue and were sent on. Of the broker only.
    DeadLettered,
    /// How long what was acked was unacked, all together. Of a consumer only.
    UnackedMilliseconds,
}

impl MessageField {
    /// Together: every message that a queue holds.
    pub const HELD: [Self; 2] = [Self::Ready, Self::Unacked];

    /// Together: everything that left for a consumer, RabbitMQ's `deliver_get`.
    pub const DELIVER_GET: [Self; 4] = [
        Self::Happened(Kind::Deliver),
        Self::Happened(Kind::DeliverNoAck),
        Self::Happened(Kind::Get),
        Self::Happened(Kind::GetNoAck),
    ];

    /// The kinds that are sampled; the others follow from them, or interest nobody over time.
    pub(super) const SAMPLED: [Kind; 11] = [
        Kind::Publish,
        Kind::Confirm,
        Kind::ReturnUnroutable,
        Kind::DropUnroutable,
        Kind::Deliver,
        Kind::DeliverNoAck,
        Kind::Get,
        Kind::GetNoAck,
        Kind::GetEmpty,
        Kind::Redeliver,
        Kind::Ack,
    ];
}

impl Field for MessageField {
    fn movement(self) -> Movement {
        match self {
            Self::Ready | Self::Unacked => Movement::Gauge,
            Self::Happened(_)
            | Self::DiskReads
            | Self::DiskWrites
            | Self::DeadLettered
            | Self::UnackedMilliseconds => Movement::Counter,
        }
    }
}

/// Of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeField {
    /// Messages that were published to it.
    In,
    /// How often they went into a queue.
    Out,
    /// Messages that reached nothing.
    Unroutable,
}

impl Field for ExchangeField {
    fn movement(self) -> Movement {
        Movement::Counter
    }
}

/// Of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrafficField {
    /// Bytes that came.
    Received,
    /// Bytes that went.
    Sent,
}

impl Field for TrafficField {
    fn movement(self) -> Movement {
        Movement::Counter
    }
}

/// Of what came and went in the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChurnField {
    /// Connections that reached the broker.
    ConnectionsCreated,
    /// Connections that ended.
    ConnectionsClosed,
    /// Channels that were opened.
    ChannelsCreated,
    /// Channels that ended.
    ChannelsClosed,
    /// Declarations of queues.
    QueuesDeclared,
    /// Queues that came into being.
    QueuesCreated,
    /// Queues that were deleted.
    QueuesDeleted,
}

impl Field for ChurnField {
    fn movement(self) -> Movement {
        Movement::Counter
    }
}

/// Of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeField {
    /// Bytes of memory in use.
    MemoryUsed,
    /// Bytes free on the disk.
    DiskFree,
    /// Open files and sockets.
    OpenFiles,
    /// Connections of clients.
    Sockets,
    /// Threads.
    Threads,
    /// Switches from one thread to another.
    ContextSwitches,
    /// Time of processors, in milliseconds.
    CpuMilliseconds,
    /// Reads from the log,
    Reads,
    /// their bytes,
    ReadBytes,
    /// and their time in microseconds.
    ReadMicroseconds,
    /// Writes to the log,
    Writes,
    /// their bytes,
    WriteBytes,
    /// and their time in microseconds.
    WriteMicroseconds,
    /// Syncs of the log,
    Syncs,
    /// and their time in microseconds.
    SyncMicroseconds,
}

impl Field for NodeField {
    fn movement(self) -> Movement {
        match self {
            Self::MemoryUsed | Self::DiskFree | Self::OpenFiles | Self::Sockets | Self::Threads => {
                Movement::Gauge
            }
            _ => Movement::Counter,
        }
    }
}
