//! Importing: a document is understood, compared, and then holds as a whole, or not at all.

use ferrymq_broker::broker::{Batch, BatchError};
use ferrymq_broker::{Broker, CommitPoint, clock};
use serde_json::Value as Json;
use tracing::{info, warn};

use super::document::{Document, Scope, Unreadable};
use super::plan::{Outcome, Plan};

/// Sections whose objects depend on one another's order.
const SEQUENTIAL: [&str; 3] = ["users", "vhosts", "policies"];

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// It is no document.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// An object of it can't be: which, and why.
    #[error("{0}")]
    Refused(String),
    /// What it needs went away while it was read.
    #[error(transparent)]
    Broker(#[from] BatchError),
}

/// Imports a document on behalf of the user `by`; gives the point at which all of it is on disk. With very
/// many objects it takes too long for a thread that serves connections.
///
/// # Errors
/// When anything in it can't be. Then nothing has changed.
pub(crate) fn import(
    broker: &Broker,
    bytes: &[u8],
    scope: &Scope,
    by: &str,
) -> Result<CommitPoint, ImportError> {
    let document = Document::parse(bytes, scope)?;
    announce(&document);
    let plan = Plan::new(document, broker);
    if let Some(refused) = plan.refused() {
        return Err(ImportError::Refused(refused));
    }
    report(&plan);
    let batch: Batch = plan.batch;
    Ok(broker.declare_all(batch, by, clock::now())?)
}

/// What importing a document would change; nothing is.
///
/// # Errors
/// When it is no document.
pub(crate) fn dry_run(broker: &Broker, bytes: &[u8], scope: &Scope) -> Result<Json, Unreadable> {
    let document = Document::parse(bytes, scope)?;
    Ok(Plan::new(document, broker).to_json())
}

/// Compat: people look for these lines.
fn announce(document: &Document) {
    for (section, count) in document.counts() {
        if count > 0 {
            let how = match SEQUENTIAL.contains(&section) {
                true => "sequentially",
                false => "concurrently",
            };
            info!("Importing {how} {count} {section}...");
        }
    }
}

fn report(plan: &Plan) {
    for (place, outcome) in &plan.steps {
        if let Outcome::Skipped(why) = outcome {
            warn!("{place} is left out: {why}");
        }
    }
    for warning in &plan.warnings {
        warn!("{warning}");
    }
}
