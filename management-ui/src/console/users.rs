//! `users`: everybody who may log in, and a form to add somebody.

use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::confirm::Action;
use super::filter;
use super::form::{Form, Submission};
use super::page::{self, Page, Part};
use super::permissions::patterns_of;
use super::shell::Shell;
use super::table::{Badge, Bulk, Cell, Column, Kind, Sheet, Table};
use super::visit::Visit;
use super::{format, vhosts};

/// All users.
pub(super) static SHEET: Sheet = Sheet {
    id: "users",
    path: &["users"],
    nouns: ("user", "users"),
    key: &["name"],
    bulk: &[Bulk::new("delete-user", "Delete")],
    command: "list_users",
    one: Some(|key| Call::get(&["users", key[0]])),
    fixed: |_| false,
    columns: &[
        Column::usual("name", "Name", Kind::Of(name)),
        Column::usual("tags", "Tags", Kind::Of(tags)),
        Column::usual("vhosts", "Virtual hosts", Kind::Of(open_vhosts))
            .about("Those that are open to the user"),
        Column::usual("password_hash", "Password", Kind::Of(password)),
        Column::usual("limits", "Limits", Kind::Of(limits)),
        Column::usual("last_login", "Last login", Kind::Time)
            .about("By AMQP, HTTP or here, since the broker started"),
    ],
};

/// What can be done to users.
pub(super) const ACTIONS: &[Action] = &[Action {
    name: "delete-user",
    verb: "Delete",
    done: "deleted",
    nouns: ("user", "users"),
    destroys: true,
    to_queue: None,
    list: &["users"],
    key: &["name"],
    look: Some(|key| connections_of(key[0])),
    undo: None,
    loss: |connections| {
        let count = &connections["filtered_count"];
        format::several(&[(count, "open connection", "open connections")])
    },
    call: |key| Call::delete(&["users", key[0]]),
}];

/// How many connections a user has: `filtered_count`.
pub(super) fn connections_of(user: &str) -> Call {
    Call::get(&["connections"])
        .with("filter", &exactly(user))
        .with("columns", "name")
        .with("page", "1")
        .with("page_size", "1")
}

/// The filter of what belongs to one user.
pub(super) fn exactly(user: &str) -> String {
    filter::exactly("user", user)
}

/// A tag, and what it lets somebody do.
pub(super) struct Tag {
    pub(super) name: &'static str,
    /// Its tick in a form.
    pub(super) field: &'static str,
    pub(super) about: &'static str,
}

/// The tags that mean something.
pub(super) const TAGS: [Tag; 5] = [
    Tag {
        name: "management",
        field: "tag-management",
        about: "may log in here, and see and do what its permissions allow",
    },
    Tag {
        name: "policymaker",
        field: "tag-policymaker",
        about: "and may set policies and parameters in its virtual hosts",
    },
    Tag {
        name: "monitoring",
        field: "tag-monitoring",
        about: "may see all virtual hosts, connections and the node",
    },
    Tag {
        name: "administrator",
        field: "tag-administrator",
        about: "may change users, virtual hosts and everything else",
    },
    Tag {
        name: "impersonator",
        field: "tag-impersonator",
        about: "may publish in the names of other users",
    },
];

/// The page.
#[derive(Template)]
#[template(path = "users.html")]
pub(super) struct Users {
    shell: Shell,
    table: Table,
    may_add: bool,
}

impl Page for Users {
    const NAME: &'static str = "users";
    const PERIOD: Duration = Duration::from_secs(2);

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let may_add = visit.may_administer();
        Ok(Self {
            shell: Shell::new(visit, "Users"),
            table: SHEET.load(visit).await?.actions_if(may_add),
            may_add,
        })
    }

    fn parts(&self) -> Vec<Part> {
        self.table.parts()
    }
}

/// The page, and what its form does.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<Users>(router).route("/console/add-user", post(add))
}

/// `POST /console/add-user`: with the permissions that the form gives, in one request.
async fn add(submission: Submission) -> Response {
    let form = &submission.form;
    let name = form.text("name").to_owned();
    let password = Password::chosen(form);
    let told = password.as_ref().map_or("", Password::told);
    let done = format!("User {name} added{told}");
    let call = match password {
        Ok(password) => addition(&submission, &name, &password).await,
        Err(problem) => Err(problem),
    };
    submission.carry_out(call, done, of_user(&name)).await
}

async fn addition(
    submission: &Submission,
    name: &str,
    password: &Password,
) -> Result<Call, Problem> {
    let Submission { visit, form, .. } = submission;
    require_new(visit, name).await?;
    let mut user = json!({ "tags": chosen_tags(form) });
    password.write(&mut user);
    match (form.get("vhost"), form.get("prefix")) {
        (Some(vhost), prefix) => user["permissions"] = json!({ vhost: patterns_of(prefix) }),
        (None, Some(_)) => {
            let reason = "Choose the virtual host that the prefix is for";
            return Err(Problem::bad_request(reason));
        }
        (None, None) => {}
    }
    Ok(Call::put(&["users", name]).body(user))
}

/// Setting a user again would change it.
///
/// # Errors
/// 400 when there is a user of this name, or it is none.
pub(super) async fn require_new(visit: &Visit, name: &str) -> Result<(), Problem> {
    if name.is_empty() {
        return Err(Problem::bad_request("A user needs a name"));
    }
    match visit.get(&["users", name]).await {
        Ok(_) => {
            let reason = format!("There is a user {name} already");
            Err(Problem::bad_request(reason))
        }
        Err(_) => Ok(()),
    }
}

/// The tags that are ticked, and those that were typed.
pub(super) fn chosen_tags(form: &Form) -> Vec<String> {
    let ticked = TAGS.iter().filter(|tag| form.is_ticked(tag.field));
    let ticked = ticked.map(|tag| tag.name);
    let typed = form.text("tags").split([',', ' ']).map(str::trim);
    let typed = typed.filter(|tag| !tag.is_empty());
    ticked.chain(typed).map(str::to_owned).collect()
}

/// What a form says about a password.
pub(super) enum Password {
    /// As it was, as the API shows it.
    Kept,
    /// There is to be none: only a certificate, or nothing, opens a connection.
    None,
    Given(String),
    /// One that nobody has chosen; it is told once.
    Generated {
        password: String,
        told: String,
    },
}

impl Password {
    /// # Errors
    /// 400 when it is missing, or was typed in two ways.
    pub(super) fn chosen(form: &Form) -> Result<Self, Problem> {
        match form.text("password-is") {
            "kept" => Ok(Self::Kept),
            "none" => Ok(Self::None),
            "generated" => Ok(Self::generated()),
            _ if form.text("password").is_empty() => Err(Problem::bad_request(
                "Type a password, or say that there is to be none",
            )),
            _ if form.text("password") != form.text("again") => {
                Err(Problem::bad_request("The two passwords differ"))
            }
            _ => Ok(Self::Given(form.text("password").to_owned())),
        }
    }

    fn generated() -> Self {
        let password = format!("{:032x}", rand::random::<u128>());
        Self::Generated {
            told: format!(". The password, which is shown only now: {password}"),
            password,
        }
    }

    /// What is to be told of it.
    pub(super) fn told(&self) -> &str {
        match self {
            Self::Generated { told, .. } => told,
            _ => "",
        }
    }

    /// Into a request that sets a user. What is kept has to be there already.
    pub(super) fn write(&self, user: &mut Value) {
        match self {
            Self::Kept => {}
            Self::None => user["password_hash"] = "".into(),
            Self::Given(password) | Self::Generated { password, .. } => {
                user["password"] = password.as_str().into();
            }
        }
    }
}

/// The page about a user.
pub(super) fn of_user(name: &str) -> Address {
    Address::new("user").with("name", name)
}

fn name(row: &Value) -> Cell {
    let name = row["name"].as_str().unwrap_or_default();
    Cell::link(&of_user(name), name)
}

/// Tags, explained.
pub(super) fn tags(row: &Value) -> Cell {
    let tags = row["tags"].as_array().into_iter().flatten();
    let badge = |tag: &str| {
        let known = TAGS.iter().find(|known| known.name == tag);
        Badge::new(
            tag,
            known.map_or("It means nothing here", |known| known.about),
        )
    };
    let badges: Vec<_> = tags.filter_map(Value::as_str).map(badge).collect();
    match badges.is_empty() {
        true => Cell::Nothing,
        false => Cell::Badges(badges),
    }
}

fn open_vhosts(row: &Value) -> Cell {
    let vhosts = row["vhosts"].as_array().into_iter().flatten();
    let vhosts = vhosts.filter_map(Value::as_str);
    let badge = |vhost| {
        let about = format!("To the virtual host {vhost}");
        Badge::new(vhost, about).to(&vhosts::of_vhost(vhost))
    };
    let badges: Vec<_> = vhosts.map(badge).collect();
    match badges.is_empty() {
        true => Cell::state("busy", "none"),
        false => Cell::Badges(badges),
    }
}

/// Is there one?
pub(super) fn password(row: &Value) -> Cell {
    match row["password_hash"].as_str() {
        None | Some("") => Cell::Badges(vec![Badge::new(
            "none",
            "Nobody can log in with a password",
        )]),
        Some(_) => Cell::Text("set".to_owned()),
    }
}

fn limits(row: &Value) -> Cell {
    let limits = row["limits"].as_object().into_iter().flatten();
    let badges: Vec<_> = limits
        .map(|(name, value)| Badge::new(format!("{name} {value}"), "The most that may be open"))
        .collect();
    match badges.is_empty() {
        true => Cell::Nothing,
        false => Cell::Badges(badges),
    }
}
