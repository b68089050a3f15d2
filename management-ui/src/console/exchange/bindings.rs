//! `exchange-bindings`: where messages go from an exchange, and where they come to it from.

use askama::Template;

use super::Head;
use super::tree::{Tree, Way};
use crate::console::bindings::{self, Bindings, End, Ends};
use crate::console::client::{Call, Problem};
use crate::console::page::{Page, Part};
use crate::console::shell::Shell;
use crate::console::visit::Visit;

/// The page.
#[derive(Template)]
#[template(path = "exchange/bindings.html", blocks = ["from", "to"])]
pub(in crate::console) struct ExchangeBindings {
    shell: Shell,
    head: Head,
    from: Bindings,
    to: Bindings,
    /// What lies beyond other exchanges.
    down: Option<Tree>,
    up: Option<Tree>,
    /// What the buttons that unbind belong to.
    unbind: String,
    /// A form that adds a binding.
    bind: String,
}

impl Page for ExchangeBindings {
    const NAME: &'static str = "exchange-bindings";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        let shell = Shell::new(visit, head.title());
        let path = [
            "exchanges",
            &head.vhost,
            super::in_path(&head.name),
            "bindings",
        ];
        let list = |end| Call::get(&[&path[..], &[end]].concat());
        let from = list("source");
        let from = Bindings::load(visit, from, End::Destination, head.may_bind).await?;
        let ends = Ends {
            vhost: Some(&head.vhost),
            source: Some(&head.name),
            queue: None,
            first: from.is_empty(),
        };
        let bind = match head.may_bind {
            true => bindings::form(visit, &shell, ends).await?,
            false => String::new(),
        };
        let (down, up) = match visit.is_live {
            true => (None, None),
            false => (
                Tree::load(visit, &head, Way::Down).await?,
                Tree::load(visit, &head, Way::Up).await?,
            ),
        };
        Ok(Self {
            down,
            up,
            from,
            to: Bindings::load(visit, list("destination"), End::Source, head.may_bind).await?,
            unbind: bindings::unbind_form(visit, &shell),
            bind,
            shell,
            head,
        })
    }

    fn parts(&self) -> Vec<Part> {
        vec![
            Part::new("from", &self.as_from()),
            Part::new("to", &self.as_to()),
        ]
    }
}

impl ExchangeBindings {
    /// Where all bindings from it are, however many there are.
    fn all_from(&self) -> String {
        bindings::all(&self.head.vhost, "source", &self.head.name).to_string()
    }

    /// The same of those to it.
    fn all_to(&self) -> String {
        let to = bindings::all(&self.head.vhost, "destination", &self.head.name);
        let filter = to.get("filter").unwrap_or_default();
        let filter = format!("{filter} destination_type:exchange");
        to.with("filter", &filter).to_string()
    }
}
