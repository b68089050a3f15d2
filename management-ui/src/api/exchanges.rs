//! `/api/exchanges…`

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use ferrymq_broker::json;
use ferrymq_broker::stats::{ExchangeField, ExchangeTotals};
use ferrymq_broker::vhost::{ExchangeDeclare, Snapshot, VHost};
use serde_json::{Map, Value, json};

use super::flows::Flows;
use super::sorting::rate;
use crate::answer::{self, Answer};
use crate::auth::Caller;
use crate::body::Object;
use crate::catalogue::{self, ExchangeRow};
use crate::http::Site;
use crate::http::path::{self, Names};
use crate::list::{Row, SortKey};
use crate::query::{Query, Shown, View};
use crate::refusal::Refusal;
use crate::statistics::Numbers;

/// The type of an exchange whose declaration names none.
const DEFAULT_TYPE: &str = "direct";

/// `GET /api/exchanges`
pub(crate) async fn list(caller: Caller, State(site): State<Site>, query: Query) -> Answer {
    let rows = catalogue::exchanges(caller.vhosts());
    query.list(&site, rows).await
}

/// `GET /api/exchanges/{vhost}`
pub(crate) async fn list_in(
    caller: Caller,
    State(site): State<Site>,
    Names(vhost): Names<String>,
    query: Query,
) -> Answer {
    let rows = catalogue::exchanges(vec![caller.vhost(&vhost)?]);
    query.list(&site, rows).await
}

/// `GET /api/exchanges/{vhost}/{name}`
pub(crate) async fn get(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    query: Query,
) -> Result<Response, Refusal> {
    let vhost = caller.vhost(&vhost)?;
    let snapshot = vhost.snapshot();
    let exchange = snapshot.topology.exchange(path::exchange(&name));
    let row = ExchangeRow {
        vhost: vhost.name().clone(),
        exchange: exchange.ok_or_else(Refusal::not_found)?.clone(),
    };
    Ok(query.object(row.render_alone(&vhost, &site, &query.view)))
}

/// `PUT /api/exchanges/{vhost}/{name}`
///
/// Compat: what the body does not name is false, and the type `direct`.
pub(crate) async fn put(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    body: Object,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    let name = path::exchange(&name);
    path::check_name("exchange", name)?;
    let flag = |key| body.flag(key).map(|flag| flag == Some(true));
    let declare = ExchangeDeclare {
        name: name.to_owned(),
        kind: body.text("type")?.unwrap_or(DEFAULT_TYPE).to_owned(),
        durable: flag("durable")?,
        auto_delete: flag("auto_delete")?,
        internal: flag("internal")?,
        arguments: body.table("arguments")?,
    };
    let existed = vhost.snapshot().topology.exchange(name).is_some();
    let declared_at = vhost.declare_exchange(&caller.actor(), declare)?;
    site.committed(declared_at).await?;
    Ok(answer::put(existed))
}

/// `DELETE /api/exchanges/{vhost}/{name}?if-unused=true`
pub(crate) async fn delete(
    caller: Caller,
    State(site): State<Site>,
    Names((vhost, name)): Names<(String, String)>,
    query: Query,
) -> Answer {
    let vhost = caller.vhost_to_change(&vhost)?;
    let name = path::exchange(&name);
    if vhost.snapshot().topology.exchange(name).is_none() {
        return Err(Refusal::not_found());
    }
    let if_unused = query.flag("if-unused");
    let gone_at = vhost.delete_exchange(&caller.actor(), name, if_unused)?;
    site.committed(gone_at).await?;
    Ok(answer::done())
}

impl ExchangeRow {
    /// What is true of the exchange whether anybody uses it or not.
    fn basics(&self, site: &Site) -> Map<String, Value> {
        let exchange = &self.exchange;
        let mut shown = Map::new();
        let mut show = |field: &str, value: Value| shown.insert(field.to_owned(), value);
        show("name", exchange.name.as_str().into());
        show("vhost", self.vhost.as_ref().into());
        show("type", exchange.kind.as_str().into());
        show("durable", exchange.durable.into());
        show("auto_delete", exchange.auto_delete.into());
        show("internal", exchange.internal.into());
        show("arguments", json::from_table(&exchange.arguments).into());
        show("user_who_performed_action", site.internal_user().into());
        let Some(vhost) = site.broker.vhost(&self.vhost) else {
            return shown;
        };
        let (name, snapshot) = (exchange.name.as_str(), vhost.snapshot());
        if let Some(policy) = vhost.exchange_policy(name) {
            show("policy", policy.name.as_ref().into());
        }
        if let Some(alternate) = snapshot.topology.alternate(name) {
            show("alternate_exchange", alternate.as_str().into());
        }
        let to = snapshot.topology.count_to_exchange(name);
        show("bindings_from", self.count_from(&snapshot).into());
        show("bindings_to", to.into());
        shown
    }

    /// How many bindings lead away from it: each queue has one from the default exchange.
    fn count_from(&self, snapshot: &Snapshot) -> usize {
        match self.exchange.name.is_default() {
            true => snapshot.queues.len(),
            false => snapshot.topology.count_from(self.exchange.name.as_str()),
        }
    }

    fn totals(&self, site: &Site) -> Option<Arc<ExchangeTotals>> {
        let vhost = site.broker.vhost(&self.vhost)?;
        vhost.exchange_totals(self.exchange.name.as_str())
    }

    /// A field of `message_stats`, one of an exchange that nothing was published to being 0.
    fn stats_key(&self, site: &Site, field: &str) -> Option<SortKey> {
        let totals = self.totals(site);
        let count = |of: fn(&ExchangeTotals) -> u64| totals.as_deref().map_or(0, of).into();
        let rate = |field| match &totals {
            Some(totals) => rate(site, &totals.history, &[field]),
            None => SortKey::Number(0.0),
        };
        Some(match field {
            "publish_in" => count(ExchangeTotals::published),
            "publish_out" => count(ExchangeTotals::routed),
            "publish_in_details.rate" => rate(ExchangeField::In),
            "publish_out_details.rate" => rate(ExchangeField::Out),
            "unroutable" => count(ExchangeTotals::unroutable),
            "unroutable_details.rate" => rate(ExchangeField::Unroutable),
            _ => return None,
        })
    }

    /// What was published to it; `None`: nothing yet.
    fn stats(&self, site: &Site, view: &View) -> Option<Map<String, Value>> {
        let totals = self.totals(site)?;
        if totals.published() == 0 {
            return None;
        }
        let mut numbers = Numbers::new(site, Shown::within(view, "message_stats"));
        for (name, value, field) in [
            ("publish_in", totals.published(), ExchangeField::In),
            ("publish_out", totals.routed(), ExchangeField::Out),
            // RabbitMQ does not tell it of an exchange.
            ("unroutable", totals.unroutable(), ExchangeField::Unroutable),
        ] {
            numbers.add(name, value, |moments| {
                totals
                    .history
                    .details(&[field], moments, view.ranges.messages)
            });
        }
        Some(numbers.into_map())
    }

    /// All of it, for an answer about it alone.
    fn render_alone(&self, vhost: &VHost, site: &Site, view: &View) -> Value {
        let mut shown = self.render(site, view);
        let flows = Flows::new(site, view, vhost.name());
        let (incoming, outgoing) = match self.totals(site) {
            Some(totals) => (
                flows.entered_exchange(&totals),
                flows.left_exchange(vhost, &totals),
            ),
            None => (json!([]), json!([])),
        };
        shown["incoming"] = incoming;
        shown["outgoing"] = outgoing;
        shown
    }
}

impl Row for ExchangeRow {
    fn name(&self) -> Cow<'_, str> {
        self.exchange.name.as_str().into()
    }

    fn render(&self, site: &Site, view: &View) -> Value {
        let mut shown = self.basics(site);
        if let Some(stats) = self.stats(site, view).filter(|_| !view.disable_stats) {
            shown.insert("message_stats".into(), stats.into());
        }
        shown.into()
    }

    fn sort_key(&self, site: &Site, field: &str) -> Option<SortKey> {
        let exchange = &self.exchange;
        if let Some(field) = field.strip_prefix("message_stats.") {
            return self.stats_key(site, field);
        }
        Some(match field {
            "name" => exchange.name.as_str().into(),
            "vhost" => self.vhost.as_ref().into(),
            "type" => exchange.kind.as_str().into(),
            "durable" => exchange.durable.into(),
            "auto_delete" => exchange.auto_delete.into(),
            "internal" => exchange.internal.into(),
            _ => return None,
        })
    }
}
