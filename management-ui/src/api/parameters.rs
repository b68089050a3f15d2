//! `/api/parameters` and `/api/global-parameters`.

use std::sync::Arc;

use axum::extract::State;
use ferrymq_broker::clock;
use ferrymq_broker::parameters::{self, OPERATOR_POLICY, ParameterError, VHOST_LIMITS};
use ferrymq_broker::vhost::VHost;
use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::auth::{Caller, Policymaker};
use crate::body::Object;
use crate::definitions::shape;
use crate::http::Site;
use crate::http::path::Names;
use crate::query::Query;
use crate::refusal::Refusal;

/// `GET /api/parameters`
pub(crate) async fn list(
    Policymaker(caller): Policymaker,
    State(site): State<Site>,
    query: Query,
) -> Answer {
    query.list(&site, rows(&caller.vhosts(), None)).await
}

/// `GET /api/parameters/{component}`
pub(crate) async fn of_component(
    Policymaker(caller): Policymaker,
    State(site): State<Site>,
    Names(component): Names<String>,
    query: Query,
) -> Answer {
    query
        .list(&site, rows(&caller.vhosts(), Some(&component)))
        .await
}

/// `GET /api/parameters/{component}/{vhost}`
pub(crate) async fn of_vhost(
    Policymaker(caller): Policymaker,
    State(site): State<Site>,
    Names((component, vhost)): Names<(String, String)>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    query.list(&site, rows(&[vhost], Some(&component))).await
}

/// `GET /api/parameters/{component}/{vhost}/{name}`
pub(crate) async fn get(
    Policymaker(caller): Policymaker,
    Names((component, vhost, name)): Names<(String, String, String)>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let place = (component, name);
    let all = vhost.parameters();
    let value = all.get(&place).ok_or_else(Refusal::not_found)?;
    Ok(query.object(shape::parameter(vhost.name(), &place.0, &place.1, value)))
}

/// `PUT /api/parameters/{component}/{vhost}/{name}`
pub(crate) async fn put(
    Policymaker(caller): Policymaker,
    State(site): State<Site>,
    Names((component, vhost, name)): Names<(String, String, String)>,
    Object(mut body): Object,
) -> Answer {
    caller.vhost_to_change(&vhost)?;
    check_component(&caller, &component)?;
    let value = body.remove("value");
    let value = value.ok_or_else(|| Refusal::bad_request("key_missing: value"))?;
    let parameter = shape::parameter(&vhost, &component, &name, &value);
    site.put(&caller, json!({ "parameters": [parameter] }))
        .await
}

/// `DELETE /api/parameters/{component}/{vhost}/{name}`
pub(crate) async fn delete(
    Policymaker(caller): Policymaker,
    State(site): State<Site>,
    Names((component, vhost, name)): Names<(String, String, String)>,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    check_rights(&caller, &component)?;
    let by = caller.user.name().to_owned();
    // An operator policy is told to all queues.
    let cleared = site
        .aside(move || vhost.clear_parameter(&component, &name, &by, clock::now()))
        .await?;
    site.committed(cleared.ok_or_else(Refusal::not_found)?)
        .await?;
    Ok(answer::done())
}

/// `GET /api/global-parameters`
pub(crate) async fn global(_: Policymaker, State(site): State<Site>, query: Query) -> Answer {
    let all = site.broker.global_parameters();
    let shown = all.iter().filter(|(name, _)| !shape::is_internal(name));
    let shown = shown.map(|(name, value)| shape::global_parameter(name, value));
    query.list(&site, shown.collect::<Vec<_>>()).await
}

/// `GET /api/global-parameters/{name}`
pub(crate) async fn get_global(
    _: Policymaker,
    State(site): State<Site>,
    Names(name): Names<String>,
    query: Query,
) -> Answer {
    let value = site.broker.global_parameter(&name);
    let value = value.filter(|_| !shape::is_internal(&name));
    let value = value.ok_or_else(Refusal::not_found)?;
    Ok(query.object(shape::global_parameter(&name, &value)))
}

/// `PUT /api/global-parameters/{name}`
pub(crate) async fn put_global(
    Policymaker(caller): Policymaker,
    State(site): State<Site>,
    Names(name): Names<String>,
    Object(mut body): Object,
) -> Answer {
    let value = body.remove("value");
    let value = value.ok_or_else(|| Refusal::bad_request("key_missing: value"))?;
    let parameter = shape::global_parameter(&name, &value);
    site.put(&caller, json!({ "global_parameters": [parameter] }))
        .await
}

/// `DELETE /api/global-parameters/{name}`
pub(crate) async fn delete_global(
    _: Policymaker,
    State(site): State<Site>,
    Names(name): Names<String>,
) -> Answer {
    if shape::is_internal(&name) {
        return Err(Refusal::not_found());
    }
    let cleared = site.broker.clear_global_parameter(&name);
    site.committed(cleared.ok_or_else(Refusal::not_found)?)
        .await?;
    Ok(answer::done())
}

/// Compat: what nobody would read is refused.
fn check_component(caller: &Caller, component: &str) -> Result<(), Refusal> {
    check_rights(caller, component)?;
    match parameters::is_known(component) {
        true => Ok(()),
        false => {
            let unknown = ParameterError::UnknownComponent(component.to_owned());
            Err(Refusal::bad_request(unknown.to_string()))
        }
    }
}

/// What only administrators may set by other ways, only they may set by this one.
fn check_rights(caller: &Caller, component: &str) -> Result<(), Refusal> {
    let restricted = [OPERATOR_POLICY, VHOST_LIMITS].contains(&component);
    match restricted && !caller.is_administrator() {
        true => Err(Refusal::not_authorised("Not administrator user")),
        false => Ok(()),
    }
}

fn rows(vhosts: &[Arc<VHost>], component: Option<&str>) -> Vec<Value> {
    let rows = vhosts.iter().flat_map(|vhost| {
        let all = vhost.parameters().into_iter();
        let wanted = all.filter(|((found, _), _)| component.is_none_or(|wanted| wanted == found));
        wanted
            .map(|((component, name), value)| {
                shape::parameter(vhost.name(), &component, &name, &value)
            })
            .collect::<Vec<_>>()
    });
    rows.collect()
}
