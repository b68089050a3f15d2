//! The reference page in `docs/`, made from the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::endpoint::{Endpoint, Shared};
use super::endpoints;

const INTRODUCTION: &str = "# HTTP API

Everything that the management interface answers to, on port 15672 and on the local socket. It is RabbitMQ's API, so that its tools work unchanged, and
what FerryMQ can do beside that. This page is made from the table that `/api/openapi.json` is made from, and a test holds both to the routes.

Names in paths are percent-encoded (`/` is `%2F`). Users need one of the tags `management`, `policymaker`, `monitoring` and `administrator`; *tag* says which
is the weakest that is enough. What somebody may do with queues and exchanges, its permissions decide as for AMQP clients. A refusal is `{\"error\": …, \"reason\": …}`.

*list* stands for the parameters `page`, `page_size`, `name`, `use_regex`, `sort`, `sort_reverse`; *columns* for `columns`; *statistics* for `disable_stats` and
the ranges `lengths_age`, `lengths_incr`, `msg_rates_…`, `data_rates_…`, `node_stats_…`.
";

/// The whole page.
pub(super) fn page() -> String {
    let mut groups: BTreeMap<&str, Vec<&Endpoint>> = BTreeMap::new();
    for endpoint in endpoints::all() {
        groups.entry(endpoint.group()).or_default().push(endpoint);
    }
    let mut page = INTRODUCTION.to_owned();
    for (group, endpoints) in groups {
        let _ = write!(
            page,
            "\n## {group}\n\n| | path | tag | parameters | |\n|---|---|---|---|---|\n"
        );
        for endpoint in endpoints {
            let method = endpoint.method.as_str().to_uppercase();
            let (path, tag, about) = (endpoint.path, endpoint.tag.as_str(), endpoint.about);
            let parameters = parameters(endpoint);
            let about = about.replace('|', "\\|");
            let _ = writeln!(
                page,
                "| {method} | `{path}` | {tag} | {parameters} | {about} |"
            );
        }
    }
    page
}

fn parameters(endpoint: &Endpoint) -> String {
    let own = endpoint
        .query
        .iter()
        .map(|parameter| format!("`{}`", parameter.name));
    let shared: &[&str] = match endpoint.shared {
        Shared::None => &[],
        Shared::Columns => &["columns"],
        Shared::Object => &["columns", "statistics"],
        Shared::List => &["list", "columns", "statistics"],
    };
    let shared = shared.iter().map(|set| format!("*{set}*"));
    own.chain(shared).collect::<Vec<_>>().join(", ")
}
