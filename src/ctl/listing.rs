//! Lists: which columns there are, where they stand in the API's objects, and how they are chosen.

use clap::builder::PossibleValuesParser;
use serde_json::Value;

use super::context::Context;
use super::error::Error;
use super::path::with_query;

/// The columns of a list; the first `default` are shown when nothing is said.
pub(super) struct Columns {
    pub(super) all: &'static [Column],
    pub(super) default: usize,
}

/// A column, under rabbitmqctl's name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    name: &'static str,
    source: Source,
}

/// Where a column's value comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// A field, with dots before inner ones.
    Field(&'static str),
    /// The same, but it is JSON in a table too.
    Json(&'static str),
    /// The same everywhere.
    Always(&'static str),
}

/// The field of the same name.
pub(super) const fn same(name: &'static str) -> Column {
    from(name, name)
}

/// The field `field`.
pub(super) const fn from(name: &'static str, field: &'static str) -> Column {
    let source = Source::Field(field);
    Column { name, source }
}

/// The field `field`, as JSON.
pub(super) const fn json(name: &'static str, field: &'static str) -> Column {
    let source = Source::Json(field);
    Column { name, source }
}

/// `value` in every row.
pub(super) const fn always(name: &'static str, value: &'static str) -> Column {
    let source = Source::Always(value);
    Column { name, source }
}

impl Column {
    fn field(&self) -> Option<&'static str> {
        match self.source {
            Source::Field(field) | Source::Json(field) => Some(field),
            Source::Always(_) => None,
        }
    }

    /// Its value in one of the API's objects.
    pub(super) fn value(&self, row: &Value, is_json: bool) -> Value {
        match self.source {
            Source::Always(value) => value.into(),
            Source::Field(field) => lookup(row, field).clone(),
            Source::Json(field) => match lookup(row, field) {
                Value::Null => Value::Null,
                value if is_json => value.clone(),
                value => value.to_string().into(),
            },
        }
    }
}

/// The value at `field`, in which dots lead to inner objects.
pub(super) fn lookup<'a>(row: &'a Value, field: &str) -> &'a Value {
    field.split('.').fold(row, |value, name| &value[name])
}

impl Columns {
    /// Takes the names of these columns.
    pub(super) fn parser(&self) -> PossibleValuesParser {
        PossibleValuesParser::new(self.all.iter().map(|column| column.name))
    }

    fn chosen(&self, names: &[String]) -> Vec<Column> {
        if names.is_empty() {
            return self.all[..self.default].to_vec();
        }
        let named = |name: &String| self.all.iter().find(|column| column.name == name);
        names.iter().filter_map(named).copied().collect()
    }

    /// Prints what the API answers at `path`, in the columns `names`.
    pub(super) fn print(
        &self,
        context: &mut Context,
        path: String,
        names: &[String],
    ) -> Result<(), Error> {
        let chosen = self.chosen(names);
        let fields: Vec<_> = chosen.iter().filter_map(Column::field).collect();
        let fields = fields.join(",");
        let rows = context
            .client
            .get(&with_query(path, &[("columns", &fields)]));
        let rows = context.in_vhost(rows)?;
        self.print_rows(context, &rows, names)
    }

    /// Prints an array of the API's objects, in the columns `names`.
    pub(super) fn print_rows(
        &self,
        context: &mut Context,
        rows: &Value,
        names: &[String],
    ) -> Result<(), Error> {
        let chosen = self.chosen(names);
        let Some(rows) = rows.as_array() else {
            return Err(Error::Answer("no list".to_owned()));
        };
        let is_json = context.out.is_json();
        let values = |row| {
            chosen
                .iter()
                .map(|column| column.value(row, is_json))
                .collect()
        };
        let rows: Vec<_> = rows.iter().map(values).collect();
        let headers: Vec<_> = chosen.iter().map(|column| column.name).collect();
        Ok(context.out.rows(&headers, &rows)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json as object;

    const COLUMNS: Columns = Columns {
        all: &[
            same("name"),
            from("pid", "channel_details.name"),
            json("definition", "definition"),
            always("kind", "exchange"),
        ],
        default: 2,
    };

    fn check(names: &[&str], is_json: bool, expected: &Value) {
        let row = object!({"name": "n", "channel_details": {"name": "c"}, "definition": {"a": 1}});
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let chosen = COLUMNS.chosen(&names);
        let values: Value = chosen
            .iter()
            .map(|column| column.value(&row, is_json))
            .collect();
        assert_eq!(values, *expected);
    }

    #[test]
    fn columns_are_found_in_objects() {
        check(&[], false, &object!(["n", "c"]));
        check(&["kind", "name"], false, &object!(["exchange", "n"]));
        check(&["definition"], false, &object!(["{\"a\":1}"]));
        check(&["definition"], true, &object!([{"a": 1}]));
    }

    #[test]
    fn what_is_missing_is_null() {
        assert_eq!(lookup(&object!({"a": []}), "a.b.c"), &Value::Null);
    }
}
