//! `node-health`: the checks that probes ask for, with what they say now.

use askama::Template;
use std::time::Duration;

use super::Head;
use crate::console::client::{Call, Problem};
use crate::console::page::{Page, Part};
use crate::console::shell::Shell;
use crate::console::table::Cell;
use crate::console::visit::Visit;

/// What there is to check: path, what it tells, and whether a probe needs a password.
const CHECKS: &[(&[&str], &str, bool)] = &[
    (&["is-in-service"], "Clients are served", false),
    (
        &["ready-to-serve-clients"],
        "Clients are served, and there is room for one more",
        false,
    ),
    (
        &["below-node-connection-limit"],
        "There is room for one more connection",
        false,
    ),
    (
        &["alarms"],
        "No alarm: publishers may publish, and the store works",
        true,
    ),
    (&["virtual-hosts"], "All virtual hosts work", true),
    (
        &["metadata-store", "initialized"],
        "Definitions can be read and changed",
        true,
    ),
    (
        &["protocol-listener", "amqp"],
        "Somebody listens for AMQP",
        true,
    ),
    (
        &["certificate-expiration", "1", "months"],
        "No certificate expires within a month",
        true,
    ),
    (&["node-is-quorum-critical"], "The node may stop", true),
];

/// The page.
#[derive(Template)]
#[template(path = "node/health.html")]
pub(in crate::console) struct Health {
    shell: Shell,
    head: Head,
    checks: Vec<Check>,
}

struct Check {
    about: &'static str,
    outcome: Outcome,
    /// A command that fails when the check does.
    probe: String,
}

/// What a check says now.
#[derive(Template)]
#[template(path = "node/outcome.html")]
struct Outcome {
    state: Cell,
    /// Why it fails; empty when it does not.
    reason: String,
}

impl Page for Health {
    const NAME: &'static str = "node-health";
    const PERIOD: Duration = Duration::from_secs(5);

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let mut checks = Vec::new();
        for check in CHECKS {
            checks.push(Check::run(visit, check).await);
        }
        Ok(Self {
            head: Head::load(visit).await?,
            shell: Shell::new(visit, "Node"),
            checks,
        })
    }

    fn parts(&self) -> Vec<Part> {
        let checks = self.checks.iter().enumerate();
        let part = |(index, check): (usize, &Check)| {
            Part::new(&format!("check-{}", index + 1), &check.outcome)
        };
        checks.map(part).collect()
    }
}

impl Check {
    async fn run(
        visit: &Visit,
        (path, about, with_password): &(&[&str], &'static str, bool),
    ) -> Self {
        let call = Call::get(&[&["health", "checks"], *path].concat());
        let user = match with_password {
            true => " -u USER:PASSWORD",
            false => "",
        };
        let (origin, prefix) = (visit.origin(), visit.prefix());
        let probe = format!("curl -fsS{user} {origin}{prefix}{}", call.path);
        let (state, reason) = match visit.call(call).await {
            Ok(_) => (Cell::state("good", "ok"), String::new()),
            Err(problem) => (Cell::state("bad", "failed"), problem.reason),
        };
        Self {
            about,
            outcome: Outcome { state, reason },
            probe,
        }
    }
}
