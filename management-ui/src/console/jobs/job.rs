//! `job`: how it stands with one, and a way to stop it.

use askama::Template;
use serde_json::Value;

use super::{progress, rate, source, state, target, task};
use crate::console::client::{Call, Problem};
use crate::console::copy_as::CopyAs;
use crate::console::page::{Page, Part};
use crate::console::shell::Shell;
use crate::console::table::{self, Cell};
use crate::console::visit::Visit;

/// The page.
#[derive(Template)]
#[template(path = "jobs/job.html", blocks = ["state"])]
pub(super) struct JobPage {
    shell: Shell,
    /// As the API answers it.
    job: Value,
    copy_as: CopyAs,
    task: String,
    source: Cell,
    target: Cell,
    state: Cell,
    progress: Cell,
    rate: Cell,
    /// What an action knows it by.
    key: String,
    may_stop: bool,
}

impl Page for JobPage {
    const NAME: &'static str = "job";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let id = visit.required("id")?;
        let call = Call::get(&["jobs", id]);
        let job = visit.call(call.clone()).await?;
        let owns = job["user"].as_str() == Some(visit.user.name());
        Ok(Self {
            shell: Shell::new(visit, format!("Job {id}")),
            copy_as: CopyAs::new(visit, &call, None, &["list_jobs"]),
            task: task(&job),
            source: source(&job),
            target: target(&job),
            state: state(&job),
            progress: progress(&job),
            rate: rate(&job),
            key: Value::from(vec![job["id"].clone()]).to_string(),
            may_stop: !visit.is_read_only() && (owns || visit.is_administrator()),
            job,
        })
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part::new("state", &self.as_state())]
    }
}

impl JobPage {
    fn number(&self, field: &str) -> Cell {
        table::number(self.job["progress"].get(field))
    }

    fn time(&self, field: &str) -> Cell {
        table::time(self.job.get(field))
    }
}
