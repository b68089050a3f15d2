//! A policy for queues that were selected in their list: the form, with a pattern that matches exactly them.

use axum::response::{IntoResponse as _, Response};
use regex::escape;

use crate::console::address::Address;
use crate::console::client::Problem;
use crate::console::confirm::{self, Action};
use crate::console::login::see_other;
use crate::console::visit::Visit;
use crate::console::{page, queues};

/// Bytes of a pattern that people can still read.
const MAX_PATTERN_BYTES: usize = 2_000;

/// `GET /console/policy-for?key=["/","orders"]&key=…`
pub(super) async fn open(visit: Visit) -> Response {
    match form(&visit).await {
        Ok(form) => see_other(&form.to_string()).into_response(),
        Err(problem) => page::refused(&visit, problem).await,
    }
}

async fn form(visit: &Visit) -> Result<Address, Problem> {
    let of_queues: &Action = &queues::ACTIONS[0];
    let keys = confirm::selected(visit, of_queues, &visit.address).await?;
    let vhost = keys[0][0].as_str();
    if keys.iter().any(|key| key[0] != vhost) {
        let reason = "A policy is of one virtual host: select queues of one";
        return Err(Problem::bad_request(reason));
    }
    let names = keys.iter().map(|key| key[1].as_str());
    let pattern = pattern(names.collect());
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(Problem::bad_request(
            "A policy is for all queues whose names match its pattern. One for exactly these would be too long to read: \
             add a policy with what their names have in common, or select fewer",
        ));
    }
    Ok(Address::new("policies")
        .with("vhost", vhost)
        .with("pattern", &pattern)
        .with("apply-to", "queues"))
}

/// What these names match, and no others.
fn pattern(names: Vec<&str>) -> String {
    let escaped: Vec<_> = names.into_iter().map(escape).collect();
    match escaped.as_slice() {
        [name] => format!("^{name}$"),
        names => format!("^({})$", names.join("|")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_what_is_selected() {
        assert_eq!(pattern(vec!["a.b"]), r"^a\.b$");
        assert_eq!(pattern(vec!["a|b", "c"]), r"^(a\|b|c)$");
    }
}
