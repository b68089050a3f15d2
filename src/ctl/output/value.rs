//! Values as rabbitmqctl writes them in tables.

use serde_json::Value;

/// A value in a cell. Compat: lists stand in brackets, tables are lists of pairs.
pub(in crate::ctl) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escaped(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(plain).collect();
            format!("[{}]", items.join(", "))
        }
        value => nested(value),
    }
}

fn nested(value: &Value) -> String {
    match value {
        Value::Null => "undefined".to_owned(),
        Value::String(text) => format!("\"{}\"", escaped(text).replace('"', "\\\"")),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(nested).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let pairs = fields
                .iter()
                .map(|(name, value)| format!("{{\"{}\",{}}}", escaped(name), nested(value)));
            format!("[{}]", pairs.collect::<Vec<_>>().join(","))
        }
        value => value.to_string(),
    }
}

/// Without line ends and tabs, which would be taken for those of the table, and without whatever
/// else moves a terminal's cursor.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_control() {
            true => escaped.extend(character.escape_default()),
            false => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_in_cells() {
        let check = |value: Value, expected: &str| assert_eq!(plain(&value), expected);
        check(Value::Null, "");
        check(json!(""), "");
        check(json!("a \"b\" é"), "a \"b\" é");
        check(json!("a\nb\u{1b}"), "a\\nb\\u{1b}");
        check(json!(true), "true");
        check(json!(0.5), "0.5");
        check(json!([]), "[]");
        check(json!(["administrator", "x"]), "[administrator, x]");
        check(json!({}), "[]");
        check(
            json!({"a": "b", "c": {"d": null}}),
            r#"[{"a","b"},{"c",[{"d",undefined}]}]"#,
        );
    }
}
