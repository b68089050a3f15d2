//! `queue-settings`: what the queue was asked to be, by whom, and what counts.

use askama::Template;

use super::Head;
use super::effective::Effective;
use crate::console::address::Address;
use crate::console::client::Problem;
use crate::console::page::{Page, Part};
use crate::console::shell::Shell;
use crate::console::visit::Visit;

/// What policies take for part of a regular expression.
const SPECIAL: &str = r"\.+*?()|[]{}^$";

/// The page.
#[derive(Template)]
#[template(path = "queue/settings.html", blocks = ["settings"])]
pub(in crate::console) struct Settings {
    shell: Shell,
    head: Head,
    effective: Effective,
    /// The form for a policy that matches this queue only.
    to_policy: Option<String>,
    /// The form that declares a queue like this one.
    to_copy: Option<String>,
}

impl Page for Settings {
    const NAME: &'static str = "queue-settings";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        Ok(Self {
            shell: Shell::new(visit, head.name.clone()),
            effective: Effective::of(visit, &head),
            to_policy: visit.may_make_policies().then(|| to_policy(&head)),
            to_copy: (!visit.is_read_only()).then(|| to_copy(&head)),
            head,
        })
    }

    fn parts(&self) -> Vec<Part> {
        let mut parts = self.head.parts();
        parts.push(Part::new("settings", &self.as_settings()));
        parts
    }
}

fn to_policy(head: &Head) -> String {
    let form = Address::new("policies")
        .with("vhost", &head.vhost)
        .with("form", "put-policy")
        .with("pattern", &pattern(&head.name))
        .with("apply-to", "queues");
    format!("{form}#put-policy")
}

/// A regular expression that matches this name only.
fn pattern(name: &str) -> String {
    let mut pattern = "^".to_owned();
    for letter in name.chars() {
        if SPECIAL.contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + "$"
}

fn to_copy(head: &Head) -> String {
    let flag = |field: &str| match head.queue[field] == true {
        true => "true",
        false => "",
    };
    let mut form = Address::new("queues")
        .with("vhost", &head.vhost)
        .with("form", "declare-queue")
        .with("name", &format!("{}-copy", head.name))
        .with("durable", flag("durable"))
        .with("auto_delete", flag("auto_delete"));
    let arguments = head.queue["arguments"].as_object();
    for (name, value) in arguments.into_iter().flatten() {
        form = match (name.as_str(), value.as_str()) {
            ("x-queue-type", Some(kind)) => form.with("type", kind),
            (_, Some(text)) => row(form, name, "string", text),
            (_, None) => row(form, name, "json", &value.to_string()),
        };
    }
    format!("{form}#declare-queue")
}

/// With one more row of the form's table of arguments.
fn row(form: Address, name: &str, kind: &str, value: &str) -> Address {
    form.and("arguments-key", name)
        .and("arguments-type", kind)
        .and("arguments-value", value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_one_name() {
        assert_eq!(pattern("orders.eu/1"), r"^orders\.eu/1$");
        assert_eq!(pattern("a-b <é>"), "^a-b <é>$");
    }
}
