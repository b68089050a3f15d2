//! The broker's state and the shell around it: vhosts, queues, sessions, the AMQP listener.
