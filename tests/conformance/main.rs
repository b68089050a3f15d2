//! AMQP 0-9-1 with RabbitMQ's extensions, rule by rule, in raw frames.
//!
//! One module per feature, one case per rule. All cases share one broker, so each uses names of its
//! own. With `FERRYMQ_TEST_AMQP=host:port` they talk to a running broker instead; what a case then
//! skips, and why, is said where it does so.

mod abuse;
mod acks;
mod alarms;
mod alternate_exchange;
mod at_least_once;
mod bindings;
mod channels;
mod confirms;
mod connections;
mod consumer_timeout;
mod consumers;
mod consuming;
mod content;
mod dead_letters;
mod delayed_exchange;
mod delays;
mod delivery_limits;
mod durability;
mod exchanges;
mod expiry;
mod framing;
mod handshake;
mod hash_exchanges;
mod headers_exchange;
mod heartbeats;
mod length_limits;
mod local_random;
mod login;
mod malformed;
mod prefetch;
mod priorities;
mod publishing;
mod queue_arguments;
mod queue_expiry;
mod queues;
mod recent_history;
mod reply_to;
mod routing;
mod single_active_consumer;
mod support;
mod topic_exchange;
mod transactions;
mod tuning;
