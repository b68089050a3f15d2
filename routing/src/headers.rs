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

#[cfg(test)]
mod tests {
    use ferrymq_amqp::{DecimalValue, FieldArray, Properties};
    use proptest::prelude::*;

    use super::*;
    use crate::ExchangeKind;
    use crate::testing::{
        bind, binding_with, bound, headers, joined, properties, queues, routed, table, text,
    };

    const NUMBER: AMQPValue = AMQPValue::LongLongInt(5);

    #[track_caller]
    fn check_values(wanted: &[(&str, AMQPValue)], found: &[(&str, AMQPValue)], fits: bool) {
        let mut topology = bound(ExchangeKind::Headers, &[]);
        bind(&mut topology, binding_with("x", "k", "q", wanted)).unwrap();
        let routed = routed(&topology, "x", &["other"], &headers(found), 0);
        assert_eq!(
            joined(&routed.queues),
            if fits { "q" } else { "" },
            "{wanted:?} {found:?}"
        );
        assert!(routed.depends_on_message);
    }

    /// Arguments and headers as `name=text`, an argument without `=` being void.
    #[track_caller]
    fn check(x_match: &str, wanted: &str, found: &str, fits: bool) {
        fn entries(words: &str) -> impl Iterator<Item = (&str, AMQPValue)> {
            words
                .split_whitespace()
                .map(|word| match word.split_once('=') {
                    Some((name, value)) => (name, text(value)),
                    None => (word, AMQPValue::Void),
                })
        }
        let mut arguments: Vec<_> = entries(wanted).collect();
        if !x_match.is_empty() {
            arguments.push(("x-match", text(x_match)));
        }
        check_values(&arguments, &entries(found).collect::<Vec<_>>(), fits);
    }

    #[test]
    fn all() {
        check("all", "a=1 b=2", "a=1 b=2 c=3", true);
        check("all", "a=1 b=2", "a=1", false);
        check("all", "a=1 b=2", "a=1 b=3", false);
        check("", "a=1 b=2", "a=1", false);
        check("", "a=1 b=2", "a=1 b=2", true);
    }

    #[test]
    fn any() {
        check("any", "a=1 b=2", "b=2", true);
        check("any", "a=1 b=2", "a=2 b=1", false);
        check("any", "a=1 b=2", "", false);
    }

    #[test]
    fn x_arguments_count_only_with_x() {
        check("all", "a=1 x-b=2", "a=1", true);
        check("all-with-x", "a=1 x-b=2", "a=1", false);
        check("all-with-x", "a=1 x-b=2", "a=1 x-b=2", true);
        check("any", "a=1 x-b=2", "x-b=2", false);
        check("any-with-x", "a=1 x-b=2", "x-b=2", true);
        check("all-with-x", "", "a=1", true);
        check("any-with-x", "", "x-match=any-with-x", false);
    }

    #[test]
    fn void_means_present() {
        check("all", "a", "a=anything", true);
        check("all", "a", "a", true);
        check("all", "a", "b=1", false);
        check("all", "a=1", "a", false);
        check("any", "a b=1", "a=2", true);
    }

    #[test]
    fn nothing_wanted() {
        check("all", "", "", true);
        check("all", "x-only=1", "a=1", true);
        check("any", "", "a=1", false);
        check("any", "x-only=1", "x-only=1", false);
    }

    #[test]
    fn a_message_without_headers_has_none() {
        let mut topology = bound(ExchangeKind::Headers, &[]);
        bind(&mut topology, binding_with("x", "", "all", &[])).unwrap();
        bind(
            &mut topology,
            binding_with("x", "", "some", &[("a", AMQPValue::Void)]),
        )
        .unwrap();
        assert_eq!(queues(&topology, "x", &[""]), "all");
    }

    #[test]
    fn values_are_equal_by_worth() {
        let check = |a: AMQPValue, b: AMQPValue, fits| {
            check_values(&[("h", a.clone())], &[("h", b.clone())], fits);
            check_values(&[("h", b)], &[("h", a)], fits);
        };
        check(NUMBER, AMQPValue::ShortShortInt(5), true);
        check(NUMBER, AMQPValue::LongUInt(5), true);
        check(NUMBER, AMQPValue::ShortInt(6), false);
        check(NUMBER, text("5"), false);
        check(NUMBER, AMQPValue::Double(5.0), false);
        check(
            AMQPValue::ShortShortInt(-1),
            AMQPValue::ShortShortUInt(255),
            false,
        );
        check(AMQPValue::Float(0.5), AMQPValue::Double(0.5), true);
        check(AMQPValue::Boolean(true), AMQPValue::Boolean(true), true);
        check(AMQPValue::Boolean(true), AMQPValue::Boolean(false), false);
        check(AMQPValue::Boolean(true), AMQPValue::ShortShortInt(1), false);
        check(text("é"), AMQPValue::ByteArray("é".as_bytes().into()), true);
        check(text("a"), text("A"), false);
        check(AMQPValue::Timestamp(7), AMQPValue::Timestamp(7), true);
        check(AMQPValue::Timestamp(7), AMQPValue::Timestamp(8), false);
        check(AMQPValue::Timestamp(5), NUMBER, true);
        let decimal = |value| AMQPValue::DecimalValue(DecimalValue { scale: 1, value });
        check(decimal(5), decimal(5), true);
        check(decimal(5), decimal(50), false);
    }

    #[test]
    fn tables_and_arrays_are_equal_by_their_parts() {
        let check = |a: AMQPValue, b: AMQPValue, fits| check_values(&[("h", a)], &[("h", b)], fits);
        let array = |values: &[AMQPValue]| AMQPValue::FieldArray(FieldArray::from(values.to_vec()));
        check(array(&[NUMBER]), array(&[AMQPValue::ShortInt(5)]), true);
        check(array(&[NUMBER]), array(&[NUMBER, NUMBER]), false);
        check(array(&[]), array(&[]), true);
        let nested = |entries: &[(&str, AMQPValue)]| AMQPValue::FieldTable(table(entries));
        check(
            nested(&[("a", NUMBER)]),
            nested(&[("a", AMQPValue::LongInt(5))]),
            true,
        );
        check(nested(&[("a", NUMBER)]), nested(&[("b", NUMBER)]), false);
        check(nested(&[]), nested(&[("a", NUMBER)]), false);
        check(
            nested(&[("a", AMQPValue::Void)]),
            nested(&[("a", AMQPValue::Void)]),
            true,
        );
    }

    #[test]
    fn of_two_headers_with_one_name_the_first_counts() {
        let twice = properties(13, b"\0\0\0\x08\x01ab\x01\x01ab\x02");
        let mut topology = bound(ExchangeKind::Headers, &[]);
        for (queue, value) in [("first", 1), ("second", 2)] {
            let wanted = [("a", AMQPValue::ShortShortInt(value))];
            bind(&mut topology, binding_with("x", "", queue, &wanted)).unwrap();
        }
        assert_eq!(
            joined(&routed(&topology, "x", &[""], &twice, 0).queues),
            "first"
        );
    }

    #[test]
    fn x_match_is_one_of_four_strings() {
        let check = |value: AMQPValue, expected: &str| {
            let mut topology = bound(ExchangeKind::Headers, &[]);
            let binding = binding_with("x", "", "q", &[("x-match", value)]);
            let refused = bind(&mut topology, binding).unwrap_err().to_string();
            let expected = format!(
                "invalid arg 'x-match': {expected}; \
                 expected the string all, any, all-with-x or any-with-x"
            );
            assert_eq!(refused, expected);
            assert!(topology.is_unused("x"));
        };
        check(text("some"), "'some'");
        check(text("ALL"), "'ALL'");
        check(AMQPValue::Boolean(true), "type 'bool'");
        check(AMQPValue::Void, "type 'void'");
    }

    /// What a value is worth, as text.
    fn plain(value: &AMQPValue) -> String {
        match value {
            AMQPValue::Float(float) => format!("{float:?}"),
            AMQPValue::Double(float) => format!("{float:?}"),
            AMQPValue::Boolean(boolean) => boolean.to_string(),
            AMQPValue::LongString(text) => format!("'{text}'"),
            AMQPValue::Void => "void".to_owned(),
            AMQPValue::Timestamp(seconds) => seconds.to_string(),
            integer => integer_value(integer).unwrap().to_string(),
        }
    }

    fn naive(x_match: &str, wanted: &[(String, AMQPValue)], found: &[(String, AMQPValue)]) -> bool {
        let with_x = x_match.ends_with("-with-x");
        let mut wanted = wanted
            .iter()
            .filter(|(name, _)| with_x || !name.starts_with("x-"));
        let fits = |(name, value): &(String, AMQPValue)| {
            found.iter().any(|(other, found)| {
                name == other && (*value == AMQPValue::Void || plain(value) == plain(found))
            })
        };
        if x_match.starts_with("any") {
            wanted.any(fits)
        } else {
            wanted.all(fits)
        }
    }

    fn entries() -> impl Strategy<Value = Vec<(String, AMQPValue)>> {
        let name = prop::sample::select(vec!["a", "b", "c", "x-a", "x-b"]);
        let value = prop::sample::select(vec![
            AMQPValue::Void,
            AMQPValue::Boolean(true),
            AMQPValue::ShortShortInt(1),
            AMQPValue::LongLongInt(1),
            AMQPValue::Timestamp(1),
            AMQPValue::Double(1.0),
            AMQPValue::Float(1.0),
            text("1"),
        ]);
        let entries = prop::collection::btree_map(name.prop_map(str::to_owned), value, 0..4);
        entries.prop_map(|entries| entries.into_iter().collect())
    }

    fn borrowed(entries: &[(String, AMQPValue)]) -> Vec<(&str, AMQPValue)> {
        entries
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect()
    }

    proptest! {
        #[test]
        fn fits_what_a_naive_matcher_fits(
            x_match in prop::sample::select(vec!["all", "any", "all-with-x", "any-with-x"]),
            wanted in entries(),
            found in entries(),
        ) {
            let mut arguments = borrowed(&wanted);
            arguments.push(("x-match", text(x_match)));
            let message = headers(&borrowed(&found));
            let message = Properties::parse(&message).unwrap();
            let fits = Pattern::of(&table(&arguments)).unwrap().fits(&Index::of(message.headers().unwrap()));
            prop_assert_eq!(fits, naive(x_match, &wanted, &found));
        }
    }
}
