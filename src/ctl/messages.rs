//! Single messages: publish one, get some.

use std::io::Read as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::{Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::context::Context;
use super::error::Error;
use super::listing::{Columns, json, same};
use super::path::path;
use super::values;

const MESSAGES: Columns = Columns {
    all: &[
        same("routing_key"),
        same("exchange"),
        same("message_count"),
        same("payload"),
        same("payload_bytes"),
        same("payload_encoding"),
        json("properties", "properties"),
        same("redelivered"),
    ],
    default: 8,
};

/// What becomes of messages that `get` shows.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum AckMode {
    /// They stay in the queue, as redelivered
    AckRequeueTrue,
    /// They are taken out of it
    AckRequeueFalse,
    /// They stay in the queue, and count as rejected once
    RejectRequeueTrue,
    /// They are rejected, and become dead letters if the queue says so
    RejectRequeueFalse,
}

/// A message that is to be.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Publication {
    /// "" or amq.default is the default exchange, in which a queue's name is the routing key
    exchange: String,
    routing_key: String,
    /// The body; "-": what comes on the standard input
    payload: String,
    /// A property, like delivery_mode=2 or content_type=text/plain; may be given several times
    #[arg(long = "property", value_name = "NAME=VALUE", value_parser = values::pair)]
    properties: Vec<(String, Value)>,
    /// A header, like x-delay=1000; may be given several times
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = values::pair)]
    headers: Vec<(String, Value)>,
}

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    /// Publish a message, and wait until the broker has it
    Publish(Publication),
    /// Look at the first messages of a queue, or take them out of it
    Get {
        queue: String,
        /// So many at most
        #[arg(short, long, default_value_t = 1)]
        count: u32,
        /// What becomes of them
        #[arg(long, value_enum, default_value = "ack_requeue_true")]
        ackmode: AckMode,
        /// Show so many bytes of each
        #[arg(long, value_name = "BYTES")]
        truncate: Option<u64>,
    },
}

impl Command {
    pub(super) fn run(self, context: &mut Context) -> Result<(), Error> {
        let vhost = context.vhost();
        match self {
            Self::Publish(publication) => publish(context, publication),
            Self::Get {
                queue,
                count,
                ackmode,
                truncate,
            } => {
                let mut body = json!({
                    "count": count,
                    "ackmode": ackmode.word(),
                    "encoding": "auto",
                });
                if let Some(bytes) = truncate {
                    body["truncate"] = bytes.into();
                }
                let path = path(&["queues", &vhost, &queue, "get"]);
                let found = context.client.post(&path, &body);
                let found = context.of(found, format_args!("queue '{queue}'"))?.json()?;
                MESSAGES.print_rows(context, &found, &[])
            }
        }
    }
}

impl AckMode {
    fn word(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

fn publish(context: &mut Context, publication: Publication) -> Result<(), Error> {
    let vhost = context.vhost();
    let (payload, payload_encoding) = match publication.payload.as_str() {
        "-" => encode(&read_input()?),
        payload => (payload.to_owned(), "string"),
    };
    let mut properties: Map<_, _> = publication.properties.into_iter().collect();
    if !publication.headers.is_empty() {
        let headers = values::object(publication.headers);
        properties.insert("headers".to_owned(), headers);
    }
    let body = json!({
        "routing_key": publication.routing_key,
        "properties": properties,
        "payload": payload,
        "payload_encoding": payload_encoding,
    });
    let exchange = match publication.exchange.as_str() {
        "" => "amq.default",
        exchange => exchange,
    };
    let path = path(&["exchanges", &vhost, exchange, "publish"]);
    let answer = context.client.post(&path, &body);
    let answer = context.of(answer, format_args!("exchange '{exchange}'"))?;
    match answer.json()?["routed"].as_bool() {
        Some(true) => Ok(context.out.message("Message published")?),
        _ => Err(Error::NotFound(
            "Message published but not routed: no queue is bound for it".to_owned(),
        )),
    }
}

/// Text as it is, other bytes in base64.
fn encode(bytes: &[u8]) -> (String, &'static str) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), "string"),
        Err(_) => (BASE64_STANDARD.encode(bytes), "base64"),
    }
}

fn read_input() -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().read_to_end(&mut bytes);
    read.map_err(|error| Error::File {
        path: "the standard input".to_owned(),
        error,
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_encoded() {
        assert_eq!(encode(b"a"), ("a".to_owned(), "string"));
        assert_eq!(encode(&[0xff]), ("/w==".to_owned(), "base64"));
    }

    #[test]
    fn ack_modes_have_the_words_of_the_api() {
        assert_eq!(AckMode::RejectRequeueTrue.word(), "reject_requeue_true");
    }
}
