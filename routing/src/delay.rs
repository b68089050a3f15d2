//! Delays: which exchanges keep messages back, how long, and how they route afterwards.
//!
//! An exchange delays by its type `x-delayed-message`, which names another type in `x-delayed-type`, by
//! the argument `x-delayed-exchange`, or by policy. A message says how long in its header `x-delay`.

use ferrymq_amqp::table::{get, string_value};
use ferrymq_amqp::{AMQPValue, Properties};

use crate::{Error, Exchange, ExchangeKind};

/// The header that holds a message's delay in milliseconds, and, negated, the delay that is over.
pub const DELAY_HEADER: &str = "x-delay";

const DELAYED_TYPE: &str = "x-delayed-type";
// Compat: LavinMQ's name.
const DELAYED_EXCHANGE: &str = "x-delayed-exchange";

/// How many milliseconds a message with these properties is to wait. `None`: not at all. Whatever is not
/// a positive integer counts as no delay.
pub fn delay(properties: Option<&Properties<'_>>) -> Option<u64> {
    let asked = properties?.headers()?.get(DELAY_HEADER)?.integer()?;
    u64::try_from(asked)
        .ok()
        .filter(|milliseconds| *milliseconds > 0)
}

/// The type in the argument `x-delayed-type`.
pub(crate) fn inner(exchange: &Exchange) -> Result<ExchangeKind, Error> {
    let refused = |detail: String| Error::DelayedType(detail);
    let value = get(&exchange.arguments, DELAYED_TYPE).ok_or_else(|| refused(String::new()))?;
    let name = string_value(value).ok_or_else(|| refused(", and a string".to_owned()))?;
    match name.parse() {
        Ok(ExchangeKind::Delayed) => Err(refused(format!(", and not '{name}' itself"))),
        Ok(kind) => Ok(kind),
        Err(_) => Err(refused(format!(", not '{name}'"))),
    }
}

/// Whether the argument `x-delayed-exchange` asks for delays.
pub(crate) fn is_asked(exchange: &Exchange) -> Result<bool, Error> {
    match get(&exchange.arguments, DELAYED_EXCHANGE) {
        None => Ok(false),
        Some(AMQPValue::Boolean(asked)) => Ok(*asked),
        Some(other) => Err(exchange.wrong_type(DELAYED_EXCHANGE, other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{bind, binding, headers, joined, routed, table, text};
    use crate::{Routed, Topology};

    fn delayed(inner: &str) -> Exchange {
        Exchange {
            arguments: table(&[(DELAYED_TYPE, text(inner))]),
            ..Exchange::new("x", ExchangeKind::Delayed)
        }
    }

    fn with_queue(exchange: Exchange) -> Topology {
        let mut topology = Topology::new();
        topology.declare_exchange(exchange).unwrap();
        bind(&mut topology, binding("x", "a.*", "q")).unwrap();
        topology
    }

    fn route(topology: &Topology, key: &str, delay: AMQPValue) -> Routed {
        routed(topology, "x", &[key], &headers(&[(DELAY_HEADER, delay)]), 0)
    }

    #[test]
    fn a_delay_is_a_positive_integer_of_any_width() {
        let check = |value: AMQPValue, expected: Option<u64>| {
            let properties = headers(&[(DELAY_HEADER, value.clone())]);
            let properties = Properties::parse(&properties).unwrap();
            assert_eq!(delay(Some(&properties)), expected, "{value:?}");
        };
        check(AMQPValue::ShortShortInt(5), Some(5));
        check(AMQPValue::ShortShortUInt(255), Some(255));
        check(AMQPValue::ShortInt(5), Some(5));
        check(AMQPValue::ShortUInt(5), Some(5));
        check(AMQPValue::LongInt(5), Some(5));
        check(AMQPValue::LongUInt(u32::MAX), Some(u32::MAX.into()));
        check(AMQPValue::LongLongInt(i64::MAX), Some(i64::MAX as u64));
        check(AMQPValue::LongInt(0), None);
        check(AMQPValue::LongInt(-5), None);
        check(text("5"), None);
        check(AMQPValue::Double(5.0), None);
        check(AMQPValue::Boolean(true), None);
        assert_eq!(delay(None), None);
    }

    #[test]
    fn the_inner_type_must_be_known() {
        let check = |arguments: &[(&str, AMQPValue)], detail: Option<&str>| {
            let exchange = Exchange {
                arguments: table(arguments),
                ..Exchange::new("x", ExchangeKind::Delayed)
            };
            let words = "Invalid argument, 'x-delayed-type' must be an existing exchange type";
            let expected = detail.map(|detail| format!("{words}{detail}"));
            let found = exchange.validate().err().map(|error| error.to_string());
            assert_eq!(found, expected);
        };
        check(&[], Some(""));
        check(
            &[(DELAYED_TYPE, AMQPValue::Boolean(true))],
            Some(", and a string"),
        );
        check(
            &[(DELAYED_TYPE, text("nonsense"))],
            Some(", not 'nonsense'"),
        );
        check(
            &[(DELAYED_TYPE, text("x-delayed-message"))],
            Some(", and not 'x-delayed-message' itself"),
        );
        for kind in ExchangeKind::ALL {
            if kind != ExchangeKind::Delayed {
                check(&[(DELAYED_TYPE, text(kind.as_str()))], None);
                assert_eq!(delayed(kind.as_str()).routes_as(), kind);
            }
        }
    }

    #[test]
    fn the_inner_types_arguments_and_bindings_are_checked() {
        let mut hashing = delayed("x-consistent-hash");
        let nonsense = table(&[
            (DELAYED_TYPE, text("x-consistent-hash")),
            ("hash-property", text("?")),
        ]);
        hashing.arguments = nonsense;
        assert!(hashing.validate().is_err());
        let mut topology = Topology::new();
        topology
            .declare_exchange(delayed("x-consistent-hash"))
            .unwrap();
        let refused = bind(&mut topology, binding("x", "no weight", "q"));
        assert_eq!(refused, Err(Error::Weight("no weight".into())));
    }

    #[test]
    fn a_message_without_delay_goes_on_at_once() {
        let topology = with_queue(delayed("topic"));
        let reached = |properties: &[u8]| {
            let routed = routed(&topology, "x", &["a.b"], properties, 0);
            assert!(routed.delaying.is_empty());
            assert_eq!(routed.depends_on_message, properties.len() > 2);
            joined(&routed.queues)
        };
        assert_eq!(reached(&[0, 0]), "q");
        assert_eq!(
            reached(&headers(&[(DELAY_HEADER, AMQPValue::LongInt(-5))])),
            "q"
        );
    }

    #[test]
    fn a_message_with_a_delay_waits_whatever_is_bound() {
        let topology = with_queue(delayed("topic"));
        for key in ["a.b", "nothing"] {
            let routed = route(&topology, key, AMQPValue::LongInt(5));
            assert_eq!(routed.delaying, ["x"]);
            assert!(routed.queues.is_empty() && routed.depends_on_message);
        }
    }

    #[test]
    fn a_message_that_waits_is_somewhere() {
        let mut exchange = delayed("topic");
        exchange
            .arguments
            .insert("alternate-exchange".into(), text("amq.fanout"));
        let mut topology = with_queue(exchange);
        bind(&mut topology, binding("amq.fanout", "", "other")).unwrap();
        let reached =
            |delay| joined(&route(&topology, "nothing", AMQPValue::LongInt(delay)).queues);
        assert_eq!(reached(5), "");
        assert_eq!(reached(-5), "other");
    }

    #[test]
    fn delays_count_on_the_way_too() {
        let mut topology = with_queue(delayed("fanout"));
        topology
            .declare_exchange(Exchange::new("xfan", ExchangeKind::Fanout))
            .unwrap();
        bind(&mut topology, binding("xfan", "", "x")).unwrap();
        bind(&mut topology, binding("xfan", "", "now")).unwrap();
        let properties = headers(&[(DELAY_HEADER, AMQPValue::LongInt(5))]);
        let routed = routed(&topology, "xfan", &["a.b"], &properties, 0);
        assert_eq!(joined(&routed.queues), "now");
        assert_eq!(routed.delaying, ["x"]);
    }

    #[test]
    fn any_exchange_can_be_told_to_delay() {
        let told = |value| Exchange {
            arguments: table(&[(DELAYED_EXCHANGE, value)]),
            ..Exchange::new("x", ExchangeKind::Topic)
        };
        assert!(told(text("true")).validate().is_err());
        let waits = |topology: &Topology| {
            !route(topology, "a.b", AMQPValue::LongInt(5))
                .delaying
                .is_empty()
        };
        assert!(waits(&with_queue(told(AMQPValue::Boolean(true)))));
        let mut topology = with_queue(told(AMQPValue::Boolean(false)));
        assert!(!waits(&topology));
        topology.set_policy_delays("x", true);
        assert!(waits(&topology));
        topology.set_policy_delays("x", false);
        assert!(!waits(&topology));
    }
}
