//! `columns=name,message_stats.publish`: what of each object is to be shown.

use serde_json::{Map, Value};

/// The fields that are asked for, as paths.
#[derive(Debug, Default, Clone)]
pub(crate) struct Columns(Vec<Vec<String>>);

impl Columns {
    /// A list of paths, separated by commas.
    pub(super) fn parse(text: &str) -> Self {
        let paths = text
            .split(',')
            .map(str::trim)
            .filter(|path| !path.is_empty());
        Self::of(paths)
    }

    /// These paths.
    pub(super) fn of<'a>(paths: impl Iterator<Item = &'a str>) -> Self {
        let split = |path: &str| path.split('.').map(str::to_owned).collect();
        Self(paths.map(split).collect())
    }

    /// Are all fields asked for?
    pub(super) fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// Are fields asked for, and none beside `fields`?
    pub(super) fn are_within(&self, fields: &[&str]) -> bool {
        let known = |path: &Vec<String>| {
            path.first()
                .is_some_and(|name| fields.contains(&name.as_str()))
        };
        !self.is_all() && self.0.iter().all(known)
    }

    /// The fields of `value` that are asked for; of a list, those of each element.
    pub(super) fn pick(&self, value: Value) -> Value {
        if self.is_all() {
            return value;
        }
        let paths: Vec<&[String]> = self.0.iter().map(Vec::as_slice).collect();
        pick(value, &paths)
    }
}

fn pick(value: Value, paths: &[&[String]]) -> Value {
    match value {
        Value::Array(values) => {
            let picked = values.into_iter().map(|value| pick(value, paths));
            picked.collect()
        }
        Value::Object(entries) => {
            let mut picked = Map::new();
            for (name, value) in entries {
                let inside = paths.iter().filter_map(|path| match path.split_first() {
                    Some((first, rest)) if *first == name => Some(rest),
                    _ => None,
                });
                let inside: Vec<_> = inside.collect();
                if inside.iter().any(|rest| rest.is_empty()) {
                    picked.insert(name, value);
                } else if !inside.is_empty() && (value.is_object() || value.is_array()) {
                    picked.insert(name, pick(value, &inside));
                }
            }
            Value::Object(picked)
        }
        value => value,
    }
}

/// What a path like `message_stats.publish_details.rate` leads to.
pub(crate) fn field<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(value, |value, name| value.get(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(columns: &str, expected: Value) {
        let object = json!({"a": 1, "b": {"c": 2, "d": {"e": 3}}, "l": [{"x": 1, "y": 2}]});
        assert_eq!(Columns::parse(columns).pick(object), expected, "{columns}");
    }

    #[test]
    fn the_structure_stays() {
        check("a", json!({"a": 1}));
        check("a, b.d.e", json!({"a": 1, "b": {"d": {"e": 3}}}));
        check("b,b.c", json!({"b": {"c": 2, "d": {"e": 3}}}));
        check("l.x", json!({"l": [{"x": 1}]}));
        check("a.z,none", json!({}));
        assert_eq!(
            Columns::parse("a").pick(json!([{"a": 1, "b": 2}])),
            json!([{"a": 1}])
        );
    }

    #[test]
    fn what_is_not_asked_for_need_not_be_looked_at() {
        let within = |columns: &str| Columns::parse(columns).are_within(&["a", "b"]);
        assert!(within("a") && within("b.c,a"));
        assert!(!within("") && !within("a,c"));
    }

    #[test]
    fn paths_lead_into_objects() {
        let object = json!({"a": {"b": 1}});
        assert_eq!(field(&object, "a.b"), Some(&json!(1)));
        assert_eq!(field(&object, "a.b.c"), None);
    }
}
