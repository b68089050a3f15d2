//! `move-policy`: a policy is put before the one that counts more, or after the one that counts less, by priorities that say
//! so. As few as possible change.

use axum::response::Response;
use serde_json::Value;

use super::Of;
use crate::console::address::Address;
use crate::console::client::{Call, Problem};
use crate::console::form::Submission;
use crate::console::table::{Button, Cell};

/// The form on the page, which has no more than the session's secret.
pub(super) const FORM: &str = "move-policy";
/// Its buttons.
const EARLIER: &str = "earlier";
const LATER: &str = "later";

/// A policy's name, and its priority.
type Ranked = (String, i64);

/// The buttons of a row.
pub(super) fn buttons(row: &Value) -> Cell {
    let key = Value::from(vec![row["vhost"].clone(), row["name"].clone()]).to_string();
    let button = |name, text, about| Button {
        form: FORM,
        name,
        value: key.clone(),
        text,
        about,
    };
    Cell::Buttons(vec![
        button(EARLIER, "↑", "Counts before the one above"),
        button(LATER, "↓", "Counts after the one below"),
    ])
}

/// `POST /console/move-policy`
pub(super) async fn move_policy(submission: Submission) -> Response {
    let to = Address::parse_whole(submission.form.text("from"));
    let done = carry_out(&submission).await;
    submission.finish(done, to).await
}

async fn carry_out(submission: &Submission) -> Result<String, Problem> {
    let Submission { visit, form, .. } = submission;
    let of = Of::asked(form.get("of"));
    let (key, earlier) = match form.get(EARLIER) {
        Some(key) => (key, true),
        None => (form.text(LATER), false),
    };
    let key: Vec<String> = serde_json::from_str(key).unwrap_or_default();
    let [vhost, name] = key.as_slice() else {
        return Err(Problem::bad_request("The form names no policy"));
    };
    let policies = visit.get(&[of.path, vhost]).await?;
    let policies = policies.as_array().map_or(&[][..], Vec::as_slice);
    let ranked = policies.iter().map(|policy| {
        let name = policy["name"].as_str().unwrap_or_default().to_owned();
        (name, policy["priority"].as_i64().unwrap_or_default())
    });
    let changed = moved(ranked.collect(), name, earlier)?;
    for (name, priority) in &changed {
        let policy = policies.iter().find(|policy| policy["name"] == **name);
        let mut policy = policy.cloned().unwrap_or_default();
        policy["priority"] = (*priority).into();
        let path = [of.path, vhost, name];
        visit.call(Call::put(&path).body(policy)).await?;
    }
    let told = changed
        .iter()
        .map(|(name, priority)| format!("{name} has the priority {priority}"));
    Ok(told.collect::<Vec<_>>().join(", "))
}

/// The priorities that change when `name` moves by one place among `ranked`, of which the first counts most.
fn moved(mut ranked: Vec<Ranked>, name: &str, earlier: bool) -> Result<Vec<Ranked>, Problem> {
    let missing = || Problem::not_found(format!("There is no policy {name}"));
    let place = ranked.iter().position(|(other, _)| other == name);
    let place = place.ok_or_else(missing)?;
    let other = match earlier {
        true => place.checked_sub(1),
        false => Some(place + 1).filter(|next| *next < ranked.len()),
    };
    let Some(other) = other else {
        let end = if earlier { "first" } else { "last" };
        return Err(Problem::bad_request(format!("{name} is the {end} already")));
    };
    let before = ranked.clone();
    ranked.swap(place, other);
    match earlier {
        true => raise(&mut ranked),
        false => lower(&mut ranked),
    }
    ranked.retain(|policy| !before.contains(policy));
    Ok(ranked)
}

/// Raises priorities until they are in this order, from the last one on.
fn raise(ranked: &mut [Ranked]) {
    for place in (1..ranked.len()).rev() {
        let (after_name, after) = ranked[place].clone();
        let (name, priority) = &mut ranked[place - 1];
        // Of equal ones the name decides.
        let least = if *name < after_name {
            after
        } else {
            after.saturating_add(1)
        };
        *priority = (*priority).max(least);
    }
}

/// Lowers priorities until they are in this order, from the first one on.
fn lower(ranked: &mut [Ranked]) {
    for place in 1..ranked.len() {
        let (before_name, before) = ranked[place - 1].clone();
        let (name, priority) = &mut ranked[place];
        let most = if before_name < *name {
            before
        } else {
            before.saturating_sub(1)
        };
        *priority = (*priority).min(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(ranked: &[(&str, i64)], name: &str, earlier: bool, expected: &[(&str, i64)]) {
        let owned = |ranked: &[(&str, i64)]| {
            let owned = ranked.iter().map(|(name, at)| ((*name).to_owned(), *at));
            owned.collect::<Vec<_>>()
        };
        let changed = moved(owned(ranked), name, earlier);
        assert_eq!(changed, Ok(owned(expected)), "{ranked:?} {name}");
    }

    #[test]
    fn one_priority_changes_if_that_is_enough() {
        check(&[("a", 5), ("b", 3)], "b", true, &[("b", 6)]);
        check(&[("b", 5), ("a", 3)], "a", true, &[("a", 5)]);
        check(&[("a", 5), ("b", 3)], "a", false, &[("a", 2)]);
        check(&[("a", 0), ("b", 0)], "a", false, &[("a", -1)]);
    }

    #[test]
    fn those_in_the_way_move_along() {
        check(&[("a", 2), ("b", 1), ("c", 1)], "c", true, &[("c", 2)]);
        check(&[("z", 1), ("b", 0), ("a", -1)], "a", true, &[("a", 0)]);
        check(&[("x", 1), ("y", 0), ("z", 0)], "z", true, &[("z", 1)]);
        check(
            &[("a", 0), ("b", 0), ("c", 0)],
            "c",
            true,
            &[("a", 1), ("c", 1)],
        );
    }

    #[test]
    fn the_ends_are_ends() {
        for (name, earlier) in [("a", true), ("b", false), ("c", true)] {
            let ranked = vec![("a".to_owned(), 1), ("b".to_owned(), 0)];
            assert!(moved(ranked, name, earlier).is_err(), "{name}");
        }
    }
}
