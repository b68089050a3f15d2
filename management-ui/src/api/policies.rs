//! `/api/policies` and `/api/operator-policies`.

use std::sync::Arc;

use axum::extract::State;
use ferrymq_broker::clock;
use ferrymq_broker::parameters::OPERATOR_POLICY;
use ferrymq_broker::policy::PolicyKind;
use ferrymq_broker::vhost::VHost;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::auth::{Administrator, Caller, Policymaker};
use crate::body::{JsonObject, Object};
use crate::definitions::shape;
use crate::http::Site;
use crate::http::path::Names;
use crate::query::Query;
use crate::refusal::Refusal;

/// `GET /api/policies`
pub(crate) async fn list(caller: Caller, State(site): State<Site>, query: Query) -> Answer {
    query
        .list(&site, rows(&caller.vhosts(), PolicyKind::User))
        .await
}

/// `GET /api/policies/{vhost}`
pub(crate) async fn of_vhost(
    caller: Caller,
    State(site): State<Site>,
    Names(vhost): Names<String>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    query.list(&site, rows(&[vhost], PolicyKind::User)).await
}

/// `GET /api/policies/{vhost}/{name}`
pub(crate) async fn get(
    Policymaker(caller): Policymaker,
    Names((vhost, name)): Names<(String, String)>,
    query: Query,
) -> Answer {
    show(&caller, &vhost, PolicyKind::User, &name, &query)
}

/// `PUT /api/policies/{vhost}/{name}`
pub(crate) async fn put(
    Policymaker(caller): Policymaker,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    body: Object,
) -> Answer {
    caller.vhost_to_change(&vhost)?;
    body.require(&["pattern", "definition"])?;
    let Object(mut policy) = body;
    policy.insert("vhost".to_owned(), vhost.into());
    policy.insert("name".to_owned(), name.into());
    site.put(&caller, json!({ "policies": [policy] })).await
}

/// `DELETE /api/policies/{vhost}/{name}`
pub(crate) async fn delete(
    Policymaker(caller): Policymaker,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
) -> Answer {
    clear(&caller, &site, &vhost, PolicyKind::User, name).await
}

/// `GET /api/operator-policies`
pub(crate) async fn list_operator(
    caller: Caller,
    State(site): State<Site>,
    query: Query,
) -> Answer {
    query
        .list(&site, rows(&caller.vhosts(), PolicyKind::Operator))
        .await
}

/// `GET /api/operator-policies/{vhost}`
pub(crate) async fn operator_of_vhost(
    caller: Caller,
    State(site): State<Site>,
    Names(vhost): Names<String>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    query
        .list(&site, rows(&[vhost], PolicyKind::Operator))
        .await
}

/// `GET /api/operator-policies/{vhost}/{name}`
pub(crate) async fn get_operator(
    Administrator(caller): Administrator,
    Names((vhost, name)): Names<(String, String)>,
    query: Query,
) -> Answer {
    show(&caller, &vhost, PolicyKind::Operator, &name, &query)
}

/// `PUT /api/operator-policies/{vhost}/{name}`
pub(crate) async fn put_operator(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    JsonObject(body): JsonObject,
) -> Answer {
    caller.vhost_to_change(&vhost)?;
    body.require(&["pattern", "definition"])?;
    let parameter = json!({
        "component": OPERATOR_POLICY,
        "vhost": vhost,
        "name": name,
        "value": body.0,
    });
    site.put(&caller, json!({ "parameters": [parameter] }))
        .await
}

/// `DELETE /api/operator-policies/{vhost}/{name}`
pub(crate) async fn delete_operator(
    Administrator(caller): Administrator,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
) -> Answer {
    clear(&caller, &site, &vhost, PolicyKind::Operator, name).await
}

fn show(caller: &Caller, vhost: &str, kind: PolicyKind, name: &str, query: &Query) -> Answer {
    let vhost = caller.vhost(vhost)?;
    let policies = vhost.policies();
    let policy = policies.get(kind, name).ok_or_else(Refusal::not_found)?;
    Ok(query.object(shape::policy(vhost.name(), policy)))
}

async fn clear(
    caller: &Caller,
    site: &Site,
    vhost: &str,
    kind: PolicyKind,
    name: String,
) -> Answer {
    let vhost = caller.vhost_to_change(vhost)?;
    let by = caller.user.name().to_owned();
    // All queues are told.
    let cleared = site
        .aside(move || vhost.clear_policy(kind, &name, &by, clock::now()))
        .await?;
    site.committed(cleared.ok_or_else(Refusal::not_found)?)
        .await?;
    Ok(answer::done())
}

/// The one that counts more first.
fn rows(vhosts: &[Arc<VHost>], kind: PolicyKind) -> Vec<Value> {
    let rows = vhosts.iter().flat_map(|vhost| {
        let policies = vhost.policies();
        let rows = policies.list(kind).iter();
        let rows = rows.map(|policy| shape::policy(vhost.name(), policy));
        rows.collect::<Vec<_>>()
    });
    rows.collect()
}
