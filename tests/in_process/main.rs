//! What AMQP has no method for: tests call the broker's functions in their own process, and see the
//! effect over the wire. One module per feature.

mod accounts;
mod administration;
mod browse;
mod bulk;
mod consumer_timeouts;
mod deduplication;
mod delayed_exchange;
mod events;
mod firehose;
mod histories;
mod jobs;
mod killed;
mod limits;
mod parameters;
mod pause;
mod policies;
mod queue_features;
mod restart;
mod statistics;
mod support;
mod tail;
mod vhosts;
