//! Every refusal, and its reply code.

use ferrymq_amqp::ReplyCode;

use crate::auth::AccessRefused;
use crate::names::Resource;

/// What a client asked for and does not get. The text is what it reads after the code's name.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The exchange or queue is not there.
    #[error("no {0}")]
    NotFound(Resource),
    /// An empty queue name on a channel that has declared none.
    #[error("no previously declared queue")]
    NoPreviousQueue,
    /// A permission is missing.
    #[error(transparent)]
    AccessRefused(#[from] AccessRefused),
    /// The default exchange can't be declared, bound, unbound or deleted.
    #[error("operation not permitted on the default exchange")]
    DefaultExchange,
    /// `amq.*` exchanges can't be deleted.
    #[error("deletion of system {0} not allowed")]
    SystemExchange(Resource),
    /// Clients can't make up `amq.*` names.
    #[error("{kind} name '{name}' contains reserved prefix 'amq.*'")]
    ReservedName {
        /// `exchange` or `queue`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// Clients can't publish to an internal exchange.
    #[error("cannot publish to internal {0}")]
    InternalExchange(Resource),
    /// A consumer is exclusive, or wants to be.
    #[error("{0} in exclusive use")]
    ExclusiveUse(Resource),
    /// The queue belongs to another connection.
    #[error(
        "cannot obtain exclusive access to locked {0}. It could be originally declared on another \
         connection or the exclusive property value does not match that of the original declaration."
    )]
    Locked(Resource),
    /// Declared again, differently.
    #[error("inequivalent arg '{argument}' for {resource}: {difference}")]
    Inequivalent {
        /// The property or argument.
        argument: String,
        /// What was declared.
        resource: Resource,
        /// `received '…' but current is '…'`.
        difference: String,
    },
    /// An argument's value, or the argument itself, does not do.
    #[error("invalid arg '{argument}' for {resource}{detail}")]
    InvalidArgument {
        /// The argument.
        argument: String,
        /// What was to be declared.
        resource: Resource,
        /// `: what is wrong`, or ` of queue type …`.
        detail: String,
    },
    /// A property that the queue's type does not have.
    #[error("invalid property '{property}' for {resource}")]
    InvalidProperty {
        /// The property.
        property: String,
        /// The queue.
        resource: Resource,
    },
    /// Something else in the request that a rule forbids.
    #[error("{0}")]
    PreconditionFailed(String),
    /// The delivery tag is not unacked on this channel.
    #[error("unknown delivery tag {0}")]
    UnknownDeliveryTag(u64),
    /// `if-unused`, but it is used.
    #[error("{0} in use")]
    InUse(Resource),
    /// `if-empty`, but it is not.
    #[error("{0} not empty")]
    NotEmpty(Resource),
    /// The body is larger than the configuration allows.
    #[error("message size {size} is larger than configured max size {max}")]
    MessageTooLarge {
        /// Bytes announced.
        size: u64,
        /// Bytes allowed.
        max: u64,
    },
    /// `user-id` names somebody else.
    #[error("user_id property set to '{claimed}' but authenticated user was '{user}'")]
    UserIdMismatch {
        /// What the message says.
        claimed: String,
        /// Who published it.
        user: String,
    },
    /// The consumer tag is in use on this channel.
    #[error("attempt to reuse consumer tag '{0}'")]
    ConsumerTagInUse(String),
    /// Something that the broker does not do.
    #[error("{0}")]
    NotImplemented(String),
    /// Something that this connection may not do.
    #[error("{0}")]
    NotAllowed(String),
    /// The frames break the protocol's rules.
    #[error("{0}")]
    Frame(String),
    /// A field can't be right.
    #[error("{0}")]
    Syntax(String),
    /// No such method, or not here.
    #[error("{0}")]
    CommandInvalid(String),
    /// The channel is not in the state for this.
    #[error("{0}")]
    Channel(String),
    /// The frame comes out of turn.
    #[error("{0}")]
    UnexpectedFrame(String),
    /// The log can't be written any more.
    #[error("the message store failed: {0}")]
    Store(String),
}

impl Error {
    /// The one place where a refusal gets its AMQP code, and with it: close channel or connection?
    pub fn reply_code(&self) -> ReplyCode {
        match self {
            Self::NotFound(_) | Self::NoPreviousQueue => ReplyCode::NotFound,
            Self::AccessRefused(_)
            | Self::DefaultExchange
            | Self::SystemExchange(_)
            | Self::ReservedName { .. }
            | Self::InternalExchange(_)
            | Self::ExclusiveUse(_) => ReplyCode::AccessRefused,
            Self::Locked(_) => ReplyCode::ResourceLocked,
            Self::Inequivalent { .. }
            | Self::InvalidArgument { .. }
            | Self::InvalidProperty { .. }
            | Self::PreconditionFailed(_)
            | Self::UnknownDeliveryTag(_)
            | Self::InUse(_)
            | Self::NotEmpty(_)
            | Self::MessageTooLarge { .. }
            | Self::UserIdMismatch { .. } => ReplyCode::PreconditionFailed,
            Self::ConsumerTagInUse(_) | Self::NotAllowed(_) => ReplyCode::NotAllowed,
            Self::NotImplemented(_) => ReplyCode::NotImplemented,
            Self::Frame(_) => ReplyCode::FrameError,
            Self::Syntax(_) => ReplyCode::SyntaxError,
            Self::CommandInvalid(_) => ReplyCode::CommandInvalid,
            Self::Channel(_) => ReplyCode::ChannelError,
            Self::UnexpectedFrame(_) => ReplyCode::UnexpectedFrame,
            Self::Store(_) => ReplyCode::InternalError,
        }
    }

    /// The queue `name` is not in `vhost`.
    pub fn no_queue(name: &str, vhost: &str) -> Self {
        Self::NotFound(Resource::queue(name, vhost))
    }

    /// The exchange `name` is not in `vhost`.
    pub fn no_exchange(name: &str, vhost: &str) -> Self {
        Self::NotFound(Resource::exchange(name, vhost))
    }
}
