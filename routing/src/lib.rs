//! Which queues does a message reach? A pure question: no I/O, no clock, no async.
