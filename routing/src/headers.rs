//! Headers: the binding's arguments against the message's headers.

use std::sync::Arc;

use ferrymq_amqp::table::{integer_value, type_name};
use ferrymq_amqp::{AMQPValue, FieldTable, RawTable, RawValue};
use imbl::OrdMap;
use smallvec::SmallVec;

use crate::route::{Reached, RouteInput};
use crate::{Binding, Error};

const X_MATCH: &str = "x-match";

/// The bindings, each with what its arguments ask for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Headers(OrdMap<Arc<Binding>, Arc<Pattern>>);

/// What a binding asks of a message's headers.
#[derive(Debug)]
struct Pattern {
    /// Whether one that fits is enough.
    any: bool,
    /// Names and values; a void value stands for any.
    wanted: Box<[(Box<str>, AMQPValue)]>,
}

/// A message's headers by name.
struct Index<'a>(SmallVec<[(&'a str, RawValue<'a>); 16]>);

impl Headers {
    pub(crate) fn bind(&mut self, binding: &Arc<Binding>) -> Result<(), Error> {
        let pattern = Pattern::of(binding.arguments())?;
        self.0.insert(Arc::clone(binding), Arc::new(pattern));
        Ok(())
    }

    pub(crate) fn unbind(&mut self, binding: &Binding) {
        self.0.remove(binding);
    }

    pub(crate) fn route<'t>(&'t self, input: &RouteInput<'_>, reached: &mut Reached<'t, '_>) {
        reached.decided_by_message();
        let headers = input.properties.and_then(|properties| properties.headers());
        let index = Index::of(headers.unwrap_or_default());
        let fitting = self.0.iter().filter(|(_, pattern)| pattern.fits(&index));
        reached.add_each(fitting.map(|(binding, _)| binding.destination()));
    }
}

impl Pattern {
    fn of(arguments: &FieldTable) -> Result<Self, Error> {
        let (any, with_x) = match arguments.inner().get(X_MATCH) {
            None => (false, false),
            Some(AMQPValue::LongString(text)) => match text.as_bytes() {
                b"all" => (false, false),
                b"any" => (true, false),
                b"all-with-x" => (false, true),
                b"any-with-x" => (true, true),
                _ => return Err(Error::HeadersMatch(format!("'{text}'"))),
            },
            Some(other) => {
                return Err(Error::HeadersMatch(format!("type '{}'", type_name(other))));
            }
        };
        let counts = |name: &str| name != X_MATCH && (with_x || !name.starts_with("x-"));
        let wanted = arguments
            .into_iter()
            .filter(|(name, _)| counts(name.as_str()))
            .map(|(name, value)| (name.as_str().into(), value.clone()))
            .collect();
        Ok(Self { any, wanted })
    }

    /// With nothing wanted `all` fits everything, and `any` nothing.
    fn fits(&self, index: &Index<'_>) -> bool {
        let mut wanted = self.wanted.iter();
        let fits = |(name, value): &(Box<str>, AMQPValue)| {
            index
                .get(name)
                .is_some_and(|found| *value == AMQPValue::Void || equal(value, found))
        };
        if self.any {
            wanted.any(fits)
        } else {
            wanted.all(fits)
        }
    }
}

impl<'a> Index<'a> {
    fn of(table: RawTable<'a>) -> Self {
        let mut entries: SmallVec<[(&str, RawValue<'_>); 16]> = table.iter().collect();
        // Of two headers with one name the first counts: it lies in front of the other in memory.
        entries.sort_unstable_by_key(|(name, _)| (*name, name.as_ptr()));
        entries.dedup_by_key(|(name, _)| *name);
        Self(entries)
    }

    fn get(&self, name: &str) -> Option<RawValue<'a>> {
        let position = self.0.binary_search_by_key(&name, |(name, _)| name).ok()?;
        Some(self.0[position].1)
    }
}

/// Whether both are worth the same. Types count only by their kind: an integer of any width or a
/// timestamp, a float of any width, a string or bytes.
fn equal(wanted: &AMQPValue, found: RawValue<'_>) -> bool {
    if let Some(number) = number(wanted) {
        return raw_number(found) == Some(number);
    }
    match (wanted, found) {
        (AMQPValue::Boolean(wanted), RawValue::Boolean(found)) => *wanted == found,
        (AMQPValue::DecimalValue(wanted), RawValue::Decimal { scale, value }) => {
            (wanted.scale, wanted.value) == (scale, value)
        }
        (AMQPValue::FieldArray(wanted), RawValue::Array(found)) => {
            let wanted = wanted.as_slice().iter();
            wanted.len() == found.iter().count()
                && wanted
                    .zip(found.iter())
                    .all(|(wanted, found)| equal(wanted, found))
        }
        (AMQPValue::FieldTable(wanted), RawValue::Table(found)) => {
            let index = Index::of(found);
            wanted.inner().len() == index.0.len()
                && wanted.into_iter().all(|(name, wanted)| {
                    index
                        .get(name.as_str())
                        .is_some_and(|found| equal(wanted, found))
                })
        }
        (AMQPValue::Void, RawValue::Void) => true,
        _ => match (float(wanted), raw_float(found)) {
            (Some(wanted), Some(found)) => wanted == found,
            _ => text(wanted).is_some_and(|wanted| Some(wanted) == raw_text(found)),
        },
    }
}

fn number(value: &AMQPValue) -> Option<i128> {
    match value {
        AMQPValue::Timestamp(seconds) => Some((*seconds).into()),
        other => integer_value(other).map(i128::from),
    }
}

fn raw_number(value: RawValue<'_>) -> Option<i128> {
    match value {
        RawValue::Timestamp(seconds) => Some(seconds.into()),
        other => other.integer().map(i128::from),
    }
}

fn float(value: &AMQPValue) -> Option<f64> {
    match value {
        AMQPValue::Float(value) => Some((*value).into()),
        AMQPValue::Double(value) => Some(*value),
        _ => None,
    }
}

fn raw_float(value: RawValue<'_>) -> Option<f64> {
    match value {
        RawValue::Float(value) => Some(value.into()),
        RawValue::Double(value) => Some(value),
        _ => None,
    }
}

fn text(value: &AMQPValue) -> Option<&[u8]> {
    match value {
        AMQPValue::LongString(text) => Some(text.as_bytes()),
        AMQPValue::ShortString(text) => Some(text.as_str().as_bytes()),
        AMQPValue::ByteArray(bytes) => Some(bytes.as_slice()),
        _ => None,
    }
}

fn raw_text(value: RawValue<'_>) -> Option<&[u8]> {
    match value {
        RawValue::LongString(text) | RawValue::ByteArray(text) => Some(text),
        _ => None,
    }
}
