//! One object, as the API sets it: by the rules of a document that holds nothing else.

use ferrymq_broker::{Broker, CommitPoint, clock};
use serde_json::{Map, Value as Json};

use super::apply::ImportError;
use super::document::{Document, Scope};
use super::plan::{Outcome, Plan};

/// What setting an object came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Put {
    /// It was there, perhaps different.
    pub(crate) existed: bool,
    /// When it is on disk.
    pub(crate) point: CommitPoint,
}

/// Sets the first object of a document's `sections`, and with it what else they hold, on behalf of the user
/// `by`. Passwords may have to be hashed, and queues told of policies: not for a thread that serves connections.
///
/// # Errors
/// When anything in it can't be. Then nothing has changed.
pub(crate) fn put(
    broker: &Broker,
    sections: Map<String, Json>,
    by: &str,
) -> Result<Put, ImportError> {
    let plan = Plan::new(Document::of(sections, &Scope::Broker), broker);
    for (_, outcome) in &plan.steps {
        if let Outcome::Refused(why) | Outcome::Skipped(why) = outcome {
            return Err(ImportError::Refused(why.clone()));
        }
    }
    let first = plan.steps.first();
    let existed = first.is_some_and(|(_, outcome)| *outcome != Outcome::Added);
    let point = broker.declare_all(plan.batch, by, clock::now())?;
    Ok(Put { existed, point })
}
