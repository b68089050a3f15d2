//! The reference page in `docs/`, made from the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::endpoint::{Endpoint, Shared};
use super::endpoints;
use crate::list::ALIASES;

const INTRODUCTION: &str = "# HTTP API

Everything that the management interface answers to, on port 15672 and on the local socket. It is RabbitMQ's API, so that its tools work unchanged, and
what FerryMQ can do beside that. This page is made from the table that `/api/openapi.json` is made from, and a test holds both to the routes.

Names in paths are percent-encoded (`/` is `%2F`). Users need one of the tags `management`, `policymaker`, `monitoring` and `administrator`; *tag* says which
is the weakest that is enough. What somebody may do with queues and exchanges, its permissions decide as for AMQP clients. A refusal is `{\"error\": …, \"reason\": …}`.

*list* stands for the parameters `page`, `page_size`, `name`, `use_regex`, `sort`, `sort_reverse`, [`filter`](#filters); *columns* for `columns`; *statistics* for `disable_stats` and
the ranges `lengths_age`, `lengths_incr`, `msg_rates_…`, `data_rates_…`, `node_stats_…`.

Beside RabbitMQ's fields there are: of a node `cpu_time` (processors' time in milliseconds) and `recovery` (what the start took to open the store, in milliseconds, and what it read
of the log); of the overview's `message_stats` `dead_lettered`; of an exchange's `unroutable`, messages that reached no queue; of a channel `oldest_unacked_age`, in milliseconds.
Consumers have `message_stats`: `deliver` and `ack` with rates, or `deliver_no_ack` where nothing is acknowledged, and `ack_avg_time`, the milliseconds from sending a message until its
acknowledgement came: the mean of what was acknowledged in the last interval (`statistics.interval`), null if nothing was. Each is measured to a hundredth of a second, so a mean of few is no finer. It includes
the time that messages wait in the client, so it grows with the prefetch; what is rejected or returned does not count. A consumer is `slow` if it has as many messages as its prefetch allows, and has neither got nor
acknowledged one since the last interval began.
A node's `io_…_avg_time` are means of the last interval, their samples means since the sample before.
";

const FILTERS: &str = r#"
## Filters

Every *list* takes `filter`: terms with blanks between them, all of which must hold, with a page or without. `orders type:quorum messages:>1000 -policy:*` are the quorum queues
whose name contains *orders*, with more than 1,000 messages and without a policy.

| term | takes what |
|---|---|
| `word`, `"two words"` | has this in its name; of what has no name, in all that identifies it: a binding's source, destination and routing key, a consumer's tag and queue, a permission's user and virtual host |
| `/regex/` | has a name that matches |
| `FIELD:VALUE` | has a field that contains this, if it is text; otherwise one that is this: `user:app`, `durable:true`, `consumers:0`, `vhost:"my vhost"` |
| `FIELD:=VALUE` | has a field that is exactly this: `vhost:=/` |
| `FIELD:>NUMBER`, `>=`, `<`, `<=` | has a field with such a number; `k`, `M` and `G` are powers of 1000: `memory:>=1.5M` |
| `FIELD:/regex/` | has a field that matches |
| `FIELD:*`, `FIELD:` | has a value in that field, or has none |
| `-TERM` | does not pass the term |

- Only `FIELD:=VALUE` minds the case. In quotes `\"` and `\\` are a quote and a backslash.
- `FIELD` is a path as in `columns`, `message_stats.publish_details.rate`, or one of the short names below. An object without that field passes nothing but `FIELD:`, and `-FIELD:…`. Of a
  list, such as a user's tags, one element must pass.
- What looks like a field is one: a name with a colon in it stands in quotes, `"urn:orders"`; so does one that begins with `/` or `-`. Names of connections need none, `127.0.0.1:50214`.
- What is no filter is refused with 400, and the reason names the term.
- [Messages](browse.md) are filtered in much the same way, by what messages have.

| short name | stands for |
|---|---|
"#;

/// The whole page.
pub(super) fn page() -> String {
    let mut groups: BTreeMap<&str, Vec<&Endpoint>> = BTreeMap::new();
    for endpoint in endpoints::all() {
        groups.entry(endpoint.group()).or_default().push(endpoint);
    }
    let mut page = [INTRODUCTION, FILTERS].concat();
    for (alias, paths) in ALIASES {
        let paths: Vec<_> = paths.iter().map(|path| format!("`{path}`")).collect();
        let _ = writeln!(page, "| `{alias}` | {} |", paths.join(", "));
    }
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
        Shared::PlainList => &["list", "columns"],
        Shared::List => &["list", "columns", "statistics"],
    };
    let shared = shared.iter().map(|set| format!("*{set}*"));
    own.chain(shared).collect::<Vec<_>>().join(", ")
}
