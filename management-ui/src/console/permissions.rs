//! Who may do what where: tables of permissions and topic permissions, and forms that set them. They stand on the pages
//! about a virtual host and about a user.

mod matrix;

use axum::Router;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::confirm::Action;
use super::form::{Form, Submission};
use super::page;
use super::table::{Badge, Bulk, Cell, Column, Kind, Sheet, Table};
use super::undo::Undoing;
use super::visit::Visit;
use super::{format, users, vhosts};
use matrix::Matrix;

/// Whose page it is.
#[derive(Clone, Copy)]
pub(super) enum Whose<'a> {
    VHost(&'a str),
    User(&'a str),
}

/// All that such a page shows of permissions.
pub(super) struct Permissions {
    pub(super) table: Table,
    pub(super) topics: Table,
    pub(super) may_change: bool,
    /// Whom they can be given to; one on a user's page.
    pub(super) users: Vec<String>,
    /// Where; one on a virtual host's page.
    pub(super) vhosts: Vec<String>,
    /// What the forms show at first.
    pub(super) draft: Draft,
    pub(super) topic_draft: Draft,
    /// The page to come back to.
    pub(super) back: String,
}

/// What a form shows before anything was typed: nothing, or what is to be changed.
#[derive(Default)]
pub(super) struct Draft {
    /// Does the form stand open?
    pub(super) is_open: bool,
    /// Is something given that is to be changed?
    pub(super) is_given: bool,
    pub(super) user: String,
    pub(super) vhost: String,
    pub(super) exchange: String,
    pub(super) configure: String,
    pub(super) write: String,
    pub(super) read: String,
}

const NOUNS: (&str, &str) = ("permission", "permissions");
const TOPIC_NOUNS: (&str, &str) = ("topic permission", "topic permissions");
const KEY: &[&str] = &["vhost", "user"];
const TOPIC_KEY: &[&str] = &["vhost", "user", "exchange"];
const REMOVE: &[Bulk] = &[Bulk::new("remove-permission", "Remove")];
const REMOVE_TOPIC: &[Bulk] = &[Bulk::new("remove-topic-permission", "Remove")];

const VHOST: Column = Column::usual("vhost", "Virtual host", Kind::Of(vhost));
const USER: Column = Column::usual("user", "User", Kind::Of(user));
const EXCHANGE: Column = Column::usual("exchange", "Exchange", Kind::Text);
const CONFIGURE: Column = Column::usual("configure", "Configure", Kind::Of(configure))
    .about("Queues and exchanges that may be declared and deleted");
const WRITE: Column = Column::usual("write", "Write", Kind::Of(write))
    .about("Exchanges that may be published to, queues that may be bound");
const READ: Column = Column::usual("read", "Read", Kind::Of(read))
    .about("Queues that may be consumed from, exchanges that may be bound to");
const CHANGE: Column = Column::usual("change", "Change", Kind::Of(change));

/// Of a virtual host.
static OF_VHOST: Sheet = Sheet {
    command: "",
    one: None,
    fixed: |_| false,
    columns: &[USER, CONFIGURE, WRITE, READ, CHANGE],
    ..sheet("permissions", NOUNS, KEY, REMOVE)
};
/// Of a user.
static OF_USER: Sheet = Sheet {
    command: "",
    one: None,
    fixed: |_| false,
    columns: &[VHOST, CONFIGURE, WRITE, READ, CHANGE],
    ..sheet("permissions", NOUNS, KEY, REMOVE)
};
static TOPICS_OF_VHOST: Sheet = Sheet {
    command: "",
    one: None,
    fixed: |_| false,
    columns: &[USER, EXCHANGE, WRITE, READ, CHANGE],
    ..sheet("topic-permissions", TOPIC_NOUNS, TOPIC_KEY, REMOVE_TOPIC)
};
static TOPICS_OF_USER: Sheet = Sheet {
    command: "",
    one: None,
    fixed: |_| false,
    columns: &[VHOST, EXCHANGE, WRITE, READ, CHANGE],
    ..sheet("topic-permissions", TOPIC_NOUNS, TOPIC_KEY, REMOVE_TOPIC)
};

const fn sheet(
    id: &'static str,
    nouns: (&'static str, &'static str),
    key: &'static [&'static str],
    bulk: &'static [Bulk],
) -> Sheet {
    Sheet {
        id,
        path: &[],
        nouns,
        command: "",
        one: None,
        fixed: |_| false,
        columns: &[],
        key,
        bulk,
    }
}

/// What can be done to permissions.
pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "remove-permission",
        verb: "Remove",
        done: "removed",
        nouns: NOUNS,
        destroys: false,
        to_queue: None,
        list: &["permissions"],
        key: KEY,
        look: Some(|key| connections(key[0], key[1])),
        loss,
        call: |key| Call::delete(&["permissions", key[0], key[1]]),
        undo: Some(Undoing {
            look: |key| Call::get(&["permissions", key[0], key[1]]),
            call: |key, before| Call::put(&["permissions", key[0], key[1]]).body(before.clone()),
            done: "given back",
        }),
    },
    Action {
        name: "remove-topic-permission",
        verb: "Remove",
        done: "removed",
        nouns: TOPIC_NOUNS,
        destroys: false,
        to_queue: None,
        list: &["topic-permissions"],
        key: TOPIC_KEY,
        look: None,
        loss: |_| String::new(),
        call: |key| Call::delete(&["topic-permissions", key[0], key[1], key[2]]),
        undo: Some(Undoing {
            look: |key| Call::get(&["topic-permissions", key[0], key[1]]),
            call: |key, before| {
                let path = ["topic-permissions", key[0], key[1]];
                let before = list(before).iter().find(|row| row["exchange"] == key[2]);
                Call::put(&path).body(before.cloned().unwrap_or_default())
            },
            done: "given back",
        }),
    },
];

/// How many connections a user has to a virtual host.
fn connections(vhost: &str, user: &str) -> Call {
    users::connections_of(user).header("x-vhost", vhost)
}

fn loss(connections: &Value) -> String {
    let open = format::several(&[(
        &connections["filtered_count"],
        "open connection",
        "open connections",
    )]);
    match open.is_empty() {
        true => open,
        false => format!("{open} may do nothing any more"),
    }
}

impl Permissions {
    /// All permissions of a page's object. The parameters `user`, `vhost` and `exchange` of the address say which of them is
    /// to be changed.
    ///
    /// # Errors
    /// What the API refuses.
    pub(super) async fn load(visit: &Visit, whose: Whose<'_>) -> Result<Self, Problem> {
        let (path, name) = match whose {
            Whose::VHost(name) => ("vhosts", name),
            Whose::User(name) => ("users", name),
        };
        let back = visit.address.without(&["edit", "exchange", whose.other()]);
        let mut rows = visit.get(&[path, name, "permissions"]).await?;
        let mut topics = visit.get(&[path, name, "topic-permissions"]).await?;
        let may_change = visit.may_administer();
        if may_change {
            for rows in [&mut rows, &mut topics] {
                whose.offer_changes(rows, &back);
            }
        }
        let (sheet, topic_sheet) = match whose {
            Whose::VHost(_) => (&OF_VHOST, &TOPICS_OF_VHOST),
            Whose::User(_) => (&OF_USER, &TOPICS_OF_USER),
        };
        let (users, vhosts) = whose.choices(visit).await?;
        Ok(Self {
            draft: Draft::find(visit, whose, list(&rows), "permission"),
            topic_draft: Draft::find(visit, whose, list(&topics), "topic"),
            table: sheet.of(visit, list(&rows)).actions_if(may_change),
            topics: topic_sheet.of(visit, list(&topics)).actions_if(may_change),
            may_change,
            users,
            vhosts,
            back: back.to_string(),
        })
    }
}

impl Whose<'_> {
    /// What the page's permissions differ by.
    fn other(self) -> &'static str {
        match self {
            Self::VHost(_) => "user",
            Self::User(_) => "vhost",
        }
    }

    /// Tells every row where it can be changed.
    fn offer_changes(self, rows: &mut Value, back: &Address) {
        for row in rows.as_array_mut().into_iter().flatten() {
            let text = |field: &str| row[field].as_str().unwrap_or_default();
            let to = back.with(self.other(), text(self.other()));
            let to = match row["exchange"].as_str() {
                Some(exchange) => to.with("edit", "topic").with("exchange", exchange),
                None => to.with("edit", "permission"),
            };
            row["change"] = to.to_string().into();
        }
    }

    /// The users and virtual hosts that a form offers.
    async fn choices(self, visit: &Visit) -> Result<(Vec<String>, Vec<String>), Problem> {
        let one = |name: &str| vec![name.to_owned()];
        let all = async |path: &str| {
            let call = Call::get(&[path]).with("columns", "name");
            let found = visit.call(call.with("disable_stats", "true")).await?;
            let names = list(&found).iter().filter_map(|row| row["name"].as_str());
            Ok(names.map(str::to_owned).collect())
        };
        Ok(match self {
            Self::VHost(name) => (all("users").await?, one(name)),
            Self::User(name) => (one(name), all("vhosts").await?),
        })
    }
}

impl Draft {
    fn find(visit: &Visit, whose: Whose<'_>, rows: &[Value], kind: &str) -> Self {
        let asked = |field: &str| visit.address.get(field).unwrap_or_default();
        let other = whose.other();
        let wanted = |row: &&Value| {
            row[other] == asked(other)
                && (row["exchange"].is_null() || row["exchange"] == asked("exchange"))
        };
        if asked("edit") != kind {
            return Self::default();
        }
        let found = rows.iter().find(wanted);
        let text = |field: &str| {
            let given = found.and_then(|row| row[field].as_str());
            given.unwrap_or_default().to_owned()
        };
        let named = |field: &str| match field == other {
            true => asked(other).to_owned(),
            false => text(field),
        };
        Self {
            is_open: true,
            is_given: found.is_some(),
            user: named("user"),
            vhost: named("vhost"),
            exchange: text("exchange"),
            configure: text("configure"),
            write: text("write"),
            read: text("read"),
        }
    }

    /// The fields of a form for permissions: name, title, value.
    pub(super) fn patterns(&self) -> [(&'static str, &'static str, &str); 3] {
        [
            ("configure", "Configure", &self.configure),
            ("write", "Write", &self.write),
            ("read", "Read", &self.read),
        ]
    }

    /// Those of a form for topic permissions.
    pub(super) fn topic_patterns(&self) -> [(&'static str, &'static str, &str); 2] {
        [
            ("write", "Keys to publish with", &self.write),
            ("read", "Keys to bind with", &self.read),
        ]
    }
}

fn list(rows: &Value) -> &[Value] {
    rows.as_array().map_or(&[], Vec::as_slice)
}

/// The page of all of them, and what the forms do.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::still::<Matrix>(router)
        .route("/console/set-permission", post(set))
        .route("/console/set-topic-permission", post(set_topic))
}

/// `POST /console/set-permission`
async fn set(submission: Submission) -> Response {
    let form = &submission.form;
    let (user, vhost) = (form.text("user"), form.text("vhost"));
    let call = Call::put(&["permissions", vhost, user]).body(patterns(form));
    let done = format!("Permissions of {user} in {vhost} set");
    let to = Address::parse_whole(form.text("back"));
    submission.carry_out(Ok(call), done, to).await
}

/// `POST /console/set-topic-permission`
async fn set_topic(submission: Submission) -> Response {
    let form = &submission.form;
    let (user, vhost) = (form.text("user"), form.text("vhost"));
    let call = Call::put(&["topic-permissions", vhost, user]).body(json!({
        "exchange": form.text("exchange"),
        "write": form.text("write"),
        "read": form.text("read"),
    }));
    let done = format!("Topic permissions of {user} in {vhost} set");
    let to = Address::parse_whole(form.text("back"));
    submission.carry_out(Ok(call), done, to).await
}

/// The three patterns that a form says: for one prefix, or one by one.
fn patterns(form: &Form) -> Value {
    match form.get("prefix") {
        Some(prefix) => patterns_of(Some(prefix)),
        None => json!({
            "configure": form.text("configure"),
            "write": form.text("write"),
            "read": form.text("read"),
        }),
    }
}

/// The same pattern three times: all names, or those that begin with `prefix`.
pub(super) fn patterns_of(prefix: Option<&str>) -> Value {
    let pattern = prefix.map_or(".*".to_owned(), of_prefix);
    json!({ "configure": pattern, "write": pattern, "read": pattern })
}

/// The pattern of names that begin with `prefix`.
fn of_prefix(prefix: &str) -> String {
    format!("^{}.*", regex::escape(prefix))
}

fn vhost(row: &Value) -> Cell {
    let name = row["vhost"].as_str().unwrap_or_default();
    Cell::link(&vhosts::of_vhost(name), name)
}

fn user(row: &Value) -> Cell {
    let name = row["user"].as_str().unwrap_or_default();
    Cell::link(&users::of_user(name), name)
}

fn configure(row: &Value) -> Cell {
    pattern(&row["configure"])
}

fn write(row: &Value) -> Cell {
    pattern(&row["write"])
}

fn read(row: &Value) -> Cell {
    pattern(&row["read"])
}

fn pattern(pattern: &Value) -> Cell {
    match pattern.as_str().unwrap_or_default() {
        "" => Cell::Badges(vec![Badge::new(
            "nothing",
            "An empty pattern allows nothing",
        )]),
        text => Cell::Text(text.to_owned()),
    }
}

fn change(row: &Value) -> Cell {
    match row["change"].as_str() {
        Some(to) => Cell::Link {
            to: to.to_owned(),
            text: "Change".to_owned(),
            quiet: String::new(),
        },
        None => Cell::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prefix: &str, expected: &str) {
        assert_eq!(of_prefix(prefix), expected);
    }

    #[test]
    fn a_prefix_is_taken_as_it_is() {
        check("orders.", "^orders\\..*");
        check("a/b_", "^a/b_.*");
        check("a+(b", "^a\\+\\(b.*");
    }
}
