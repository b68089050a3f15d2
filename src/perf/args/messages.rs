//! Options: what a message is made of.

use std::path::PathBuf;
use std::time::Duration;

use ferrymq_amqp::AMQPValue;

use crate::perf::parse::{self, Property};
use crate::perf::sizes::Weighted;

/// Bodies and properties.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct Messages {
    /// Bytes of a body, or several sizes with their shares (100:80,10000:20); from 8 on it is verified,
    /// from 16 on it can carry the time
    #[arg(
        long,
        short = 's',
        default_value = "16",
        value_name = "BYTES[:SHARE]",
        value_delimiter = ',',
        conflicts_with = "body_file"
    )]
    pub(crate) size: Vec<Weighted>,
    /// What bodies are filled with behind the time
    #[arg(long, default_value = "counting", conflicts_with = "body_file")]
    pub(crate) body: Body,
    /// Take bodies from these files in turn; their first 16 bytes are overwritten. May be repeated
    #[arg(long, short = 'B', value_name = "FILE", value_delimiter = ',')]
    pub(crate) body_file: Vec<PathBuf>,
    /// Publish persistent messages
    #[arg(long)]
    pub(crate) persistent: bool,
    /// Ask for messages back that no queue gets, and count them
    #[arg(long)]
    pub(crate) mandatory: bool,
    /// Give messages this property (content-type, app-id, …); may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse::property)]
    pub(crate) property: Vec<(Property, String)>,
    /// Give messages this header; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse::argument)]
    pub(crate) header: Vec<(String, AMQPValue)>,
    /// Priority of messages; with several, in turn
    #[arg(long, value_name = "PRIORITY", value_delimiter = ',')]
    pub(crate) priority: Vec<u8>,
    /// Let messages expire after this time
    #[arg(long, value_name = "TIME", value_parser = parse::latency)]
    pub(crate) expiration: Option<Duration>,
}

/// How bodies are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Body {
    /// Bytes that count from 0 to 255
    Counting,
    /// Bytes of 0, which compress best
    Zeros,
    /// Bytes that don't compress
    Random,
    /// Letters and spaces
    Text,
}

impl Messages {
    /// Whether each body has room for so many bytes.
    pub(crate) fn have_room(&self, bytes: usize) -> bool {
        self.size.iter().all(|size| size.bytes >= bytes)
    }
}
