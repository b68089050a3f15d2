//! `columns=name,message_stats.publish`: what of each object is to be shown.

use serde_json::Value;

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

    /// Is a field asked for, or something in it?
    pub(super) fn want(&self, name: &str) -> bool {
        let mut paths = self.0.iter();
        self.is_all() || paths.any(|path| path[0] == name)
    }

    /// Is a field of the field `outer` asked for, or something in it?
    pub(super) fn want_within(&self, outer: &str, name: &str) -> bool {
        let mut paths = self.0.iter().filter(|path| path[0] == outer);
        self.is_all() || paths.any(|path| path.get(1).is_none_or(|inner| inner == name))
    }

    /// The fields of `value` that are asked for; of a list, those of each element.
    pub(super) fn pick(&self, mut value: Value) -> Value {
        if !self.is_all() {
            let paths: Vec<&[String]> = self.0.iter().map(Vec::as_slice).collect();
            pick(&mut value, &paths);
        }
        value
    }
}

fn pick(value: &mut Value, paths: &[&[String]]) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| pick(value, paths)),
        Value::Object(entries) => entries.retain(|name, value| {
            let inside = || {
                let paths = paths.iter().filter_map(|path| path.split_first());
                paths.filter_map(|(first, rest)| (first == name).then_some(rest))
            };
            if inside().any(<[String]>::is_empty) {
                return true;
            }
            let is_wanted = inside().next().is_some() && (value.is_object() || value.is_array());
            if is_wanted {
                pick(value, &inside().collect::<Vec<_>>());
            }
            is_wanted
        }),
        _ => {}
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
    fn a_field_is_wanted_with_what_is_in_it() {
        let columns = Columns::parse("a,b.c,b.d.e");
        assert!(columns.want("a") && columns.want("b") && !columns.want("c"));
        assert!(columns.want_within("b", "c") && columns.want_within("b", "d"));
        assert!(columns.want_within("a", "x") && !columns.want_within("b", "x"));
        assert!(!columns.want_within("c", "x"));
        let all = Columns::default();
        assert!(all.want("a") && all.want_within("a", "b"));
    }

    #[test]
    fn paths_lead_into_objects() {
        let object = json!({"a": {"b": 1}});
        assert_eq!(field(&object, "a.b"), Some(&json!(1)));
        assert_eq!(field(&object, "a.b.c"), None);
    }
}
