//! `/api/policy-keys`, `/api/policy-preview` and `/api/policy-conflicts`: what a policy may say, what it would change, and
//! which are in each other's way.

use axum::extract::State;
use ferrymq_broker::policy::{ApplyTo, Policy, PolicyError, PolicyKind, PolicyRequest, schema};
use ferrymq_broker::vhost::{Conflict, Conflicts, Effect, InForce, PolicyPreview};
use serde_json::{Map, Value, json};

use crate::answer::{self, Answer};
use crate::auth::{Caller, Policymaker};
use crate::definitions::shape::as_json;
use crate::http::Site;
use crate::http::path::Names;
use crate::query::Query;
use crate::refusal::Refusal;

/// Effects that are told of; of more only the number.
const MAX_SHOWN: usize = 200;
/// What a policy without a name is called.
const UNNAMED: &str = "new policy";

/// `GET /api/policy-keys`
pub(crate) async fn keys(_: Caller) -> Answer {
    Ok(answer::json(schema().map(as_json).collect::<Vec<_>>()))
}

/// `GET /api/policy-preview/{vhost}`
pub(crate) async fn get(
    Policymaker(caller): Policymaker,
    State(site): State<Site>,
    Names(vhost): Names<String>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let kind = kind(&query);
    let text = |name: &str| query.get(name).filter(|text| !text.is_empty());
    let name = text("name").unwrap_or(UNNAMED).to_owned();
    let request = request(text)?;
    let preview = site
        .aside(move || {
            let policy = Policy::draft(kind, &name, request)?;
            Ok::<_, PolicyError>(vhost.preview_policy(kind, policy))
        })
        .await?;
    let PolicyPreview { effects, conflicts } = preview.map_err(bad)?;
    let mut answer = shown(&effects);
    answer["conflicts"] = in_conflict(&conflicts);
    Ok(answer::json(answer))
}

/// `GET /api/policy-conflicts/{vhost}`
pub(crate) async fn conflicts(
    caller: Caller,
    State(site): State<Site>,
    Names(vhost): Names<String>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let kind = kind(&query);
    let found = site.aside(move || vhost.policy_conflicts(kind)).await?;
    let answer = json!({
        "examined": found.examined,
        "total": found.total,
        "items": in_conflict(&found),
    });
    Ok(answer::json(answer))
}

fn kind(query: &Query) -> PolicyKind {
    match query.flag("operator") {
        true => PolicyKind::Operator,
        false => PolicyKind::User,
    }
}

fn in_conflict(conflicts: &Conflicts) -> Value {
    let item = |conflict: &Conflict| {
        json!({
            "policy": &*conflict.policy,
            "counts": &*conflict.counts,
            "key": conflict.key,
            "objects": conflict.objects,
            "example": conflict.example,
        })
    };
    conflicts.found.iter().map(item).collect()
}

fn request<'a>(text: impl Fn(&str) -> Option<&'a str>) -> Result<PolicyRequest, Refusal> {
    let apply_to = text("apply-to").map_or(Ok(ApplyTo::default()), str::parse);
    let priority = text("priority").map_or(Ok(0), str::parse);
    let definition = text("definition").map_or(Ok(Map::new()), serde_json::from_str);
    Ok(PolicyRequest {
        pattern: text("pattern").unwrap_or_default().to_owned(),
        apply_to: apply_to.map_err(bad)?,
        priority: priority.map_err(|_| bad("priority must be a whole number"))?,
        definition: definition.map_err(|why| bad(format!("definition: {why}")))?,
    })
}

fn bad(why: impl ToString) -> Refusal {
    Refusal::bad_request(why.to_string())
}

/// Numbers, and what is told of: first what changes.
fn shown(effects: &[Effect]) -> Value {
    let (changed, same): (Vec<_>, Vec<_>) = effects.iter().partition(|effect| effect.is_change());
    let items = changed.iter().chain(&same).take(MAX_SHOWN);
    json!({
        "matched": effects.iter().filter(|effect| effect.matches).count(),
        "changed": changed.len(),
        "items": items.map(|effect| item(effect)).collect::<Vec<_>>(),
    })
}

fn item(effect: &Effect) -> Value {
    json!({
        "name": effect.name,
        "type": effect.kind,
        "matches": effect.matches,
        "changes": effect.is_change(),
        "before": in_force(&effect.before),
        "after": in_force(&effect.after),
    })
}

fn in_force(what: &InForce) -> Value {
    json!({ "policy": what.policy.as_deref(), "definition": what.definition })
}
