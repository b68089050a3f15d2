//! Durable bytes: one append-only log with group commit, checkpointed into sled. Knows queue ids, not AMQP.
