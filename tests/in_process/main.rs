//! What AMQP has no method for: tests call the broker's functions in their own process, and see the
//! effect over the wire. One module per feature.

mod browse;
mod deduplication;
mod events;
mod firehose;
mod restart;
