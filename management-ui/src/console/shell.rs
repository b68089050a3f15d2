//! The frame of all pages: where one is, who one is, where one can go.

use super::address::Address;
use super::form::{Form, Refused};
use super::session::Flash;
use super::visit::Visit;

/// What the frame shows.
pub(crate) struct Shell {
    pub(crate) title: String,
    pub(crate) node: String,
    pub(crate) version: &'static str,
    /// Who has logged in.
    pub(crate) user: String,
    pub(crate) tags: String,
    pub(crate) csrf: String,
    pub(crate) theme: &'static str,
    pub(crate) address: Address,
    /// All vhosts that the user sees.
    pub(crate) vhosts: Vec<String>,
    /// The one that lists are about.
    pub(crate) vhost: Option<String>,
    pub(crate) flash: Option<Flash>,
    pub(crate) refused: Option<Refused>,
    /// The form that the address fills, if it does.
    prefilled: Option<Form>,
    /// Everything is shown and nothing changed.
    pub(crate) read_only: bool,
    navigation: Vec<Group>,
}

/// Pages that belong together.
pub(crate) struct Group {
    pub(crate) title: &'static str,
    pub(crate) links: Vec<Link>,
}

/// A way to a page.
pub(crate) struct Link {
    pub(crate) page: &'static str,
    pub(crate) title: &'static str,
    /// The key after `g` that leads there.
    pub(crate) key: &'static str,
    /// Are we there?
    pub(crate) here: bool,
}

/// Who sees a link.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Everybody,
    Monitoring,
    Administrator,
}

/// All pages that one can go to from everywhere: title, page, key, whom it is for, and the pages that lie below it.
const NAVIGATION: &[(&str, &[Entry])] = &[
    (
        "",
        &[entry("Overview", "overview", "o", For::Everybody, &[])],
    ),
    (
        "Messages",
        &[
            entry(
                "Queues",
                "queues",
                "q",
                For::Everybody,
                &["queue", "message"],
            ),
            entry("Exchanges", "exchanges", "e", For::Everybody, &["exchange"]),
            entry("Bindings", "bindings", "b", For::Everybody, &[]),
            entry("Dead letters", "dead-letters", "d", For::Everybody, &[]),
            entry("Jobs", "jobs", "j", For::Everybody, &["job", "start-job"]),
        ],
    ),
    (
        "Clients",
        &[
            entry(
                "Connections",
                "connections",
                "c",
                For::Everybody,
                &["connection"],
            ),
            entry("Channels", "channels", "h", For::Everybody, &["channel"]),
            entry("Consumers", "consumers", "s", For::Everybody, &[]),
        ],
    ),
    (
        "Administration",
        &[
            entry("Virtual hosts", "vhosts", "v", For::Everybody, &["vhost"]),
            entry(
                "Users",
                "users",
                "u",
                For::Administrator,
                &["user", "permissions"],
            ),
            entry("Policies", "policies", "p", For::Everybody, &["policy"]),
            entry("Limits", "limits", "l", For::Everybody, &[]),
            entry("Definitions", "definitions", "i", For::Everybody, &[]),
            entry("Node", "node", "n", For::Monitoring, &[]),
        ],
    ),
];

struct Entry {
    title: &'static str,
    page: &'static str,
    key: &'static str,
    whom: For,
    below: &'static [&'static str],
}

const fn entry(
    title: &'static str,
    page: &'static str,
    key: &'static str,
    whom: For,
    below: &'static [&'static str],
) -> Entry {
    Entry {
        title,
        page,
        key,
        whom,
        below,
    }
}

impl Shell {
    /// The frame of a page called `title`.
    pub(crate) fn new(visit: &Visit, title: impl Into<String>) -> Self {
        let site = &visit.console.site;
        let sees = |name: &str| {
            let users = site.broker.users();
            visit.may_monitor() || users.require_vhost(&visit.user, name).is_ok()
        };
        let names = site.vhost_names();
        let vhosts = names.iter().filter(|name| sees(name));
        Self {
            title: title.into(),
            node: site.node().to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            user: visit.user.name().to_owned(),
            tags: visit.user.tags().join(", "),
            csrf: visit.csrf.clone(),
            theme: visit.theme,
            address: visit.address.clone(),
            vhosts: vhosts.map(|name| name.to_string()).collect(),
            vhost: visit.vhost().map(str::to_owned),
            flash: visit.flash.clone(),
            refused: visit.refused.clone(),
            prefilled: Form::of_address(&visit.address),
            read_only: visit.is_read_only(),
            navigation: navigation(visit),
        }
    }

    /// The ways to all pages.
    pub(crate) fn navigation(&self) -> &[Group] {
        &self.navigation
    }

    /// The page of lists that this one belongs to: another vhost is chosen for it, not for a page about one object.
    pub(crate) fn list(&self) -> &str {
        if self.address.page().ends_with("-groups") {
            return self.address.page();
        }
        let mut links = self.navigation.iter().flat_map(|group| &group.links);
        let here = links.find(|link| link.here);
        here.map_or("overview", |link| link.page)
    }

    /// The address of another page about the same vhost.
    pub(crate) fn to(&self, page: &str) -> String {
        let address = Address::new(page);
        match &self.vhost {
            Some(vhost) => address.with("vhost", vhost).to_string(),
            None => address.to_string(),
        }
    }

    /// Was the form `name` just refused?
    pub(crate) fn is_refused(&self, name: &str) -> bool {
        self.problem(name).is_some()
    }

    /// Does the form `name` stand open at first? So it does when it comes filled.
    pub(crate) fn is_open(&self, name: &str) -> bool {
        self.filled(name).is_some()
    }

    /// What the form `name` comes filled with: what was typed before it was refused, or what the address says,
    /// with `form=NAME` and its fields.
    fn filled(&self, name: &str) -> Option<&Form> {
        match &self.refused {
            Some(refused) => (refused.form == name).then_some(&refused.typed),
            None => self
                .prefilled
                .as_ref()
                .filter(|form| form.text("form") == name),
        }
    }

    /// Has a form come filled, unless the address or its last visitor has filled one.
    pub(crate) fn fill(&mut self, form: Form) {
        self.prefilled.get_or_insert(form);
    }

    /// Why the form `name` was refused, if it was.
    pub(crate) fn problem(&self, name: &str) -> Option<&str> {
        let refused = self.refused.as_ref()?;
        (refused.form == name).then_some(refused.problem.reason.as_str())
    }

    /// What was typed into a field of the form `name` before it was refused; else `default`.
    pub(crate) fn typed<'a>(&'a self, name: &str, field: &str, default: &'a str) -> &'a str {
        self.filled(name).map_or(default, |form| form.text(field))
    }
}

impl Shell {
    /// The vhost that a form is about at first.
    pub(crate) fn default_vhost(&self) -> &str {
        let first = self.vhosts.first().map(String::as_str);
        self.vhost.as_deref().or(first).unwrap_or_default()
    }

    /// Is a field of the form `name` ticked?
    pub(crate) fn ticked(&self, name: &str, field: &str, default: &bool) -> bool {
        let filled = self.filled(name);
        filled.map_or(*default, |form| form.is_ticked(field))
    }

    /// The rows of a table of arguments, as key, type and value: those that were typed, and an empty one.
    pub(crate) fn typed_table(&self, name: &str, field: &str) -> Vec<(String, String, String)> {
        let filled = self.filled(name);
        let mut rows = filled.map_or_else(Vec::new, |form| form.rows(field));
        rows.push((String::new(), "string".to_owned(), String::new()));
        rows
    }
}

fn navigation(visit: &Visit) -> Vec<Group> {
    let sees = |whom: For| match whom {
        For::Everybody => true,
        For::Monitoring => visit.may_monitor(),
        For::Administrator => visit.is_administrator(),
    };
    let here = visit.address.page();
    // `queue-consumers` is one of the pages about a queue.
    let object = here.split('-').next().unwrap_or(here);
    let link = |entry: &Entry| Link {
        page: entry.page,
        title: entry.title,
        key: entry.key,
        here: entry.page == here || entry.below.contains(&object),
    };
    let group = |(title, entries): &(&'static str, &[Entry])| Group {
        title,
        links: entries
            .iter()
            .filter(|entry| sees(entry.whom))
            .map(link)
            .collect(),
    };
    NAVIGATION.iter().map(group).collect()
}
