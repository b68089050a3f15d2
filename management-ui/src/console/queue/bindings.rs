//! `queue-bindings`: where its messages come from.

use askama::Template;

use super::Head;
use crate::console::bindings::{self, End, Ends};
use crate::console::client::Problem;
use crate::console::page::{Page, Part};
use crate::console::shell::Shell;
use crate::console::visit::Visit;

/// The page.
#[derive(Template)]
#[template(path = "queue/bindings.html", blocks = ["from"])]
pub(in crate::console) struct Bindings {
    shell: Shell,
    head: Head,
    from: bindings::Bindings,
    /// What the buttons that unbind belong to.
    unbind: String,
    /// A form that adds a binding.
    bind: String,
}

impl Page for Bindings {
    const NAME: &'static str = "queue-bindings";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        let shell = Shell::new(visit, head.name.clone());
        let may_bind = head.may.write;
        let list = head.call(&["bindings"]);
        let from = bindings::Bindings::load(visit, list, End::Source, may_bind).await?;
        let ends = Ends {
            vhost: Some(&head.vhost),
            source: None,
            queue: Some(&head.name),
            // The one with the default exchange is always there.
            first: from.total() <= 1,
        };
        let (bind, unbind) = match may_bind {
            true => (
                bindings::form(visit, &shell, ends).await?,
                bindings::unbind_form(visit, &shell),
            ),
            false => Default::default(),
        };
        Ok(Self {
            from,
            unbind,
            bind,
            shell,
            head,
        })
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = self.head.parts();
        parts.push(Part::new("from", &self.as_from()));
        parts
    }
}

impl Bindings {
    /// Where all bindings to it are, however many there are.
    fn all(&self) -> String {
        bindings::all(&self.head.vhost, "destination", &self.head.name).to_string()
    }
}
