//! Recent history: a fanout that remembers the latest messages for queues to be bound. What it remembers
//! is the broker's to keep; here it is only said which messages are remembered, and how many.

use ferrymq_amqp::RawValue;
use ferrymq_amqp::table::{get, integer_value, string_value};

use crate::binding_set::BindingSet;
use crate::route::{Reached, RouteInput};
use crate::{Error, Exchange, ExchangeName, fanout};

const LENGTH: &str = "x-recent-history-length";
const NO_STORE: &str = "x-recent-history-no-store";
const DEFAULT_LENGTH: u64 = 20;

/// How many messages the exchange remembers.
pub(crate) fn length(exchange: &Exchange) -> Result<u64, Error> {
    let Some(value) = get(&exchange.arguments, LENGTH) else {
        return Ok(DEFAULT_LENGTH);
    };
    match integer_value(value) {
        Some(length @ 1..) => Ok(length as u64),
        Some(number) => Err(Error::HistoryLength(number.to_string())),
        None => Err(Error::HistoryLength(match string_value(value) {
            Some(text) => format!("'{text}'"),
            None => format!("{value:?}"),
        })),
    }
}

/// Routes to all bindings, and has the message remembered unless it says no.
pub(crate) fn route<'t>(
    exchange: &ExchangeName,
    bindings: &'t BindingSet,
    input: &RouteInput<'_>,
    reached: &mut Reached<'t, '_>,
) {
    fanout::route(bindings, reached);
    reached.decided_by_headers(input);
    let headers = input.properties.and_then(|properties| properties.headers());
    match headers.and_then(|headers| headers.get(NO_STORE)) {
        Some(RawValue::Boolean(true)) => {}
        _ => reached.remember_at(exchange),
    }
}

#[cfg(test)]
mod tests {
    use ferrymq_amqp::AMQPValue;

    use crate::testing::{bind, binding, bound, headers, joined, routed, table, text};
    use crate::{Exchange, ExchangeKind, Routed, Topology};

    fn history() -> Topology {
        let mut topology = bound(ExchangeKind::RecentHistory, &[("", "1"), ("a", "2")]);
        topology
            .declare_exchange(Exchange::new("xfan", ExchangeKind::Fanout))
            .unwrap();
        bind(&mut topology, binding("xfan", "", "x")).unwrap();
        topology
    }

    fn remembered(routed: &Routed) -> Vec<&str> {
        routed.recording.iter().map(|name| name.as_str()).collect()
    }

    #[test]
    fn every_binding_gets_it_and_it_is_remembered() {
        for from in ["x", "xfan"] {
            let routed = routed(&history(), from, &["k"], &[0, 0], 0);
            assert_eq!(joined(&routed.queues), "1 2");
            assert_eq!(remembered(&routed), ["x"]);
            assert!(!routed.depends_on_message);
        }
    }

    #[test]
    fn a_message_may_ask_to_be_forgotten() {
        let check = |value, kept: bool| {
            let properties = headers(&[("x-recent-history-no-store", value)]);
            let routed = routed(&history(), "x", &["k"], &properties, 0);
            assert_eq!(joined(&routed.queues), "1 2");
            assert_eq!(remembered(&routed).len(), usize::from(kept));
            assert!(routed.depends_on_message);
        };
        check(AMQPValue::Boolean(true), false);
        check(AMQPValue::Boolean(false), true);
        check(text("true"), true);
    }

    #[test]
    fn the_length_is_a_positive_number() {
        let check = |arguments: &[(&str, AMQPValue)], expected: Result<u64, &str>| {
            let exchange = Exchange {
                arguments: table(arguments),
                ..Exchange::new("x", ExchangeKind::RecentHistory)
            };
            let found = exchange.validate().map_err(|error| error.to_string());
            let words = "'x-recent-history-length' must be a positive integer";
            let expected = expected.map_err(|value| format!("Invalid argument {value}, {words}"));
            assert_eq!(found, expected.clone().map(drop));
            assert_eq!(exchange.history_length(), expected.ok());
        };
        let length = |value| [("x-recent-history-length", value)];
        check(&[], Ok(20));
        check(&length(AMQPValue::ShortShortUInt(1)), Ok(1));
        check(&length(AMQPValue::LongLongInt(1 << 40)), Ok(1 << 40));
        check(&length(AMQPValue::LongInt(0)), Err("0"));
        check(&length(AMQPValue::LongInt(-1)), Err("-1"));
        check(&length(text("5")), Err("'5'"));
        check(&length(AMQPValue::Boolean(true)), Err("Boolean(true)"));
        assert_eq!(
            Exchange::new("x", ExchangeKind::Fanout).history_length(),
            None
        );
    }
}
