//! Where policies are in each other's way, in sentences.

use serde_json::Value;

use super::Of;
use crate::console::address::Address;
use crate::console::client::{Call, Problem};
use crate::console::format;
use crate::console::visit::Visit;

/// Virtual hosts that a list of all of them looks into.
const MAX_VHOSTS: usize = 10;

/// Two policies that match the same.
pub(super) struct Conflict {
    pub(super) text: String,
    /// The list in which it can be mended.
    pub(super) to: Address,
    pub(super) vhost: String,
}

/// Those of the policies that a list shows.
///
/// # Errors
/// What the API refuses.
pub(super) async fn all(
    visit: &Visit,
    of: &Of,
    vhosts: &[String],
) -> Result<Vec<Conflict>, Problem> {
    let vhosts = match visit.vhost() {
        Some(vhost) => vec![vhost.to_owned()],
        None => vhosts.iter().take(MAX_VHOSTS).cloned().collect(),
    };
    let mut all = Vec::new();
    for vhost in vhosts {
        let call = Call::get(&["policy-conflicts", &vhost]).with("operator", of.flag());
        let found = visit.call(call).await?;
        let found = told(of, &found["items"]);
        all.extend(found.into_iter().map(|text| Conflict {
            text,
            to: of.page(Some(&vhost)),
            vhost: vhost.clone(),
        }));
    }
    Ok(all)
}

/// What the API found, in sentences.
pub(super) fn told(of: &Of, items: &Value) -> Vec<String> {
    let items = items.as_array().into_iter().flatten();
    items.map(|conflict| sentence(of, conflict)).collect()
}

fn sentence(of: &Of, conflict: &Value) -> String {
    let text = |field: &str| conflict[field].as_str().unwrap_or_default();
    let (policy, counts) = (text("policy"), text("counts"));
    let objects = match conflict["objects"].as_u64().unwrap_or_default() {
        1 => text("example").to_owned(),
        count => format!("{} and {} more", text("example"), format::count(count - 1)),
    };
    match conflict["key"].as_str() {
        Some(key) => {
            format!("The operator policy {counts} overrides {key} of {policy} for {objects}.")
        }
        None => format!(
            "The {} {counts} and {policy} have the same priority, and both match {objects}: {counts} counts, the first by name.",
            of.nouns,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::USER;
    use super::*;
    use serde_json::json;

    fn check(conflict: Value, expected: &str) {
        assert_eq!(sentence(&USER, &conflict), expected);
    }

    #[test]
    fn conflicts_are_told() {
        check(
            json!({ "policy": "b", "counts": "a", "key": null, "objects": 3, "example": "q" }),
            "The policies a and b have the same priority, and both match q and 2 more: a counts, the first by name.",
        );
        check(
            json!({ "policy": "b", "counts": "o", "key": "max-length", "objects": 1, "example": "q" }),
            "The operator policy o overrides max-length of b for q.",
        );
    }
}
