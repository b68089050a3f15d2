//! What can be wrong with an exchange or a binding. Which reply code that means is the broker's business.

use crate::{ExchangeName, QueueName};

/// A refused change of the topology. Texts leave out the vhost, which this crate does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The type's name is not one of [`ExchangeKind`](crate::ExchangeKind)'s.
    #[error("unknown exchange type '{0}'")]
    UnknownExchangeType(String),
    /// There is no such exchange.
    #[error("no exchange '{0}'")]
    NoSuchExchange(ExchangeName),
    /// There is no such queue.
    #[error("no queue '{0}'")]
    NoSuchQueue(QueueName),
    /// An exchange with this name exists already.
    #[error("exchange '{0}' exists already")]
    ExchangeExists(ExchangeName),
    /// The default exchange cannot be declared or bound.
    #[error("operation not permitted on the default exchange")]
    DefaultExchange,
    /// An exchange argument has a value of a type that it cannot have.
    #[error("invalid type '{type_name}' for arg '{argument}' in exchange '{exchange}'")]
    ArgumentType {
        /// The argument's name.
        argument: &'static str,
        /// The type that was received.
        type_name: &'static str,
        /// The exchange to be declared.
        exchange: ExchangeName,
    },
    /// An exchange argument has a value that it cannot have, or not beside another argument.
    #[error("invalid arg '{argument}' for exchange '{exchange}': {why}")]
    Argument {
        /// The argument's name.
        argument: &'static str,
        /// What is wrong with it.
        why: String,
        /// The exchange to be declared.
        exchange: ExchangeName,
    },
    /// A binding to a headers exchange does not say properly how to match.
    #[error("invalid arg 'x-match': {0}; expected the string all, any, all-with-x or any-with-x")]
    HeadersMatch(String),
    /// The key of a binding to a consistent hash exchange is not a weight.
    #[error("the binding key must be a weight, an integer from 1 to {max}, not '{0}'", max = u32::MAX)]
    Weight(String),
    /// A delayed exchange does not say how it routes.
    #[error("Invalid argument, 'x-delayed-type' must be an existing exchange type{0}")]
    DelayedType(String),
    /// A history exchange is to remember nothing, or something that is no number.
    #[error("Invalid argument {0}, 'x-recent-history-length' must be a positive integer")]
    HistoryLength(String),
    /// A binding to an exchange whose bindings have no key has one.
    #[error("Non empty binding '{0}' key not permitted")]
    KeyNotEmpty(String),
    /// A binding to an exchange that leads to queues only has another destination.
    #[error("Destination not found: only queues can be bound to exchange '{0}'")]
    NotAQueue(ExchangeName),
    /// A binding key is longer than the wire can carry.
    #[error("a binding key of {0} bytes is longer than 255")]
    RoutingKeyTooLong(usize),
}

/// A redeclared exchange differs from the one that exists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("inequivalent arg '{argument}': received {received} but current is {current}")]
pub struct Inequivalent {
    /// The property or argument that differs; the first one if there are several.
    pub argument: &'static str,
    /// The value of the new declaration, as error texts show it: `'true'`, `none`.
    pub received: String,
    /// The value that the exchange has, as error texts show it.
    pub current: String,
}
