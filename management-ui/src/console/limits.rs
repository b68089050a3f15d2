//! `limits`: how much there may be in virtual hosts, and how much users may open.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::confirm::Action;
use super::copy_as::CopyAs;
use super::form::Submission;
use super::page::{self, Page};
use super::shell::Shell;
use super::table::{Bulk, Cell, Column, Kind, Sheet, Table};
use super::visit::Visit;
use super::{users, vhosts};
use crate::api::limits::{OF_USERS, OF_VHOSTS};

/// Whose limits they are.
pub(super) struct Holder {
    /// Where the API has them.
    path: &'static str,
    /// The field of a row that holds the name of whoever has the limit.
    field: &'static str,
    /// What it is called.
    noun: &'static str,
    /// The names of the limits that there are.
    names: [&'static str; 2],
    /// The list of all who can have some.
    all: &'static str,
    sheet: &'static Sheet,
}

/// Of virtual hosts.
pub(super) const VHOSTS: Holder = Holder {
    path: "vhost-limits",
    field: "vhost",
    noun: "Virtual host",
    names: OF_VHOSTS,
    all: "vhosts",
    sheet: &VHOST_SHEET,
};

/// Of users.
pub(super) const USERS: Holder = Holder {
    path: "user-limits",
    field: "user",
    noun: "User",
    names: OF_USERS,
    all: "users",
    sheet: &USER_SHEET,
};

static VHOST_SHEET: Sheet = Sheet {
    id: "vhost-limits",
    path: &["vhost-limits"],
    key: &["vhost", "limit"],
    bulk: &[clear("clear-vhost-limit")],
    command: "",
    one: None,
    fixed: |_| false,
    columns: &[
        Column::usual("vhost", "Virtual host", Kind::Of(vhost)),
        LIMIT,
        VALUE,
    ],
    nouns: NOUNS,
};

static USER_SHEET: Sheet = Sheet {
    id: "user-limits",
    path: &["user-limits"],
    key: &["user", "limit"],
    bulk: &[clear("clear-user-limit")],
    command: "",
    one: None,
    fixed: |_| false,
    columns: &[Column::usual("user", "User", Kind::Of(user)), LIMIT, VALUE],
    nouns: NOUNS,
};

const NOUNS: (&str, &str) = ("limit", "limits");
const LIMIT: Column = Column::usual("limit", "Limit", Kind::Text);
const VALUE: Column = Column::usual("value", "At most", Kind::NumberOf(value));

const fn clear(action: &'static str) -> Bulk {
    Bulk::new(action, "Clear")
}

/// What can be done to limits.
pub(super) const ACTIONS: &[Action] = &[
    action("clear-vhost-limit", &["vhost", "limit"], |key| {
        Call::delete(&["vhost-limits", key[0], key[1]])
    }),
    action("clear-user-limit", &["user", "limit"], |key| {
        Call::delete(&["user-limits", key[0], key[1]])
    }),
];

const fn action(
    name: &'static str,
    key: &'static [&'static str],
    call: fn(&[&str]) -> Call,
) -> Action {
    Action {
        name,
        verb: "Clear",
        done: "cleared",
        nouns: NOUNS,
        destroys: false,
        to_queue: None,
        list: &[],
        key,
        look: None,
        undo: None,
        loss: |_| String::new(),
        call,
    }
}

/// Limits as a page shows them, and a form to set one.
pub(super) struct Limits {
    pub(super) table: Table,
    pub(super) may_change: bool,
    pub(super) form: &'static str,
    /// The field of the form that says whose limit it is.
    pub(super) field: &'static str,
    pub(super) noun: &'static str,
    pub(super) names: [&'static str; 2],
    /// Who may be chosen; one of these if the page is about somebody.
    pub(super) holders: Vec<String>,
    /// The page to come back to.
    pub(super) back: String,
}

impl Holder {
    /// The limits of one of them, or of all.
    ///
    /// # Errors
    /// What the API refuses.
    pub(super) async fn of(&self, visit: &Visit, one: Option<&str>) -> Result<Limits, Problem> {
        let call = match one {
            Some(name) => Call::get(&[self.path, name]),
            None => Call::get(&[self.path]),
        };
        let found = visit.call(call).await?;
        let may_change = visit.may_administer();
        let holders = match one {
            Some(name) => vec![name.to_owned()],
            None if may_change => self.holders(visit).await?,
            None => Vec::new(),
        };
        Ok(Limits {
            table: self
                .sheet
                .of(visit, &rows(self.field, &found))
                .actions_if(may_change),
            may_change,
            form: self.form(),
            field: self.field,
            noun: self.noun,
            names: self.names,
            holders,
            back: visit.address.without(&["edit"]).to_string(),
        })
    }

    fn form(&self) -> &'static str {
        match self.field {
            "user" => "set-user-limit",
            _ => "set-vhost-limit",
        }
    }

    async fn holders(&self, visit: &Visit) -> Result<Vec<String>, Problem> {
        let call = Call::get(&[self.all]).with("columns", "name");
        let found = visit.call(call.with("disable_stats", "true")).await?;
        let rows = found.as_array().into_iter().flatten();
        let names = rows.filter_map(|row| row["name"].as_str());
        Ok(names.map(str::to_owned).collect())
    }

    /// Sets the limit that a form says.
    async fn set(&self, submission: Submission) -> Response {
        let form = &submission.form;
        let (holder, limit) = (form.text(self.field), form.text("limit"));
        let value = form.text("value").trim().parse::<i64>();
        let value = value.map_err(|_| Problem::bad_request("A limit is a whole number"));
        let call = value
            .map(|value| Call::put(&[self.path, holder, limit]).body(json!({ "value": value })));
        let done = format!("{limit} of {holder} set");
        let to = Address::parse_whole(form.text("back"));
        submission.carry_out(call, done, to).await
    }
}

/// A row per limit, of the API's rows per holder.
fn rows(field: &str, found: &Value) -> Vec<Value> {
    let holders = found.as_array().into_iter().flatten();
    let limits = holders.flat_map(|row| {
        let values = row["value"].as_object().into_iter().flatten();
        values.map(|(limit, value)| json!({ field: row[field], "limit": limit, "value": value }))
    });
    limits.collect()
}

/// The page.
#[derive(Template)]
#[template(path = "limits.html")]
struct LimitsPage {
    shell: Shell,
    copy_as: CopyAs,
    of_vhosts: Limits,
    /// Administrators see them.
    of_users: Option<Limits>,
}

impl Page for LimitsPage {
    const NAME: &'static str = "limits";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let of_users = match visit.is_administrator() {
            true => Some(USERS.of(visit, None).await?),
            false => None,
        };
        let call = Call::get(&[VHOSTS.path]);
        Ok(Self {
            shell: Shell::new(visit, "Limits"),
            copy_as: CopyAs::new(visit, &call, None, &["list_vhost_limits", "--global"]),
            of_vhosts: VHOSTS.of(visit, None).await?,
            of_users,
        })
    }
}

/// The page, and what its forms do.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<LimitsPage>(router)
        .route("/console/set-vhost-limit", post(set_vhost))
        .route("/console/set-user-limit", post(set_user))
}

/// `POST /console/set-vhost-limit`
async fn set_vhost(submission: Submission) -> Response {
    VHOSTS.set(submission).await
}

/// `POST /console/set-user-limit`
async fn set_user(submission: Submission) -> Response {
    USERS.set(submission).await
}

fn vhost(row: &Value) -> Cell {
    let name = row["vhost"].as_str().unwrap_or_default();
    Cell::link(&vhosts::of_vhost(name), name)
}

fn user(row: &Value) -> Cell {
    let name = row["user"].as_str().unwrap_or_default();
    Cell::link(&users::of_user(name), name)
}

/// A negative limit is none.
fn value(row: &Value) -> Cell {
    match row["value"].as_i64() {
        Some(..0) => Cell::Text("no limit".to_owned()),
        _ => super::table::number(row.get("value")),
    }
}
