//! Forms that make and remove bindings, and what they do. Who removes one is offered to take that back.

use askama::Template;
use axum::response::Response;
use serde_json::{Value, json};

use super::{KEY, kind_in_path, path, text};
use crate::console::address::Address;
use crate::console::client::{Call, Problem};
use crate::console::exchanges::{in_path, title};
use crate::console::form::{Form, Submission};
use crate::console::page::rendered;
use crate::console::queues::{Argument, argument};
use crate::console::session::Done;
use crate::console::shell::Shell;
use crate::console::undo::Undo;
use crate::console::visit::Visit;

/// Names that are offered while one is typed.
const MAX_OFFERED: &str = "200";

/// What bindings can have.
const ARGUMENTS: &[Argument] = &[argument(
    "x-match",
    "string",
    "headers: all, any, all-with-x or any-with-x",
)];

/// What is known of a binding before its form is filled in.
#[derive(Default, Clone, Copy)]
pub(in crate::console) struct Ends<'a> {
    pub(in crate::console) vhost: Option<&'a str>,
    /// The exchange that it leads away from.
    pub(in crate::console) source: Option<&'a str>,
    /// The queue that it leads to.
    pub(in crate::console) queue: Option<&'a str>,
    /// Is there none yet, so that the form lies open?
    pub(in crate::console) first: bool,
}

#[derive(Template)]
#[template(path = "parts/bind.html")]
struct Bind<'a> {
    shell: &'a Shell,
    ends: Ends<'a>,
    queues: Vec<String>,
    exchanges: Vec<String>,
    known: &'static [Argument],
    back: String,
}

#[derive(Template)]
#[template(path = "parts/unbind.html")]
struct Unbind<'a> {
    shell: &'a Shell,
    back: String,
}

/// A form that adds a binding.
///
/// # Errors
/// What the API refuses.
pub(in crate::console) async fn form(
    visit: &Visit,
    shell: &Shell,
    ends: Ends<'_>,
) -> Result<String, Problem> {
    if visit.is_live {
        // Forms stand outside of what changes.
        return Ok(String::new());
    }
    let vhost = ends.vhost.unwrap_or(shell.default_vhost());
    Ok(rendered(&Bind {
        shell,
        ends,
        queues: match ends.queue {
            Some(_) => Vec::new(),
            None => names(visit, "queues", vhost).await?,
        },
        exchanges: names(visit, "exchanges", vhost).await?,
        known: ARGUMENTS,
        back: visit.address.to_string(),
    }))
}

/// What the buttons in [`super::Bindings`] belong to.
pub(in crate::console) fn unbind_form(visit: &Visit, shell: &Shell) -> String {
    rendered(&Unbind {
        shell,
        back: visit.address.to_string(),
    })
}

/// `POST /console/bind`
pub(super) async fn bind(submission: Submission) -> Response {
    let form = &submission.form;
    let call = binding(form);
    let done = format!(
        "{} bound to {}",
        form.text("destination"),
        title(form.text("source"))
    );
    let to = Address::parse_whole(form.text("back"));
    submission.carry_out(call, done, to).await
}

fn binding(form: &Form) -> Result<Call, Problem> {
    for (field, missing) in [
        ("source", "Name the exchange that messages come from"),
        ("destination", "Name what messages are to go to"),
    ] {
        if form.text(field).is_empty() {
            return Err(Problem::bad_request(missing));
        }
    }
    let path = [
        "bindings",
        form.text("vhost"),
        "e",
        in_path(form.text("source")),
        kind_in_path(form.text("destination_type")),
        form.text("destination"),
    ];
    Ok(Call::post(&path).body(json!({
        "routing_key": form.text("routing_key"),
        "arguments": form.table("arguments")?,
    })))
}

/// `POST /console/unbind`
pub(super) async fn unbind(submission: Submission) -> Response {
    let back = Address::parse_whole(submission.form.text("back"));
    let done = remove(&submission).await;
    submission.finish(done, back).await
}

/// Removes the binding that a form names, and tells how it is brought back.
async fn remove(submission: &Submission) -> Result<Done, Problem> {
    let key = submission.form.text("key");
    let key: Vec<String> = serde_json::from_str(key).unwrap_or_default();
    if key.len() != KEY.len() {
        return Err(Problem::bad_request("the form names no binding"));
    }
    let key: Vec<_> = key.iter().map(String::as_str).collect();
    let visit = &submission.visit;
    let binding = visit.call(Call::get(&path(&key))).await?;
    visit.call(Call::delete(&path(&key))).await?;
    let (from, to) = (text(&binding, "source"), text(&binding, "destination"));
    Ok(Done {
        text: format!("{to} is no longer bound to {from}"),
        undo: Some(Undo {
            calls: vec![bring_back(&binding)],
            done: format!("{to} is bound to {from} again"),
        }),
    })
}

/// The request that makes a binding which is gone.
pub(super) fn bring_back(binding: &Value) -> Call {
    let text = |field| text(binding, field);
    let path = [
        "bindings",
        text("vhost"),
        "e",
        in_path(text("source")),
        kind_in_path(text("destination_type")),
        text("destination"),
    ];
    Call::post(&path).body(json!({
        "routing_key": binding["routing_key"],
        "arguments": binding["arguments"],
    }))
}

/// The names of what can be bound, as far as they are offered.
async fn names(visit: &Visit, list: &str, vhost: &str) -> Result<Vec<String>, Problem> {
    let page = Call::get(&[list, vhost])
        .with("page", "1")
        .with("page_size", MAX_OFFERED)
        .with("columns", "name")
        .with("disable_stats", "true");
    let page = visit.call(page).await?;
    let rows = page["items"].as_array().into_iter().flatten();
    let names = rows.map(|row| text(row, "name").to_owned());
    Ok(names.filter(|name| !name.is_empty()).collect())
}
