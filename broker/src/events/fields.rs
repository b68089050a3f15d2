//! An event's fields as the entries of a headers table, with the types that RabbitMQ gives them.

use ferrymq_amqp::{AMQPValue, FieldTable};

/// A headers table in the making.
#[derive(Default)]
pub struct Fields(FieldTable);

impl Fields {
    /// A string.
    pub fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.value(name, AMQPValue::LongString(text.into()))
    }

    /// A boolean.
    pub fn flag(&mut self, name: &str, flag: bool) -> &mut Self {
        self.value(name, AMQPValue::Boolean(flag))
    }

    /// An integer.
    pub fn number(&mut self, name: &str, number: i64) -> &mut Self {
        self.value(name, AMQPValue::LongLongInt(number))
    }

    /// A list of strings.
    pub fn texts(&mut self, name: &str, texts: &[String]) -> &mut Self {
        let texts = texts.iter();
        let texts = texts.map(|text| AMQPValue::LongString(text.as_str().into()));
        self.value(
            name,
            AMQPValue::FieldArray(texts.collect::<Vec<_>>().into()),
        )
    }

    // Compat: RabbitMQ sends an array of Erlang terms as text, which nobody can use.
    /// A table.
    pub fn table(&mut self, name: &str, table: &FieldTable) -> &mut Self {
        self.value(name, AMQPValue::FieldTable(table.clone()))
    }

    /// Any value.
    pub fn value(&mut self, name: &str, value: AMQPValue) -> &mut Self {
        self.0.insert(name.into(), value);
        self
    }

    /// Every entry of a table.
    pub fn values(&mut self, entries: &FieldTable) -> &mut Self {
        for (name, value) in entries {
            self.value(name.as_str(), value.clone());
        }
        self
    }

    /// Who did it.
    pub fn by(&mut self, user: &str) -> &mut Self {
        self.text("user_who_performed_action", user)
    }

    /// The finished table.
    pub fn into_table(self) -> FieldTable {
        self.0
    }
}
