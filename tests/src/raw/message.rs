//! Messages as they arrive: delivered, fetched, returned.

use amq_protocol::protocol::basic::parse_properties;
use amq_protocol::protocol::{AMQPClass, BasicProperties, basic};
use amq_protocol::types::FieldTable;

use super::method::{Event, Expected};

/// Properties and body of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The property flags and values as they came.
    pub properties: Vec<u8>,
    pub body: Vec<u8>,
    /// The payload sizes of the body frames.
    pub frames: Vec<usize>,
}

impl Content {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a body of text")
    }

    pub fn decoded(&self) -> BasicProperties {
        parse_properties(&self.properties[..])
            .expect("properties that decode")
            .1
    }

    /// The header table, empty when there is none.
    pub fn headers(&self) -> FieldTable {
        self.decoded().headers().clone().unwrap_or_default()
    }
}

/// `basic.deliver`
#[derive(Clone, Debug)]
pub struct Delivery {
    pub consumer_tag: String,
    pub delivery_tag: u64,
    pub redelivered: bool,
    pub exchange: String,
    pub routing_key: String,
    pub content: Content,
}

/// `basic.get-ok`
#[derive(Clone, Debug)]
pub struct Got {
    pub delivery_tag: u64,
    pub redelivered: bool,
    pub exchange: String,
    pub routing_key: String,
    pub message_count: u32,
    pub content: Content,
}

/// `basic.return`
#[derive(Clone, Debug)]
pub struct Returned {
    pub reply_code: u16,
    pub reply_text: String,
    pub exchange: String,
    pub routing_key: String,
    pub content: Content,
}

impl Delivery {
    pub fn text(&self) -> String {
        self.content.text()
    }
}

impl Got {
    pub fn text(&self) -> String {
        self.content.text()
    }
}

impl Expected for Delivery {
    const NAME: &'static str = "basic.Deliver";

    fn from_event(event: Event) -> Result<Self, Box<Event>> {
        match event {
            Event {
                method: AMQPClass::Basic(basic::AMQPMethod::Deliver(deliver)),
                content: Some(content),
            } => Ok(Self {
                consumer_tag: deliver.consumer_tag.into(),
                delivery_tag: deliver.delivery_tag,
                redelivered: deliver.redelivered,
                exchange: deliver.exchange.into(),
                routing_key: deliver.routing_key.into(),
                content,
            }),
            other => Err(Box::new(other)),
        }
    }
}

impl Expected for Got {
    const NAME: &'static str = "basic.GetOk";

    fn from_event(event: Event) -> Result<Self, Box<Event>> {
        match event {
            Event {
                method: AMQPClass::Basic(basic::AMQPMethod::GetOk(got)),
                content: Some(content),
            } => Ok(Self {
                delivery_tag: got.delivery_tag,
                redelivered: got.redelivered,
                exchange: got.exchange.into(),
                routing_key: got.routing_key.into(),
                message_count: got.message_count,
                content,
            }),
            other => Err(Box::new(other)),
        }
    }
}

impl Expected for Returned {
    const NAME: &'static str = "basic.Return";

    fn from_event(event: Event) -> Result<Self, Box<Event>> {
        match event {
            Event {
                method: AMQPClass::Basic(basic::AMQPMethod::Return(returned)),
                content: Some(content),
            } => Ok(Self {
                reply_code: returned.reply_code,
                reply_text: returned.reply_text.into(),
                exchange: returned.exchange.into(),
                routing_key: returned.routing_key.into(),
                content,
            }),
            other => Err(Box::new(other)),
        }
    }
}
