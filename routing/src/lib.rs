//! Which queues does a message reach? A pure question: no I/O, no clock, no async.
//!
//! [`Topology`] holds one vhost's exchanges, queue names and bindings, and answers it with
//! [`Topology::route`]. It is a persistent value: a clone costs nothing, and a change copies only the
//! path to what it changes. There is one matcher per exchange type, each in a file of its own.

#![warn(missing_docs)]

mod binding;
mod binding_set;
mod consistent_hash;
mod delay;
mod direct;
mod distinct;
mod error;
mod exchange;
mod fanout;
mod hash;
mod headers;
mod local_random;
mod matcher;
mod modulus_hash;
mod names;
mod random;
mod ranked;
mod recent_history;
mod route;
#[cfg(test)]
mod testing;
mod topic;
mod topology;

pub use binding::{Binding, Destination};
pub use delay::{DELAY_HEADER, delay};
pub use error::{Error, Inequivalent};
pub use exchange::{Exchange, ExchangeKind};
pub use names::{ExchangeName, QueueName};
pub use route::trace::Step;
pub use route::{RouteInput, Routed};
pub use topology::{Removed, Topology};

/// A persistent map that clients can fill: its hasher is keyed at random in every process.
type Map<K, V> =
    imbl::GenericHashMap<K, V, foldhash::quality::RandomState, imbl::shared_ptr::DefaultSharedPtr>;
