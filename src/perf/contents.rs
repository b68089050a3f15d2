//! What messages are made of: bodies and encoded properties, each a cycle of its own.

use std::fs;

use amq_protocol::protocol::basic::{AMQPProperties, gen_properties};

use super::args::{Body, Messages, table};
use super::parse::Property;
use super::random::Random;
use super::{Error, body, sizes};

/// Bodies and properties of the messages, in the order in which they are used.
pub(super) struct Contents {
    bodies: Bodies,
    properties: Vec<Vec<u8>>,
}

enum Bodies {
    /// Made anew for each message of a ring, of sizes in turn.
    Made(Body, Vec<usize>),
    Given(Vec<Vec<u8>>),
}

impl Contents {
    pub(super) fn new(messages: &Messages) -> Result<Self, Error> {
        let read = |file| {
            fs::read(file).map_err(|why| Error::Usage(format!("--body-file {file:?}: {why}")))
        };
        let bodies = match messages.body_file.as_slice() {
            [] => Bodies::Made(messages.body, sizes::cycle(&messages.size)),
            files => Bodies::Given(files.iter().map(read).collect::<Result<_, _>>()?),
        };
        Ok(Self {
            bodies,
            properties: properties(messages),
        })
    }

    /// After how many messages they repeat.
    pub(super) fn period(&self) -> usize {
        let bodies = match &self.bodies {
            Bodies::Made(_, sizes) => sizes.len(),
            Bodies::Given(bodies) => bodies.len(),
        };
        lcm(bodies, self.properties.len())
    }

    /// The body of the message number `index`.
    pub(super) fn body(&self, index: usize, random: &mut Random) -> Vec<u8> {
        match &self.bodies {
            Bodies::Made(kind, sizes) => body::fill(*kind, sizes[index % sizes.len()], random),
            Bodies::Given(bodies) => bodies[index % bodies.len()].clone(),
        }
    }

    /// Its properties, as they are on the wire.
    pub(super) fn properties(&self, index: usize) -> &[u8] {
        &self.properties[index % self.properties.len()]
    }
}

/// The least common multiple of two numbers above 0.
pub(super) fn lcm(a: usize, b: usize) -> usize {
    a / sizes::gcd(a as u32, b as u32).max(1) as usize * b
}

/// Properties for each priority in turn.
fn properties(messages: &Messages) -> Vec<Vec<u8>> {
    let common = common_properties(messages);
    match messages.priority.as_slice() {
        [] => vec![encode(&common)],
        priorities => priorities
            .iter()
            .map(|&priority| encode(&common.clone().with_priority(priority)))
            .collect(),
    }
}

fn encode(properties: &AMQPProperties) -> Vec<u8> {
    let encoded = gen_properties(properties)(Vec::new().into());
    encoded.expect("memory takes every byte").write
}

fn common_properties(messages: &Messages) -> AMQPProperties {
    let mut properties = AMQPProperties::default();
    if messages.persistent {
        properties = properties.with_delivery_mode(2);
    }
    if !messages.header.is_empty() {
        properties = properties.with_headers(table(&messages.header));
    }
    if let Some(expiration) = messages.expiration {
        properties = properties.with_expiration(expiration.as_millis().to_string().into());
    }
    for (property, value) in &messages.property {
        properties = with(properties, *property, value);
    }
    properties
}

fn with(properties: AMQPProperties, property: Property, value: &str) -> AMQPProperties {
    let text = || value.into();
    match property {
        Property::AppId => properties.with_app_id(text()),
        Property::ContentEncoding => properties.with_content_encoding(text()),
        Property::ContentType => properties.with_content_type(text()),
        Property::CorrelationId => properties.with_correlation_id(text()),
        Property::MessageId => properties.with_message_id(text()),
        Property::ReplyTo => properties.with_reply_to(text()),
        Property::Timestamp => properties.with_timestamp(value.parse().unwrap_or_default()),
        Property::Type => properties.with_type(text()),
        Property::UserId => properties.with_user_id(text()),
    }
}
