//! JSON as a tree that opens and closes, up to a number of values: what is behind them is in the other views.

use askama::Template;
use serde_json::Value;

/// Values in a tree.
const MAX_NODES: usize = 2_000;
/// Levels that are open at first.
const OPEN_LEVELS: usize = 3;

/// A value and what is in it.
#[derive(Template)]
#[template(path = "queue/node.html")]
pub(super) struct Node {
    /// Its key, or place in a list.
    name: String,
    /// `string`, `number`, `boolean` or `null`; `many`: an object or a list.
    kind: &'static str,
    /// The value; of an object or a list what kind it is, and its size.
    text: String,
    children: Vec<Node>,
    /// Children that are left out.
    left_out: usize,
    open: bool,
}

impl Node {
    /// The tree of a value.
    pub(super) fn tree(value: &Value) -> Self {
        let mut room = MAX_NODES;
        Self::new(String::new(), value, 0, &mut room)
    }

    fn new(name: String, value: &Value, level: usize, room: &mut usize) -> Self {
        *room = room.saturating_sub(1);
        let mut node = Self {
            name,
            kind: kind(value),
            text: text(value),
            children: Vec::new(),
            left_out: 0,
            open: level < OPEN_LEVELS,
        };
        let mut take = |name: String, child: &Value| match *room {
            0 => node.left_out += 1,
            _ => {
                let child = Self::new(name, child, level + 1, room);
                node.children.push(child);
            }
        };
        match value {
            Value::Object(entries) => {
                for (name, child) in entries {
                    take(name.clone(), child);
                }
            }
            Value::Array(values) => {
                for (place, child) in values.iter().enumerate() {
                    take(place.to_string(), child);
                }
            }
            _ => {}
        }
        node
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) | Value::Object(_) => "many",
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Array(values) => format!("[{}]", values.len()),
        Value::Object(entries) => format!("{{{}}}", entries.len()),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_escaped_and_counted() {
        let value = json!({"a": [1, null], "b<i>": "<script>", "c": {}});
        let tree = Node::tree(&value).render().unwrap();
        assert!(
            !tree.contains("<script>") && !tree.contains("<i>"),
            "{tree}"
        );
        assert!(tree.contains("[2]") && tree.contains("{3}"), "{tree}");
    }

    #[test]
    fn a_large_tree_ends() {
        let value: Value = (0..MAX_NODES + 10).collect();
        let tree = Node::tree(&value);
        assert_eq!(tree.children.len(), MAX_NODES - 1);
        assert_eq!(tree.left_out, 11);
    }
}
