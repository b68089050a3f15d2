//! `overview`: is everything well, and how much is going on?

use askama::Template;
use serde_json::Value;

use super::client::{Call, Problem};
use super::page::{Page, Part};
use super::shell::Shell;
use super::visit::Visit;

/// The page.
#[derive(Template)]
#[template(path = "overview.html", blocks = ["tiles"])]
pub(super) struct Overview {
    shell: Shell,
    overview: Value,
}

impl Page for Overview {
    const NAME: &'static str = "overview";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        Ok(Self {
            shell: Shell::new(visit, "Overview"),
            overview: visit.call(Call::get(&["overview"])).await?,
        })
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part::new("tiles", &self.as_tiles())]
    }
}
