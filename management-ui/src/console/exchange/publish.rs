//! `exchange-publish`: a message by hand.

use askama::Template;

use super::Head;
use crate::console::client::Problem;
use crate::console::page::Page;
use crate::console::publish::Publishing;
use crate::console::shell::Shell;
use crate::console::visit::Visit;

/// The page.
#[derive(Template)]
#[template(path = "exchange/publish.html")]
pub(in crate::console) struct Publish {
    shell: Shell,
    head: Head,
    publishing: Option<Publishing>,
}

impl Page for Publish {
    const NAME: &'static str = "exchange-publish";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        Ok(Self {
            shell: Shell::new(visit, head.title()),
            publishing: match head.is_internal() {
                true => None,
                false => Publishing::new(visit, &head.vhost, &head.name, None),
            },
            head,
        })
    }
}
