//! `message-compare`: two messages of a queue side by side, with what differs marked.

mod lines;

use askama::Template;
use serde_json::Value;

use super::payload::Content;
use super::{MAX_SHOWN_BYTES, gone};
use crate::console::client::Problem;
use crate::console::page::Page;
use crate::console::payload::Payload;
use crate::console::queue::Head;
use crate::console::queue::messages::{barred, of_message};
use crate::console::shell::Shell;
use crate::console::visit::Visit;
use lines::{Line, Lines};

/// What a message is, beside its properties: fields of the API's answer, and how they are called here.
const FACTS: &[(&str, &str)] = &[
    ("exchange", "Exchange"),
    ("routing_key", "Routing key"),
    ("payload_bytes", "Payload, in bytes"),
    ("priority", "Priority in the queue"),
    ("delivery_count", "Came back"),
    ("persistent", "Persistent"),
    ("payload_masked", "Masked"),
];

/// The page.
#[derive(Template)]
#[template(path = "queue/compare.html")]
pub(in crate::console::queue) struct Compare {
    shell: Shell,
    head: Head,
    messages: [Message; 2],
    /// Facts, then properties, then headers.
    groups: Vec<(&'static str, Vec<Pair>)>,
    lines: Lines,
}

/// One of the two.
struct Message {
    sequence: String,
    to: String,
    /// What of its payload is compared, where that has to be said.
    about: String,
}

/// A value of both; empty: it is not there.
struct Pair {
    name: String,
    values: [String; 2],
}

impl Pair {
    fn differs(&self) -> bool {
        self.values[0] != self.values[1]
    }
}

impl Page for Compare {
    const NAME: &'static str = "message-compare";

    async fn load(visit: &Visit) -> Result<Self, Problem> {
        let head = Head::load(visit).await?;
        if let Some(reason) = barred(visit, &head.vhost, &head.name) {
            return Err(Problem::forbidden(reason));
        }
        let selected: Vec<&str> = visit.address.all("key").collect();
        let [left, right] = selected[..] else {
            return Err(Problem::bad_request(format!(
                "Two messages can be compared, and {} are selected: go back and select two",
                selected.len()
            )));
        };
        let found = [
            look(visit, &head, left).await?,
            look(visit, &head, right).await?,
        ];
        let contents = [Content::of(&found[0]), Content::of(&found[1])];
        let [old, new] = [text(&contents[0]), text(&contents[1])];
        let message = |index: usize, sequence: &str| Message {
            to: to(&head, sequence),
            about: about(&contents[index]),
            sequence: sequence.to_owned(),
        };
        Ok(Self {
            shell: Shell::new(visit, format!("Messages {left} and {right}")),
            messages: [message(0, left), message(1, right)],
            groups: groups(&found),
            lines: Lines::new(&old, &new),
            head,
        })
    }
}

async fn look(visit: &Visit, head: &Head, sequence: &str) -> Result<Value, Problem> {
    let look = head
        .call(&["messages", sequence])
        .with("encoding", "base64")
        .with("truncate", &MAX_SHOWN_BYTES.to_string());
    visit.call(look).await.map_err(gone)
}

fn to(head: &Head, sequence: &str) -> String {
    let number = sequence.parse().unwrap_or_default();
    of_message(&head.vhost, &head.name, number).to_string()
}

/// A payload as lines: JSON set out, text as it is, anything else as bytes.
fn text(content: &Content) -> String {
    match std::str::from_utf8(&content.bytes) {
        Ok(text) => Payload::new(text, "string").text,
        Err(_) => crate::console::payload::dump(&content.bytes),
    }
}

fn about(content: &Content) -> String {
    let packed = content.packed.map(|kind| format!("unpacked from {kind}"));
    let cut = (!content.complete).then(|| "its first 256 KiB".to_owned());
    let all: Vec<String> = packed.into_iter().chain(cut).collect();
    all.join(", ")
}

/// The values of both, where either has any.
fn groups(found: &[Value; 2]) -> Vec<(&'static str, Vec<Pair>)> {
    let facts = FACTS.iter().map(|(field, name)| Pair {
        name: (*name).to_owned(),
        values: [shown(&found[0][field]), shown(&found[1][field])],
    });
    let facts = facts.filter(|pair| pair.values.iter().any(|value| !value.is_empty()));
    let [left, right] = [&found[0]["properties"], &found[1]["properties"]];
    let mut properties = pairs(left, right);
    properties.retain(|pair| pair.name != "headers");
    let headers = pairs(&left["headers"], &right["headers"]);
    let groups = [
        ("Message", facts.collect()),
        ("Properties", properties),
        ("Headers", headers),
    ];
    groups
        .into_iter()
        .filter(|(_, pairs): &(_, Vec<Pair>)| !pairs.is_empty())
        .collect()
}

/// The fields of two objects, each once.
fn pairs(left: &Value, right: &Value) -> Vec<Pair> {
    let names = |value: &Value| -> Vec<String> {
        let fields = value.as_object().into_iter().flatten();
        fields.map(|(name, _)| name.clone()).collect()
    };
    let mut all = names(left);
    all.extend(names(right));
    all.sort();
    all.dedup();
    let pair = |name: String| Pair {
        values: [shown(&left[&name]), shown(&right[&name])],
        name,
    };
    all.into_iter().map(pair).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_that_either_has_is_compared() {
        let left = json!({ "exchange": "x", "properties": { "type": "a", "headers": { "n": 1 } } });
        let right = json!({ "exchange": "x", "properties": { "headers": { "m": [2] } } });
        let found: Vec<String> = groups(&[left, right])
            .iter()
            .flat_map(|(_, pairs)| pairs)
            .map(|pair| format!("{}: {:?} {}", pair.name, pair.values, pair.differs()))
            .collect();
        assert_eq!(
            found,
            [
                r#"Exchange: ["x", "x"] false"#,
                r#"type: ["a", ""] true"#,
                r#"m: ["", "[2]"] true"#,
                r#"n: ["1", ""] true"#,
            ]
        );
    }
}
