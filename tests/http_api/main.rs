//! The HTTP API of the built program: answers beside those that were recorded of RabbitMQ, and what
//! AMQP clients look like over HTTP.

mod clients;
mod samples;
mod support;
