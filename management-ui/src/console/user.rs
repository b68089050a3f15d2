//! `user`: what somebody may do, and what would be refused; password, tags, limits.

mod question;

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::Console;
use super::address::Address;
use super::client::{Call, Problem};
use super::copy_as::CopyAs;
use super::form::Submission;
use super::limits::{self, Limits};
use super::page::{self, Page};
use super::permissions::{Permissions, Whose};
use super::shell::Shell;
use super::table::{self, Cell};
use super::users::{self, Password, TAGS, Tag};
use super::visit::Visit;
use question::Question;

/// The page.
#[derive(Template)]
#[template(path = "user.html")]
pub(super) struct User {
    shell: Shell,
    name: String,
    copy_as: CopyAs,
    tags: Cell,
    password: Cell,
    /// As the API answers it.
    user: Value,
    connections: Cell,
    permissions: Permissions,
    limits: Limits,
    question: Question,
    may_change: bool,
}

impl Page for User {
    const NAME: &'static str = "user";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let name = visit.required("name")?;
        let user = look(visit, name).await?;
        let found = visit.call(users::connections_of(name)).await?;
        Ok(Self {
            shell: Shell::new(visit, name),
            copy_as: CopyAs::new(visit, &of(name), None, &["list_user_permissions", name]),
            tags: users::tags(&user),
            password: users::password(&user),
            connections: table::number(found.get("filtered_count")),
            permissions: Permissions::load(visit, Whose::User(name)).await?,
            limits: limits::USERS.of(visit, Some(name)).await?,
            question: Question::asked(visit, name),
            may_change: visit.may_administer(),
            name: name.to_owned(),
            user,
        })
    }
}

impl User {
    /// What an action on this user knows it by.
    fn key(&self) -> String {
        Value::from(vec![self.name.as_str()]).to_string()
    }

    fn known_tags(&self) -> &'static [Tag] {
        &TAGS
    }

    fn has(&self, tag: &str) -> bool {
        self.own_tags().any(|own| own == tag)
    }

    /// Tags that mean nothing here.
    fn other_tags(&self) -> String {
        let known = |tag: &&str| TAGS.iter().any(|known| known.name == *tag);
        let others = self.own_tags().filter(|tag| !known(tag));
        others.collect::<Vec<_>>().join(", ")
    }

    fn own_tags(&self) -> impl Iterator<Item = &str> {
        let tags = self.user["tags"].as_array().into_iter().flatten();
        tags.filter_map(Value::as_str)
    }

    fn to_connections(&self) -> Address {
        Address::new("connections").with("filter", &users::exactly(&self.name))
    }
}

fn of(name: &str) -> Call {
    Call::get(&["users", name])
}

async fn look(visit: &Visit, name: &str) -> Result<Value, Problem> {
    let found = visit.call(of(name)).await;
    found.map_err(|problem| match problem.status {
        StatusCode::NOT_FOUND => Problem::not_found(format!("There is no user {name}")),
        _ => problem,
    })
}

/// The page, and what its forms do.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<User>(router)
        .route("/console/change-user", post(change))
        .route("/console/clone-user", post(clone))
}

/// `POST /console/change-user`: password and tags; what the form does not change stays.
async fn change(submission: Submission) -> Response {
    let name = submission.form.text("name").to_owned();
    let done = changed(&submission, &name).await;
    submission.finish(done, users::of_user(&name)).await
}

async fn changed(submission: &Submission, name: &str) -> Result<String, Problem> {
    let Submission { visit, form, .. } = submission;
    let password = Password::chosen(form)?;
    let current = look(visit, name).await?;
    let mut user = json!({ "tags": users::chosen_tags(form) });
    if let Password::Kept = password {
        user["password_hash"] = current["password_hash"].clone();
        user["hashing_algorithm"] = current["hashing_algorithm"].clone();
    }
    password.write(&mut user);
    visit.call(Call::put(&["users", name]).body(user)).await?;
    visit.keep_session_of(name);
    Ok(format!("User {name} changed{}", password.told()))
}

/// `POST /console/clone-user`: a new user who may do the same.
async fn clone(submission: Submission) -> Response {
    let name = submission.form.text("new-name").to_owned();
    let done = cloned(&submission, &name).await;
    submission.finish(done, users::of_user(&name)).await
}

async fn cloned(submission: &Submission, name: &str) -> Result<String, Problem> {
    let Submission { visit, form, .. } = submission;
    let password = Password::chosen(form)?;
    users::require_new(visit, name).await?;
    let like = form.text("name");
    let model = look(visit, like).await?;
    let mut user = json!({ "name": name, "tags": model["tags"], "limits": model["limits"] });
    password.write(&mut user);
    let mut rows = [Value::Null, Value::Null];
    for (kind, rows) in ["permissions", "topic-permissions"].iter().zip(&mut rows) {
        *rows = visit.get(&["users", like, kind]).await?;
        for row in rows.as_array_mut().into_iter().flatten() {
            row["user"] = name.into();
        }
    }
    let [permissions, topic_permissions] = rows;
    // One document, so that all of it holds or nothing.
    let document = json!({
        "users": [user],
        "permissions": permissions,
        "topic_permissions": topic_permissions,
    });
    visit
        .call(Call::post(&["definitions"]).body(document))
        .await?;
    Ok(format!(
        "User {name} added, who may do what {like} may{}",
        password.told()
    ))
}
