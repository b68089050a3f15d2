//! `/api/bindings…`, and the bindings of an exchange or a queue.

mod key;
mod rows;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse as _;
use ferrymq_broker::routing::{Binding, Destination};
use ferrymq_broker::vhost::{Snapshot, VHost};

use crate::answer::{self, Answer};
use crate::auth::Caller;
use crate::body::SmallObject;
use crate::http::Site;
use crate::http::path::{self, Names};
use crate::list::{Row as _, Rows};
use crate::query::Query;
use crate::refusal::Refusal;

use key::Key;
use rows::{BindingRow, Source};

/// A vhost and two names: the source's and the destination's.
type Pair = Names<(String, String, String)>;
/// The same, and a binding's key.
type PairAndKey = Names<(String, String, String, String)>;

/// `GET /api/bindings`
pub(crate) async fn list(caller: Caller, State(site): State<Site>, query: Query) -> Answer {
    query.list(&site, rows::all(caller.vhosts())).await
}

/// `GET /api/bindings/{vhost}`
pub(crate) async fn list_in(
    caller: Caller,
    State(site): State<Site>,
    Names(vhost): Names<String>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    query.list(&site, rows::all(vec![vhost])).await
}

/// `GET /api/exchanges/{vhost}/{name}/bindings/source`
pub(crate) async fn list_from(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let name = path::exchange(&name);
    let source = Source::find(&vhost, name).ok_or_else(Refusal::not_found)?;
    query
        .list(&site, [source].into_iter().collect::<Rows<_>>())
        .await
}

/// `GET /api/exchanges/{vhost}/{name}/bindings/destination`
pub(crate) async fn list_to_exchange(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let name = path::exchange(&name);
    let rows = {
        let snapshot = vhost.snapshot();
        require_exchange(&snapshot, name)?;
        listed(&vhost, snapshot.topology.bindings_to_exchange(name))
    };
    query.list(&site, rows).await
}

/// `GET /api/queues/{vhost}/{name}/bindings`
pub(crate) async fn list_to_queue(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let rows = {
        let snapshot = vhost.snapshot();
        if !snapshot.queues.contains_key(name.as_str()) {
            return Err(Refusal::not_found());
        }
        let mut found = vec![row(&vhost, rows::default(&name))];
        found.extend(listed(&vhost, snapshot.topology.bindings_to_queue(&name)));
        found
    };
    query.list(&site, rows).await
}

/// `GET /api/bindings/{vhost}/e/{source}/q/{queue}`
pub(crate) async fn list_pair_to_queue(
    caller: Caller,
    state: State<Site>,
    names: Pair,
    query: Query,
) -> Answer {
    list_pair(caller, state, names, query, to_queue).await
}

/// `GET /api/bindings/{vhost}/e/{source}/e/{exchange}`
pub(crate) async fn list_pair_to_exchange(
    caller: Caller,
    state: State<Site>,
    names: Pair,
    query: Query,
) -> Answer {
    list_pair(caller, state, names, query, to_exchange).await
}

/// `POST /api/bindings/{vhost}/e/{source}/q/{queue}`
pub(crate) async fn bind_queue(
    caller: Caller,
    state: State<Site>,
    names: Pair,
    body: SmallObject,
) -> Answer {
    bind(caller, state, names, body, to_queue).await
}

/// `POST /api/bindings/{vhost}/e/{source}/e/{exchange}`
pub(crate) async fn bind_exchange(
    caller: Caller,
    state: State<Site>,
    names: Pair,
    body: SmallObject,
) -> Answer {
    bind(caller, state, names, body, to_exchange).await
}

/// `GET /api/bindings/{vhost}/e/{source}/q/{queue}/{key}`
pub(crate) async fn get_to_queue(
    caller: Caller,
    site: State<Site>,
    names: PairAndKey,
    query: Query,
) -> Answer {
    get(&caller, &site, names, &query, to_queue)
}

/// `GET /api/bindings/{vhost}/e/{source}/e/{exchange}/{key}`
pub(crate) async fn get_to_exchange(
    caller: Caller,
    site: State<Site>,
    names: PairAndKey,
    query: Query,
) -> Answer {
    get(&caller, &site, names, &query, to_exchange)
}

/// `DELETE /api/bindings/{vhost}/e/{source}/q/{queue}/{key}`
pub(crate) async fn unbind_queue(caller: Caller, site: State<Site>, names: PairAndKey) -> Answer {
    unbind(caller, site, names, to_queue).await
}

/// `DELETE /api/bindings/{vhost}/e/{source}/e/{exchange}/{key}`
pub(crate) async fn unbind_exchange(
    caller: Caller,
    site: State<Site>,
    names: PairAndKey,
) -> Answer {
    unbind(caller, site, names, to_exchange).await
}

/// Compat: a pair that does not exist has no bindings, which is no error.
async fn list_pair(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, source, destination)): Pair,
    query: Query,
    kind: fn(&str) -> Destination,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let found = between(&vhost, path::exchange(&source), &kind(&destination));
    let rows: Vec<_> = found
        .into_iter()
        .map(|binding| row(&vhost, binding))
        .collect();
    query.list(&site, rows).await
}

async fn bind(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, source, destination)): Pair,
    SmallObject(body): SmallObject,
    kind: fn(&str) -> Destination,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    let source = path::exchange(&source);
    let routing_key = body.text("routing_key")?.unwrap_or_default();
    path::check_name("routing_key", routing_key)?;
    let arguments = body.table("arguments")?;
    let binding = Binding::new(source.into(), kind(&destination), routing_key, arguments);
    let location = format!(
        "{}/{}",
        key::encode(&destination),
        Key::of(&binding).in_path()
    );
    let bound = site.work_in(&vhost, |work| vhost.bind(&caller.actor(), binding, work));
    site.committed(bound?).await?;
    let mut response = StatusCode::CREATED.into_response();
    let location = HeaderValue::from_str(&location).expect("what is encoded is plain ASCII");
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}

fn get(
    caller: &Caller,
    site: &Site,
    Names((vhost, source, destination, key)): PairAndKey,
    query: &Query,
    kind: fn(&str) -> Destination,
) -> Answer {
    let vhost = caller.vhost(&vhost)?;
    let binding = find(&vhost, path::exchange(&source), &kind(&destination), &key)?;
    Ok(query.object(row(&vhost, binding).render(site, &query.view)))
}

async fn unbind(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, source, destination, key)): PairAndKey,
    kind: fn(&str) -> Destination,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    let binding = find(&vhost, path::exchange(&source), &kind(&destination), &key)?;
    let unbound = vhost.unbind(&caller.actor(), &binding)?;
    site.committed(unbound).await?;
    Ok(answer::done())
}

fn to_queue(name: &str) -> Destination {
    Destination::Queue(name.into())
}

fn to_exchange(name: &str) -> Destination {
    Destination::Exchange(path::exchange(name).into())
}

fn require_exchange(snapshot: &Snapshot, name: &str) -> Result<(), Refusal> {
    match snapshot.topology.exchange(name) {
        Some(_) => Ok(()),
        None => Err(Refusal::not_found()),
    }
}

/// The bindings of a pair, with the one that every queue has.
fn between(vhost: &VHost, source: &str, destination: &Destination) -> Vec<Arc<Binding>> {
    let snapshot = vhost.snapshot();
    let topology = &snapshot.topology;
    match destination {
        Destination::Queue(queue) if source.is_empty() => {
            let exists = snapshot.queues.contains_key(queue);
            exists
                .then(|| rows::default(queue.as_str()))
                .into_iter()
                .collect()
        }
        Destination::Queue(queue) => {
            let all = topology.bindings_to_queue(queue.as_str());
            all.filter(|binding| *binding.source() == *source)
                .cloned()
                .collect()
        }
        Destination::Exchange(exchange) => {
            let all = topology.bindings_to_exchange(exchange.as_str());
            all.filter(|binding| *binding.source() == *source)
                .cloned()
                .collect()
        }
    }
}

fn find(
    vhost: &VHost,
    source: &str,
    destination: &Destination,
    key: &str,
) -> Result<Arc<Binding>, Refusal> {
    let all = between(vhost, source, destination).into_iter();
    let mut found = all.filter(|binding| Key::of(binding).is_meant_by(key));
    found.next().ok_or_else(Refusal::not_found)
}

fn listed<'a>(vhost: &VHost, bindings: impl Iterator<Item = &'a Arc<Binding>>) -> Vec<BindingRow> {
    bindings
        .map(|binding| row(vhost, Arc::clone(binding)))
        .collect()
}

fn row(vhost: &VHost, binding: Arc<Binding>) -> BindingRow {
    BindingRow {
        vhost: Arc::clone(vhost.name()),
        binding,
    }
}
