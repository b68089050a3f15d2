//! `queue`: how much it holds, how fast it moves, and what applies to it.

use askama::Template;

use super::Head;
use crate::console::charts::Charts;
use crate::console::client::Problem;
use crate::console::page::{Page, Part, Sample};
use crate::console::queues;
use crate::console::shell::Shell;
use crate::console::table::Cell;
use crate::console::visit::Visit;

/// The page.
#[derive(Template)]
#[template(path = "queue/overview.html", blocks = ["facts"])]
pub(in crate::console) struct Overview {
    shell: Shell,
    head: Head,
    state: Cell,
    features: Cell,
    charts: Charts,
}

impl Page for Overview {
    const NAME: &'static str = "queue";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        Ok(Self {
            shell: Shell::new(visit, head.name.clone()),
            state: queues::state(&head.queue),
            charts: Charts::new(
                visit,
                "queue",
                &[("vhost", &head.vhost), ("name", &head.name)],
                &head.queue,
            ),
            features: queues::features(&head.queue),
            head,
        })
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part::new("facts", &self.as_facts())]
    }

    fn samples(&self) -> Vec<Sample> {
        self.charts.samples()
    }
}
