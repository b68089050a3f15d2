//! Direct reply-to: answers that go straight to the requesting channel, through no queue.
//!
//! A requester's consumer gets a name that nobody can guess; a message published to the default
//! exchange with that name as routing key is delivered to it, if it is still there.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::RwLock;

use crate::session::outbox::{ConsumerNumber, Outbox};

/// The pseudo queue that requesters consume from and name in `reply-to`.
pub const PSEUDO_QUEUE: &str = "amq.rabbitmq.reply-to";

/// Is `name` the pseudo queue, or the name of somebody's?
pub fn is_reply_name(name: &str) -> bool {
    name.strip_prefix(PSEUDO_QUEUE)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Who waits for answers.
#[derive(Clone)]
pub struct Requester {
    /// The outbox of its connection.
    pub outbox: Arc<Outbox>,
    /// Its consumer's number there.
    pub number: ConsumerNumber,
}

/// All requesters, by the name that answers are published to.
#[derive(Default)]
pub struct ReplyTo(RwLock<HashMap<Box<str>, Requester>>);

impl ReplyTo {
    /// Gives a requester its name.
    pub fn register(&self, requester: Requester) -> Box<str> {
        let secret: [u8; 18] = rand::random();
        let name = format!("{PSEUDO_QUEUE}.{}", URL_SAFE_NO_PAD.encode(secret));
        let name = name.into_boxed_str();
        self.0.write().insert(name.clone(), requester);
        name
    }

    /// Takes the name back: answers to it go nowhere from now on.
    pub fn remove(&self, name: &str) {
        self.0.write().remove(name);
    }

    /// Who waits under `name`.
    pub fn find(&self, name: &str) -> Option<Requester> {
        self.0.read().get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::Notify;

    #[test]
    fn a_name_is_good_until_it_is_taken_back() {
        let reply_to = ReplyTo::default();
        let requester = Requester {
            outbox: Arc::new(Outbox::new(Arc::new(Notify::new()))),
            number: ConsumerNumber(7),
        };
        let name = reply_to.register(requester);
        assert!(is_reply_name(&name) && is_reply_name(PSEUDO_QUEUE));
        assert!(!is_reply_name("amq.rabbitmq.reply-tomato"));
        assert_eq!(reply_to.find(&name).unwrap().number, ConsumerNumber(7));
        reply_to.remove(&name);
        assert!(reply_to.find(&name).is_none());
    }
}
