//! The fields of a policy's form, made of what the broker says that a definition may hold.

use serde_json::{Map, Value};

use crate::console::client::Problem;
use crate::console::form::Form;
use crate::console::visit::Visit;

/// What is typed for a text that is empty; nothing typed is no text.
const EMPTY_TEXT: &str = "\"\"";

/// What keys have an effect on, in the order of the form.
const SUBJECTS: [(&str, &str); 6] = [
    ("queues", "Queues"),
    ("exchanges", "Exchanges"),
    ("quorum_queues", "Quorum queues"),
    ("streams", "Streams"),
    ("all", "Federation"),
    ("nothing", "Without effect"),
];

/// Keys with an effect on the same.
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) fields: Vec<Field>,
    /// Is anything of it asked for?
    pub(super) is_open: bool,
}

/// A key that can be set.
pub(super) struct Field {
    /// As the API describes it.
    pub(super) key: Value,
    /// What stands in the field; empty: the policy does not ask for it.
    pub(super) value: String,
}

/// Where a form has what it shows at first from: what was refused, else the address, else the policy to be changed.
pub(super) struct Source<'a> {
    typed: Option<&'a Form>,
    visit: &'a Visit,
    policy: Option<&'a Value>,
}

impl<'a> Source<'a> {
    pub(super) fn new(visit: &'a Visit, policy: Option<&'a Value>) -> Self {
        let refused = visit.refused.as_ref();
        Self {
            typed: refused.map(|refused| &refused.typed),
            visit,
            policy,
        }
    }

    /// Is there anything to show?
    pub(super) fn is_given(&self) -> bool {
        self.typed.is_some() || self.policy.is_some() || self.is_asked()
    }

    /// Does the address say what the form is to show?
    fn is_asked(&self) -> bool {
        self.visit.address.all("pattern").next().is_some()
    }

    /// What a field shows.
    pub(super) fn text(&self, name: &str) -> String {
        self.value(name, |policy| &policy[name])
    }

    fn value(&self, parameter: &str, of_policy: impl Fn(&Value) -> &Value) -> String {
        let asked = || self.visit.address.get(parameter).unwrap_or_default();
        match (self.typed, self.policy) {
            (Some(typed), _) => typed.text(parameter).to_owned(),
            (None, Some(policy)) if !self.is_asked() => shown(of_policy(policy)),
            _ => asked().to_owned(),
        }
    }
}

impl Field {
    pub(super) fn name(&self) -> &str {
        text(&self.key, "name")
    }

    pub(super) fn parameter(&self) -> String {
        parameter(&self.key)
    }

    pub(super) fn about(&self) -> &str {
        text(&self.key, "about")
    }

    pub(super) fn kind(&self) -> &str {
        text(&self.key, "type")
    }

    /// A bound of a number, if it has one.
    pub(super) fn bound(&self, name: &str) -> String {
        self.key[name]
            .as_i64()
            .map_or(String::new(), |bound| bound.to_string())
    }

    /// What can be chosen, if it is a choice.
    pub(super) fn choices(&self) -> Vec<&str> {
        let choices = self.key["choices"].as_array().into_iter().flatten();
        match self.kind() {
            "boolean" => vec!["true", "false"],
            _ => choices.filter_map(Value::as_str).collect(),
        }
    }
}

/// All fields, of the `keys` that the API describes.
pub(super) fn groups(keys: &Value, operator: bool, source: &Source<'_>) -> Vec<Group> {
    let keys = keys.as_array().map_or(&[][..], Vec::as_slice);
    let group = |(subject, title): (&str, &'static str)| {
        let keys = keys.iter().filter(|key| key["subject"] == subject);
        let keys = keys.filter(|key| !operator || key["operator"] == true);
        let fields = keys.map(|key| Field {
            value: source.value(&parameter(key), |policy| {
                &policy["definition"][text(key, "name")]
            }),
            key: key.clone(),
        });
        let fields: Vec<_> = fields.collect();
        let is_open =
            subject == SUBJECTS[0].0 || fields.iter().any(|field| !field.value.is_empty());
        // What has no effect is there only where a policy has it.
        let is_wanted = subject != "nothing" || is_open;
        (is_wanted && !fields.is_empty()).then_some(Group {
            title,
            fields,
            is_open,
        })
    };
    SUBJECTS.into_iter().filter_map(group).collect()
}

/// The name of a key's field.
pub(super) fn parameter(key: &Value) -> String {
    format!("set-{}", text(key, "name"))
}

/// The definition that these keys and values make.
///
/// # Errors
/// 400 for what is not of its type.
pub(super) fn definition(values: impl Iterator<Item = (Value, String)>) -> Result<Value, Problem> {
    let mut definition = Map::new();
    for (key, typed) in values.filter(|(_, typed)| !typed.is_empty()) {
        let name = text(&key, "name");
        let value = parse(text(&key, "type"), &typed);
        let value = value.ok_or_else(|| {
            Problem::bad_request(format!("{name}: '{typed}' is not a whole number"))
        })?;
        definition.insert(name.to_owned(), value);
    }
    Ok(definition.into())
}

fn parse(kind: &str, typed: &str) -> Option<Value> {
    match kind {
        "integer" => typed.trim().parse::<i64>().ok().map(Value::from),
        "boolean" => Some((typed == "true").into()),
        "any" => Some(serde_json::from_str(typed).unwrap_or_else(|_| typed.into())),
        _ if typed == EMPTY_TEXT => Some("".into()),
        _ => Some(typed.into()),
    }
}

/// A value as it stands in a field.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.is_empty() => EMPTY_TEXT.to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(kind: &str, typed: &str, expected: Option<Value>) {
        let key = json!({ "name": "k", "type": kind });
        let definition = definition([(key, typed.to_owned())].into_iter());
        let expected = expected.map(|value| json!({ "k": value }));
        assert_eq!(definition.ok(), expected, "{kind} {typed}");
    }

    #[test]
    fn what_was_typed_gets_its_type() {
        check("integer", "10", Some(json!(10)));
        check("integer", "-1 ", Some(json!(-1)));
        check("integer", "x", None);
        check("boolean", "false", Some(json!(false)));
        check("text", "10", Some(json!("10")));
        check("text", "\"\"", Some(json!("")));
        check("choice", "drop-head", Some(json!("drop-head")));
        check("any", "{\"a\":1}", Some(json!({"a": 1})));
        check("any", "exactly", Some(json!("exactly")));
    }

    #[test]
    fn what_is_shown_is_understood_again() {
        for (kind, value) in [
            ("integer", json!(-3)),
            ("boolean", json!(true)),
            ("text", json!("")),
            ("text", json!("dlx")),
            ("any", json!(["a"])),
        ] {
            check(kind, &shown(&value), Some(value));
        }
        assert_eq!(shown(&Value::Null), "");
    }
}
