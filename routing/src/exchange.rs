//! Exchange types, and an exchange's properties.

use std::fmt;
use std::str::FromStr;

use ferrymq_amqp::table::{integer_value, string_value, type_name};
use ferrymq_amqp::{AMQPValue, FieldTable};

use crate::consistent_hash::HashOn;
use crate::{Error, ExchangeName, Inequivalent, delay, recent_history};

const ALTERNATE_EXCHANGE: &str = "alternate-exchange";

/// How an exchange routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExchangeKind {
    /// To the bindings whose key equals the routing key.
    Direct,
    /// To all bindings.
    Fanout,
    /// To the bindings whose pattern matches the words of the routing key.
    Topic,
    /// To the bindings whose arguments match the message's headers.
    Headers,
    /// To one destination, by weight, and the same one for the same hash.
    ConsistentHash,
    /// To one destination: the hash modulo their number.
    ModulusHash,
    /// To one binding, drawn anew for each message.
    Random,
    /// To one classic queue on this node, drawn anew for each message.
    LocalRandom,
    /// To all bindings; queues that are bound later get the latest messages too.
    RecentHistory,
    /// As the type in its argument `x-delayed-type`, when the message's delay is over.
    Delayed,
}

/// An exchange.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Its name.
    pub name: ExchangeName,
    /// How it routes.
    pub kind: ExchangeKind,
    /// Whether it survives a restart.
    pub durable: bool,
    /// Whether it goes with its last binding as a source.
    pub auto_delete: bool,
    /// Whether clients may not publish to it.
    pub internal: bool,
    /// What it was declared with.
    pub arguments: FieldTable,
}

impl ExchangeKind {
    /// All types.
    pub const ALL: [Self; 10] = [
        Self::Direct,
        Self::Fanout,
        Self::Topic,
        Self::Headers,
        Self::ConsistentHash,
        Self::ModulusHash,
        Self::Random,
        Self::LocalRandom,
        Self::RecentHistory,
        Self::Delayed,
    ];

    /// The type's name in declarations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Fanout => "fanout",
            Self::Topic => "topic",
            Self::Headers => "headers",
            Self::ConsistentHash => "x-consistent-hash",
            Self::ModulusHash => "x-modulus-hash",
            Self::Random => "x-random",
            Self::LocalRandom => "x-local-random",
            Self::RecentHistory => "x-recent-history",
            Self::Delayed => "x-delayed-message",
        }
    }
}

impl FromStr for ExchangeKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| Error::UnknownExchangeType(name.to_owned()))
    }
}

impl fmt::Display for ExchangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Exchange {
    /// A transient exchange without arguments.
    pub fn new(name: impl Into<ExchangeName>, kind: ExchangeKind) -> Self {
        Self {
            name: name.into(),
            kind,
            durable: false,
            auto_delete: false,
            internal: false,
            arguments: FieldTable::default(),
        }
    }

    /// The exchange named by the argument `alternate-exchange`.
    pub fn alternate(&self) -> Option<&str> {
        self.arguments
            .inner()
            .get(ALTERNATE_EXCHANGE)
            .and_then(string_value)
    }

    /// The type that its bindings and keys belong to: its own, or what it does after a delay.
    pub fn routes_as(&self) -> ExchangeKind {
        match self.kind {
            ExchangeKind::Delayed => delay::inner(self).unwrap_or(self.kind),
            kind => kind,
        }
    }

    /// Whether it was declared to keep messages until their delay is over.
    pub fn delays(&self) -> bool {
        self.kind == ExchangeKind::Delayed || delay::is_asked(self).unwrap_or(false)
    }

    /// How many messages it remembers for queues that are bound later; `None`: it does not.
    pub fn history_length(&self) -> Option<u64> {
        match self.routes_as() {
            ExchangeKind::RecentHistory => recent_history::length(self).ok(),
            _ => None,
        }
    }

    /// Whether the arguments make sense for this type of exchange.
    pub fn validate(&self) -> Result<(), Error> {
        self.string_argument(ALTERNATE_EXCHANGE)?;
        delay::is_asked(self)?;
        let kind = match self.kind {
            ExchangeKind::Delayed => delay::inner(self)?,
            kind => kind,
        };
        match kind {
            ExchangeKind::ConsistentHash => HashOn::of(self).map(drop),
            ExchangeKind::RecentHistory => recent_history::length(self).map(drop),
            _ => Ok(()),
        }
    }

    /// Whether declaring `received` again, while `self` exists, changes nothing.
    ///
    /// Of the arguments only `alternate-exchange` counts.
    pub fn check_equivalent(&self, received: &Self) -> Result<(), Inequivalent> {
        same("type", received.kind, self.kind)?;
        same("durable", received.durable, self.durable)?;
        same("auto_delete", received.auto_delete, self.auto_delete)?;
        same("internal", received.internal, self.internal)?;
        let argument =
            |exchange: &Self| exchange.arguments.inner().get(ALTERNATE_EXCHANGE).cloned();
        let (received, current) = (argument(received), argument(self));
        if received == current {
            return Ok(());
        }
        let both = received.is_some() && current.is_some();
        Err(Inequivalent {
            argument: ALTERNATE_EXCHANGE,
            received: shown(received.as_ref(), both),
            current: shown(current.as_ref(), both),
        })
    }

    /// The text of an argument, which must be a string if it is there.
    pub(crate) fn string_argument(&self, argument: &'static str) -> Result<Option<&str>, Error> {
        let Some(value) = self.arguments.inner().get(argument) else {
            return Ok(None);
        };
        let wrong_type = || self.wrong_type(argument, value);
        string_value(value).map(Some).ok_or_else(wrong_type)
    }

    /// The refusal of an argument whose value has another type than it must have.
    pub(crate) fn wrong_type(&self, argument: &'static str, value: &AMQPValue) -> Error {
        Error::ArgumentType {
            argument,
            type_name: type_name(value),
            exchange: self.name.clone(),
        }
    }
}

fn same<T: PartialEq + fmt::Display>(
    argument: &'static str,
    received: T,
    current: T,
) -> Result<(), Inequivalent> {
    if received == current {
        return Ok(());
    }
    let [received, current] = [received, current].map(|value| format!("'{value}'"));
    Err(Inequivalent {
        argument,
        received,
        current,
    })
}

/// An argument's value as error texts show it: in full only beside an absent one.
fn shown(value: Option<&AMQPValue>, both_present: bool) -> String {
    let Some(value) = value else {
        return "none".to_owned();
    };
    let text = match (string_value(value), integer_value(value)) {
        (Some(text), _) => text.to_owned(),
        (_, Some(number)) => number.to_string(),
        _ => format!("{value:?}"),
    };
    if both_present {
        format!("'{text}'")
    } else {
        format!("the value '{text}' of type '{}'", type_name(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{table, text};

    fn plain() -> Exchange {
        Exchange::new("e", ExchangeKind::Direct)
    }

    fn with_alternate(value: AMQPValue) -> Exchange {
        Exchange {
            arguments: table(&[(ALTERNATE_EXCHANGE, value)]),
            ..plain()
        }
    }

    #[test]
    fn types_by_name() {
        for kind in ExchangeKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        let unknown = "Direct".parse::<ExchangeKind>().unwrap_err();
        assert_eq!(unknown.to_string(), "unknown exchange type 'Direct'");
    }

    #[test]
    fn alternate_exchange_is_a_string() {
        assert_eq!(plain().alternate(), None);
        let good = with_alternate(text("a"));
        assert_eq!((good.alternate(), good.validate()), (Some("a"), Ok(())));
        let bad = with_alternate(AMQPValue::LongInt(1));
        assert_eq!(bad.alternate(), None);
        assert_eq!(
            bad.validate().unwrap_err().to_string(),
            "invalid type 'signedint' for arg 'alternate-exchange' in exchange 'e'"
        );
    }

    #[test]
    fn hash_arguments_mean_nothing_to_other_types() {
        let arguments = table(&[("hash-header", AMQPValue::Void), ("x-algorithm", text("?"))]);
        assert_eq!(
            Exchange {
                arguments,
                ..plain()
            }
            .validate(),
            Ok(())
        );
    }

    #[track_caller]
    fn check(current: &Exchange, received: &Exchange, expected: &str) {
        let found = current.check_equivalent(received);
        assert_eq!(
            found.err().map_or(String::new(), |error| error.to_string()),
            expected
        );
    }

    #[test]
    fn properties_must_be_equivalent() {
        check(&plain(), &plain(), "");
        check(
            &plain(),
            &Exchange::new("e", ExchangeKind::Topic),
            "inequivalent arg 'type': received 'topic' but current is 'direct'",
        );
        check(
            &plain(),
            &Exchange {
                durable: true,
                ..plain()
            },
            "inequivalent arg 'durable': received 'true' but current is 'false'",
        );
        check(
            &Exchange {
                auto_delete: true,
                ..plain()
            },
            &plain(),
            "inequivalent arg 'auto_delete': received 'false' but current is 'true'",
        );
        check(
            &plain(),
            &Exchange {
                internal: true,
                ..plain()
            },
            "inequivalent arg 'internal': received 'true' but current is 'false'",
        );
    }

    #[test]
    fn of_arguments_only_the_alternate_exchange_counts() {
        let other = Exchange {
            arguments: table(&[("other", text("a"))]),
            ..plain()
        };
        check(&plain(), &other, "");
        let [a, b] = ["a", "b"].map(|name| with_alternate(text(name)));
        check(&a, &a, "");
        check(
            &a,
            &b,
            "inequivalent arg 'alternate-exchange': received 'b' but current is 'a'",
        );
        check(
            &a,
            &plain(),
            "inequivalent arg 'alternate-exchange': \
             received none but current is the value 'a' of type 'longstr'",
        );
        check(
            &plain(),
            &a,
            "inequivalent arg 'alternate-exchange': \
             received the value 'a' of type 'longstr' but current is none",
        );
        check(
            &plain(),
            &with_alternate(AMQPValue::LongInt(5)),
            "inequivalent arg 'alternate-exchange': \
             received the value '5' of type 'signedint' but current is none",
        );
    }
}
