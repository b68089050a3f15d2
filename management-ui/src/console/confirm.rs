//! Actions on one or several objects: first what they would do, in numbers; then they are done.
//!
//! `GET confirm?do=delete-queue&key=["/","orders"]&back=queues` shows it, `POST confirm` with the same fields does it. What
//! destroys much has to be typed.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::address::Address;
use super::client::{Call, Problem};
use super::form::Submission;
use super::page;
use super::session::Done;
use super::shell::Shell;
use super::undo::{self, Undo, Undoing};
use super::visit::Visit;
use super::{ACTIONS, SHEETS, format, jobs};
use crate::query::field;

/// Objects that are listed before it is done; of more only their number is told.
const MAX_LISTED: usize = 20;
/// More objects than that are destroyed only when their number was typed.
pub(super) const MAX_WITHOUT_TYPING: usize = 10;
/// The fields of an object's key, of a filter that finds objects, of the vhost that it finds them in, and of how many
/// it has found.
const KEY: &str = "key";
const ALL: &str = "all";
const VHOST: &str = "vhost";
const COUNT: &str = "count";
/// The field with the queue that an action leads to.
const TO_QUEUE: &str = "to";

/// Something that can be done to objects.
pub(crate) struct Action {
    /// In addresses, `delete-queue` for example.
    pub(crate) name: &'static str,
    /// On the button: `Delete`.
    pub(crate) verb: &'static str,
    /// Afterwards: `deleted`.
    pub(crate) done: &'static str,
    /// What the objects are called, one and several.
    pub(crate) nouns: (&'static str, &'static str),
    /// Can't it be undone?
    pub(crate) destroys: bool,
    /// Where the API has all such objects: for those that match a filter.
    pub(crate) list: &'static [&'static str],
    /// The fields that tell an object from all others, as in its table.
    pub(crate) key: &'static [&'static str],
    /// The request that tells about an object, if its key does not tell enough.
    pub(crate) look: Option<fn(&[&str]) -> Call>,
    /// What is lost with an object, in numbers: `12,430 messages and 3 consumers`. Empty: nothing.
    pub(crate) loss: fn(&Value) -> String,
    /// The request that does it.
    pub(crate) call: fn(&[&str]) -> Call,
    /// How it is taken back, if it can be.
    pub(crate) undo: Option<Undoing>,
    /// What a queue adds to it that has to be named: in the vhost of each object.
    pub(crate) to_queue: Option<fn(Call, &str) -> Call>,
}

/// The objects of an action.
struct Targets {
    action: &'static Action,
    keys: Vec<Vec<String>>,
}

/// An object, and what becomes of it.
struct Target {
    name: String,
    loss: String,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct Confirm {
    shell: Shell,
    action: &'static Action,
    /// What tells the objects, once more.
    fields: Vec<(&'static str, String)>,
    count: usize,
    listed: Vec<Target>,
    /// Is it gone for ever?
    is_final: bool,
    /// What has to be typed; empty: nothing.
    to_type: String,
    /// Queues that it may lead to.
    queues: Vec<String>,
    back: String,
}

/// `GET /console/confirm?do=…&key=…`
pub(crate) async fn ask(visit: Visit) -> Response {
    match confirm(&visit).await {
        Ok(page) => page::html(&page),
        Err(problem) => page::refused(&visit, problem).await,
    }
}

async fn confirm(visit: &Visit) -> Result<Confirm, Problem> {
    let address = &visit.address;
    let targets = Targets::find(visit, address).await?;
    let listed = targets.look(visit).await?;
    Ok(Confirm {
        shell: Shell::new(visit, targets.title()),
        action: targets.action,
        is_final: targets.action.destroys && targets.undoing().is_none(),
        to_type: targets.to_type(&listed),
        fields: targets.fields(address),
        count: targets.keys.len(),
        queues: targets.proposed(visit).await?,
        listed,
        back: back(address).to_string(),
    })
}

/// `POST /console/confirm`
pub(crate) async fn carry_out(submission: Submission) -> Response {
    let to = back(submission.form.address());
    match act(&submission).await {
        Ok(done) => submission.finish(Ok(done), to).await,
        Err(problem) => match submission.by_script() {
            true => submission.refuse(problem).await,
            false => page::refused(&submission.visit, problem)
                .await
                .into_response(),
        },
    }
}

async fn act(submission: &Submission) -> Result<Done, Problem> {
    let Submission { visit, form, .. } = submission;
    let targets = Targets::find(visit, form.address()).await?;
    let count = targets.keys.len().to_string();
    if form.get(COUNT).is_some_and(|shown| shown != count) {
        let nouns = targets.action.nouns.1;
        let reason = format!("Now {count} {nouns} match: look at them again");
        return Err(Problem::bad_request(reason));
    }
    let to_type = targets.to_type(&targets.look(visit).await?);
    if form.text("typed") != to_type {
        return Err(Problem::bad_request(format!("Type {to_type} to go on")));
    }
    let to_queue = form.text(TO_QUEUE);
    if targets.action.to_queue.is_some() && to_queue.is_empty() {
        return Err(Problem::bad_request("Name a queue first"));
    }
    let undo = targets.undo(visit).await?;
    for (done, key) in targets.keys.iter().enumerate() {
        let key: Vec<_> = key.iter().map(String::as_str).collect();
        if let Err(problem) = visit.call(targets.action.call_for(&key, to_queue)).await {
            let (name, why) = (name_of(&key), &problem.reason);
            let reason = match done {
                0 => format!("{name}: {why}"),
                _ => format!("{done} {}; then {name}: {why}", targets.action.done),
            };
            return Err(Problem { reason, ..problem });
        }
    }
    let text = targets.told(targets.action.done);
    Ok(Done { text, undo })
}

impl Action {
    fn call_for(&self, key: &[&str], to_queue: &str) -> Call {
        let call = (self.call)(key);
        match self.to_queue {
            Some(add) => add(call, to_queue),
            None => call,
        }
    }
}

/// The keys of the objects that the fields of an address or a form select, of those that an action is for.
pub(super) async fn selected(
    visit: &Visit,
    action: &Action,
    fields: &Address,
) -> Result<Vec<Vec<String>>, Problem> {
    let keys = match fields.all(ALL).next() {
        Some(filter) => matching(visit, action, filter, fields.get(VHOST)).await?,
        None => {
            let keys = fields.all(KEY).map(|text| parse_key(action, text));
            keys.collect::<Result<_, _>>()?
        }
    };
    match keys.is_empty() {
        true => Err(Problem::bad_request(format!(
            "Select {} first",
            action.nouns.1
        ))),
        false => Ok(keys),
    }
}

impl Targets {
    /// What the fields of an address or a form name.
    async fn find(visit: &Visit, fields: &Address) -> Result<Self, Problem> {
        let name = fields.get("do").unwrap_or_default();
        let action = ACTIONS
            .iter()
            .copied()
            .flatten()
            .find(|action| action.name == name);
        let action =
            action.ok_or_else(|| Problem::not_found(format!("There is no action {name}")))?;
        let keys = selected(visit, action, fields).await?;
        Ok(Self { action, keys })
    }

    /// Queues that the action may lead to.
    async fn proposed(&self, visit: &Visit) -> Result<Vec<String>, Problem> {
        match (self.action.to_queue, self.keys.first()) {
            (Some(_), Some(key)) => jobs::proposed(visit, &key[0]).await,
            _ => Ok(Vec::new()),
        }
    }

    /// What tells a form the same objects: their keys, or the filter that found them, and how many it found.
    fn fields(&self, address: &Address) -> Vec<(&'static str, String)> {
        let Some(filter) = address.all(ALL).next() else {
            let keys = self.keys.iter();
            let keys = keys.map(|key| Value::from(key.clone()).to_string());
            return keys.map(|key| (KEY, key)).collect();
        };
        let vhost = address.get(VHOST).unwrap_or_default();
        vec![
            (ALL, filter.to_owned()),
            (VHOST, vhost.to_owned()),
            (COUNT, self.keys.len().to_string()),
        ]
    }

    /// What is lost, object by object, as far as it is listed.
    async fn look(&self, visit: &Visit) -> Result<Vec<Target>, Problem> {
        let mut targets = Vec::new();
        for key in self.keys.iter().take(MAX_LISTED) {
            let key: Vec<_> = key.iter().map(String::as_str).collect();
            let found = match self.action.look {
                Some(look) => {
                    let found = visit.call(look(&key)).await;
                    found.map_err(|problem| self.missing(&key, problem))?
                }
                None => Value::Null,
            };
            targets.push(Target {
                name: name_of(&key),
                loss: (self.action.loss)(&found),
            });
        }
        Ok(targets)
    }

    /// The API does not say what it did not find.
    fn missing(&self, key: &[&str], problem: Problem) -> Problem {
        match problem.status {
            StatusCode::NOT_FOUND => Problem::not_found(format!(
                "There is no {} {} any more",
                self.action.nouns.0,
                name_of(key)
            )),
            _ => problem,
        }
    }

    fn title(&self) -> String {
        let Action { verb, nouns, .. } = self.action;
        let verb = match self.action.to_queue {
            Some(_) => format!("{verb} the messages of"),
            None => verb.to_string(),
        };
        match self.keys.as_slice() {
            [_] => format!("{verb} {}", nouns.0),
            keys => format!("{verb} {} {}", format::count(keys.len() as u64), nouns.1),
        }
    }

    fn to_type(&self, listed: &[Target]) -> String {
        let loses = listed.iter().any(|target| !target.loss.is_empty());
        match self.keys.as_slice() {
            _ if !self.action.destroys => String::new(),
            [key] if loses => key.last().cloned().unwrap_or_default(),
            keys if loses || keys.len() > MAX_WITHOUT_TYPING => keys.len().to_string(),
            _ => String::new(),
        }
    }

    /// How it is taken back, if it can be: too much is not kept.
    fn undoing(&self) -> Option<&'static Undoing> {
        let undoing = self.action.undo.as_ref();
        undoing.filter(|_| self.keys.len() <= undo::MAX_CALLS)
    }

    /// What takes it back, from what the objects are before it is done.
    async fn undo(&self, visit: &Visit) -> Result<Option<Undo>, Problem> {
        let Some(undoing) = self.undoing() else {
            return Ok(None);
        };
        let mut calls = Vec::new();
        for key in &self.keys {
            let key: Vec<_> = key.iter().map(String::as_str).collect();
            let before = visit.call((undoing.look)(&key)).await?;
            calls.push((undoing.call)(&key, &before));
        }
        let done = self.told(undoing.done);
        Ok(Some(Undo { calls, done }))
    }

    /// What has become of the objects.
    fn told(&self, done: &str) -> String {
        let nouns = self.action.nouns;
        match self.keys.as_slice() {
            [key] => {
                let name = key.last().map(String::as_str).unwrap_or_default();
                format!("{} {name} {done}", capital(nouns.0))
            }
            keys => format!("{} {} {done}", format::count(keys.len() as u64), nouns.1),
        }
    }
}

/// The keys of all objects that match a filter, in one vhost or all, and that something can be done to.
async fn matching(
    visit: &Visit,
    action: &Action,
    filter: &str,
    vhost: Option<&str>,
) -> Result<Vec<Vec<String>>, Problem> {
    let list = Call::get(action.list)
        .with("filter", filter)
        .with("columns", &action.key.join(","))
        .with("disable_stats", "true");
    let list = match vhost {
        Some(vhost) => list.header("x-vhost", vhost),
        None => list,
    };
    let found = visit.call(list).await?;
    let found = found.as_array().map_or(&[][..], Vec::as_slice);
    let key = |row: &Value| {
        let fields = action
            .key
            .iter()
            .map(|path| field(row, path).map(text).unwrap_or_default());
        fields.collect()
    };
    let sheet = SHEETS.iter().find(|sheet| sheet.path == action.list);
    let is_fixed = |row: &&Value| sheet.is_some_and(|sheet| (sheet.fixed)(row));
    let found = found.iter().filter(|row| !is_fixed(row));
    Ok(found.map(key).collect())
}

fn parse_key(action: &Action, text: &str) -> Result<Vec<String>, Problem> {
    let fields: Option<Vec<Value>> = serde_json::from_str(text).ok();
    let fields = fields.filter(|fields| fields.len() == action.key.len());
    let bad = || Problem::bad_request(format!("{text} names no {}", action.nouns.0));
    Ok(fields.ok_or_else(bad)?.iter().map(self::text).collect())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// An object's name for people: with its vhost where that is not the usual one.
fn name_of(key: &[&str]) -> String {
    match key {
        ["/", rest @ ..] if !rest.is_empty() => rest.join(" · "),
        key => key.join(" · "),
    }
}

fn capital(noun: &str) -> String {
    let mut letters = noun.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// The page that one comes from.
fn back(fields: &Address) -> Address {
    Address::parse_whole(fields.get("back").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_have_names_of_their_own() {
        let mut names: Vec<_> = ACTIONS
            .iter()
            .copied()
            .flatten()
            .map(|action| action.name)
            .collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn the_usual_vhost_is_not_named() {
        assert_eq!(name_of(&["/", "a"]), "a");
        assert_eq!(name_of(&["v", "a"]), "v · a");
        assert_eq!(name_of(&["/"]), "/");
    }
}
