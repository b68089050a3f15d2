//! `/api/jobs…`: move, copy, redrive, purge.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use ferrymq_broker::browse::Filter;
use ferrymq_broker::clock::Timestamp;
use ferrymq_broker::dead_letter::Revival;
use ferrymq_broker::jobs::{Job, Order, Origin, State as JobState, Target, Task};
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::api::queues;
use crate::auth::Caller;
use crate::body::Object;
use crate::http::Site;
use crate::http::path::{self, Names};
use crate::query::Query;
use crate::refusal::Refusal;

/// `POST /api/jobs`
pub(crate) async fn begin(
    caller: Caller,
    State(site): State<Site>,
    body: Object,
) -> Result<Response, Refusal> {
    let order = order(&body)?;
    let vhost = caller.vhost_to_change(&order.vhost)?;
    queues::find(&vhost, &order.source).map_err(|_| Refusal::missing("queue_not_found"))?;
    let jobs = site.broker.jobs();
    let job = jobs.begin(&site.broker, caller.actor(), order)?;
    let location = [(LOCATION, format!("jobs/{}", job.id))];
    let shown = answer::json(shown(&job));
    Ok((StatusCode::CREATED, location, shown).into_response())
}

/// `GET /api/jobs`
pub(crate) async fn list(caller: Caller, State(site): State<Site>, query: Query) -> Answer {
    let jobs = site.broker.jobs().list();
    let asked = |job: &Job| caller.asks_about(&job.order.vhost);
    let visible = jobs
        .iter()
        .filter(|job| asked(job) && may_see(&caller, job));
    let rows: Vec<_> = visible.map(|job| shown(job)).collect();
    query.list(&site, rows).await
}

/// `GET /api/jobs/{id}`
pub(crate) async fn get(
    caller: Caller,
    State(site): State<Site>,
    Names(id): Names<String>,
    query: Query,
) -> Answer {
    Ok(query.object(shown(&*find(&caller, &site, &id)?)))
}

/// `DELETE /api/jobs/{id}`: it ends after what it is doing now.
pub(crate) async fn cancel(
    caller: Caller,
    State(site): State<Site>,
    Names(id): Names<String>,
) -> Answer {
    let job = find(&caller, &site, &id)?;
    if !caller.is_administrator() && *job.by != *caller.user.name() {
        return Err(Refusal::not_authorised("Access refused."));
    }
    job.cancel();
    Ok(answer::done())
}

fn find(caller: &Caller, site: &Site, id: &str) -> Result<Arc<Job>, Refusal> {
    let id = id.parse();
    let id = id.map_err(|_| Refusal::bad_request("the id of a job must be a number"))?;
    let job = site.broker.jobs().find(id);
    let job = job.filter(|job| may_see(caller, job));
    job.ok_or_else(Refusal::not_found)
}

fn may_see(caller: &Caller, job: &Job) -> bool {
    caller.may_monitor() || caller.has_access(&job.order.vhost)
}

fn order(body: &Object) -> Result<Order, Refusal> {
    body.require(&["vhost", "source", "task"])?;
    let text = |key| Ok::<_, Refusal>(body.text(key)?.unwrap_or_default().to_owned());
    let positive = |key| {
        let number = body.integer(key)?;
        let rule = || Refusal::bad_request(format!("{key} must be a number from 1 on"));
        number
            .map(|number| {
                u64::try_from(number)
                    .ok()
                    .filter(|n| *n > 0)
                    .ok_or_else(rule)
            })
            .transpose()
    };
    let rate = positive("rate")?.map(|rate| u32::try_from(rate).unwrap_or(u32::MAX));
    let task = task(body)?;
    let is_retry = matches!(task, Task::Redrive(..));
    Ok(Order {
        vhost: text("vhost")?,
        source: text("source")?,
        task,
        filter: filter(body)?,
        limit: positive("limit")?,
        rate,
        mark_retry: body.flag("mark_retry")?.unwrap_or(is_retry),
    })
}

fn filter(body: &Object) -> Result<Filter, Refusal> {
    let filter = body.text("filter")?.unwrap_or_default().parse();
    filter.map_err(|why: ferrymq_broker::browse::BadFilter| Refusal::bad_request(why.to_string()))
}

fn task(body: &Object) -> Result<Task, Refusal> {
    Ok(match body.text("task")?.unwrap_or_default() {
        "move" => Task::Move(target(body)?),
        "copy" => Task::Copy(target(body)?),
        "redrive" => Task::Redrive(
            match body.text("origin")? {
                None | Some("exchange") => Origin::Exchange,
                Some("queue") => Origin::Queue,
                Some(_) => return Err(Refusal::bad_request("origin must be exchange or queue")),
            },
            Revival {
                keep_history: body.flag("keep_history")? == Some(true),
                restore_expiration: body.flag("restore_expiration")? == Some(true),
            },
        ),
        "purge" => Task::Purge,
        _ => {
            let reason = "task must be move, copy, redrive or purge";
            return Err(Refusal::bad_request(reason));
        }
    })
}

fn target(body: &Object) -> Result<Target, Refusal> {
    body.require(&["target"])?;
    let target = Object(body.object("target")?.into_owned());
    let exchange = target.text("exchange")?;
    match (target.text("queue")?, exchange) {
        (Some(queue), None) => Ok(Target::Queue(queue.to_owned())),
        (None, Some(exchange)) => {
            let key = target.text("routing_key")?.map(str::to_owned);
            Ok(Target::Exchange(path::exchange(exchange).to_owned(), key))
        }
        _ => Err(Refusal::bad_request(
            "target must name either a queue or an exchange",
        )),
    }
}

fn shown(job: &Job) -> Value {
    let (state, progress) = job.status();
    let (state, reason) = match state {
        JobState::Running => ("running", None),
        JobState::Done => ("done", None),
        JobState::Cancelled => ("cancelled", None),
        JobState::Failed(why) => ("failed", Some(why)),
    };
    let Order {
        vhost,
        source,
        task,
        filter,
        limit,
        rate,
        mark_retry,
    } = &job.order;
    let mut shown = json!({
        "id": job.id,
        "vhost": vhost,
        "source": source,
        "filter": filter.as_str(),
        "limit": limit,
        "rate": rate,
        "user": *job.by,
        "started_at": job.started_at.as_millis(),
        "ended_at": job.ended_at().map(Timestamp::as_millis),
        "state": state,
        "reason": reason,
        "progress": {
            "scanned": progress.scanned,
            "done": progress.done,
            "failed": progress.failed,
            "left": progress.left,
        },
    });
    let (name, target) = match task {
        Task::Move(target) => ("move", Some(target)),
        Task::Copy(target) => ("copy", Some(target)),
        Task::Redrive(..) => ("redrive", None),
        Task::Purge => ("purge", None),
    };
    shown["task"] = name.into();
    if let Some(target) = target {
        shown["target"] = match target {
            Target::Queue(queue) => json!({ "queue": queue }),
            Target::Exchange(exchange, key) => {
                json!({ "exchange": exchange, "routing_key": key })
            }
        };
    }
    if *task != Task::Purge {
        shown["mark_retry"] = (*mark_retry).into();
    }
    if let Task::Redrive(origin, revival) = task {
        shown["origin"] = match origin {
            Origin::Exchange => "exchange".into(),
            Origin::Queue => "queue".into(),
        };
        shown["keep_history"] = revival.keep_history.into();
        shown["restore_expiration"] = revival.restore_expiration.into();
    }
    shown
}
