//! Methods by their own types, on the way out and on the way in.

use amq_protocol::protocol::{
    AMQPClass, access, basic, channel, confirm, connection, exchange, queue, tx,
};

use super::message::Content;

/// A method that can be sent.
pub trait Method {
    fn into_class(self) -> AMQPClass;
}

/// What a channel received: a method, and the message that came with it.
#[derive(Clone, Debug)]
pub struct Event {
    pub method: AMQPClass,
    pub content: Option<Content>,
}

/// Something that a test waits for.
pub trait Expected: Sized {
    const NAME: &'static str;
    fn from_event(event: Event) -> Result<Self, Box<Event>>;
}

impl Method for AMQPClass {
    fn into_class(self) -> AMQPClass {
        self
    }
}

macro_rules! methods {
    ($($class:ident $module:ident { $($method:ident)* })*) => { $($(
        impl Method for $module::$method {
            fn into_class(self) -> AMQPClass {
                AMQPClass::$class($module::AMQPMethod::$method(self))
            }
        }

        impl Expected for $module::$method {
            const NAME: &'static str =
                concat!(stringify!($module), ".", stringify!($method));

            fn from_event(event: Event) -> Result<Self, Box<Event>> {
                match event.method {
                    AMQPClass::$class($module::AMQPMethod::$method(method)) => Ok(method),
                    _ => Err(Box::new(event)),
                }
            }
        }
    )*)* };
}

methods! {
    Connection connection {
        Start StartOk Secure SecureOk Tune TuneOk Open OpenOk Close CloseOk Blocked Unblocked
        UpdateSecret UpdateSecretOk
    }
    Channel channel { Open OpenOk Flow FlowOk Close CloseOk }
    Access access { Request RequestOk }
    Exchange exchange { Declare DeclareOk Delete DeleteOk Bind BindOk Unbind UnbindOk }
    Queue queue { Declare DeclareOk Bind BindOk Purge PurgeOk Delete DeleteOk Unbind UnbindOk }
    Basic basic {
        Qos QosOk Consume ConsumeOk Cancel CancelOk Publish Return Deliver Get GetOk GetEmpty
        Ack Reject RecoverAsync Recover RecoverOk Nack
    }
    Confirm confirm { Select SelectOk }
    Tx tx { Select SelectOk Commit CommitOk Rollback RollbackOk }
}
