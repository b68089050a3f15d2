//! The AMQP 0-9-1 wire as values: frames, methods, content headers, field tables. No sockets, no async.
