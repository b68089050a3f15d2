//! `vhost`: a virtual host, who may do what in it, how much there may be in it, and what is known about it.

use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use serde_json::{Value, json};

use super::Console;
use super::address::Address;
use super::charts::Charts;
use super::client::{Call, Problem};
use super::copy_as::CopyAs;
use super::form::Submission;
use super::limits::{self, Limits};
use super::page::{self, Page, Part, Sample};
use super::permissions::{Permissions, Whose};
use super::shell::Shell;
use super::table::{self, Cell};
use super::vhosts;
use super::visit::Visit;

/// What definitions of a virtual host consist of.
const IN_VHOST: [&str; 5] = ["exchanges", "queues", "bindings", "policies", "parameters"];

/// The page.
#[derive(Template)]
#[template(path = "vhost.html", blocks = ["facts"])]
pub(super) struct VHost {
    shell: Shell,
    name: String,
    /// As the API answers it.
    vhost: Value,
    features: Cell,
    copy_as: CopyAs,
    charts: Charts,
    /// Administrators see them.
    permissions: Option<Permissions>,
    limits: Limits,
    may_change: bool,
    queue_types: [&'static str; 2],
    /// This page's address, for actions that come back.
    back: String,
}

impl Page for VHost {
    const NAME: &'static str = "vhost";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let name = visit.required("name")?;
        let vhost = look(visit, name).await?;
        let permissions = match visit.is_administrator() && !visit.is_live {
            true => Some(Permissions::load(visit, Whose::VHost(name)).await?),
            false => None,
        };
        Ok(Self {
            shell: Shell::new(visit, name),
            copy_as: CopyAs::new(visit, &of(name), None, &["list_vhosts"]),
            features: vhosts::features(&vhost),
            charts: Charts::new(visit, "vhost", &[("name", name)], &vhost),
            permissions,
            limits: limits::VHOSTS.of(visit, Some(name)).await?,
            may_change: visit.may_administer(),
            queue_types: vhosts::queue_types(),
            back: vhosts::of_vhost(name).to_string(),
            name: name.to_owned(),
            vhost,
        })
    }

    fn parts(&self) -> Vec<Part> {
        vec![Part::new("facts", &self.as_facts())]
    }

    fn samples(&self) -> Vec<Sample> {
        self.charts.samples()
    }
}

impl VHost {
    /// What an action on this virtual host knows it by.
    fn key(&self) -> String {
        Value::from(vec![self.name.as_str()]).to_string()
    }

    fn is(&self, field: &str) -> bool {
        self.vhost[field] == true
    }

    fn text(&self, field: &str) -> &str {
        self.vhost[field].as_str().unwrap_or_default()
    }

    fn tags(&self) -> String {
        let tags = self.vhost["tags"].as_array().into_iter().flatten();
        tags.filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// How many of a kind there are in it.
    fn total(&self, kind: &str) -> Cell {
        table::number(self.vhost["object_totals"].get(kind))
    }

    /// A list of what is in it.
    fn list(&self, page: &str) -> Address {
        Address::new(page).with("vhost", &self.name)
    }
}

fn of(name: &str) -> Call {
    Call::get(&["vhosts", name])
}

async fn look(visit: &Visit, name: &str) -> Result<Value, Problem> {
    let call = Charts::asked(visit, of(name));
    let found = visit.call(call).await;
    found.map_err(|problem| match problem.status {
        StatusCode::NOT_FOUND => Problem::not_found(format!("There is no virtual host {name}")),
        _ => problem,
    })
}

/// The page, and what its forms do.
pub(super) fn routes(router: Router<Console>) -> Router<Console> {
    page::route::<VHost>(router)
        .route("/console/change-vhost", post(change))
        .route("/console/clone-vhost", post(clone))
}

/// `POST /console/change-vhost`
async fn change(submission: Submission) -> Response {
    let name = submission.form.text("name").to_owned();
    let mut body = vhosts::metadata(&submission.form);
    // The API answers the type that counts, not whether the virtual host or the broker chose it: what was not
    // touched stays.
    if submission.form.text("default_queue_type") == submission.form.text("type_before") {
        body.as_object_mut()
            .and_then(|body| body.remove("default_queue_type"));
    }
    let call = Call::put(&["vhosts", &name]).body(body);
    let done = format!("Virtual host {name} changed");
    submission
        .carry_out(Ok(call), done, vhosts::of_vhost(&name))
        .await
}

/// `POST /console/clone-vhost`: a new virtual host with the same in it, but for messages.
async fn clone(submission: Submission) -> Response {
    let name = submission.form.text("new-name").to_owned();
    let done = cloned(&submission, &name).await;
    submission.finish(done, vhosts::of_vhost(&name)).await
}

async fn cloned(submission: &Submission, name: &str) -> Result<String, Problem> {
    let Submission { visit, form, .. } = submission;
    vhosts::require_new(visit, name).await?;
    let like = form.text("name");
    let mut model = visit.get(&["definitions", like]).await?;
    if let Some(metadata) = model["metadata"].as_object_mut() {
        metadata.remove("protected_from_deletion");
    }
    let mut document = json!({
        "vhosts": [{ "name": name, "metadata": model["metadata"], "limits": model["limits"] }],
    });
    for section in IN_VHOST {
        document[section] = model[section].take();
    }
    if form.is_ticked("permissions") {
        document["permissions"] = visit.get(&["vhosts", like, "permissions"]).await?;
        let topics = ["vhosts", like, "topic-permissions"];
        document["topic_permissions"] = visit.get(&topics).await?;
    }
    for section in IN_VHOST.iter().chain(&["permissions", "topic_permissions"]) {
        let objects = document.get_mut(*section).and_then(Value::as_array_mut);
        for object in objects.into_iter().flatten() {
            object["vhost"] = name.into();
        }
    }
    // One document, so that all of it holds or nothing.
    let call = Call::post(&["definitions"]).body(document);
    visit.call(call).await?;
    Ok(format!("Virtual host {name} added, with what is in {like}"))
}
