//! Consistent hash: each destination has buckets in proportion to its weight, and a hash picks one.
//!
//! The binding key is the weight. Buckets lie in the order of binding; when a destination goes, the buckets
//! behind its own move down.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use crate::ranked::Ranked;
use crate::route::{Reached, RouteInput};
use crate::{Binding, Destination, Error, Exchange, hash};

const HASH_HEADER: &str = "hash-header";
const HASH_PROPERTY: &str = "hash-property";
// Compat: LavinMQ's names.
const X_HASH_ON: &str = "x-hash-on";
const X_ALGORITHM: &str = "x-algorithm";

/// What of a message is hashed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum HashOn {
    #[default]
    RoutingKey,
    Header(Arc<str>),
    MessageId,
    CorrelationId,
    Timestamp,
}

/// The buckets of an exchange.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConsistentHash {
    hash_on: HashOn,
    /// The number of each binding, in the order of binding.
    numbers: OrdMap<Arc<Binding>, u64>,
    /// All bindings by destination. Invariant: of each destination the first one, and no other, has buckets.
    claims: OrdSet<Claim>,
    buckets: Ranked<Bucketed>,
    next_number: u64,
}

/// One binding's claim to buckets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    destination: Destination,
    number: u64,
    weight: u32,
}

/// A claim that holds buckets, sorted by the order of binding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Bucketed {
    number: u64,
    destination: Destination,
}

impl HashOn {
    /// What the arguments of a consistent hash exchange ask for.
    pub(crate) fn of(exchange: &Exchange) -> Result<Self, Error> {
        let invalid = |argument, why: String| {
            Err(Error::Argument {
                argument,
                why,
                exchange: exchange.name.clone(),
            })
        };
        // Any algorithm promises no more than that equal hashes meet; all get the jump hash.
        if let Some(other) = exchange.string_argument(X_ALGORITHM)?
            && !["jump", "ring"].contains(&other)
        {
            return invalid(
                X_ALGORITHM,
                format!("'{other}' is neither 'jump' nor 'ring'"),
            );
        }
        let mut asked = None;
        for argument in [HASH_HEADER, X_HASH_ON, HASH_PROPERTY] {
            let Some(value) = exchange.string_argument(argument)? else {
                continue;
            };
            if let Some((other, _)) = asked.replace((argument, value)) {
                return invalid(argument, format!("cannot be used together with '{other}'"));
            }
        }
        match asked {
            None => Ok(Self::RoutingKey),
            Some((HASH_PROPERTY, "message_id")) => Ok(Self::MessageId),
            Some((HASH_PROPERTY, "correlation_id")) => Ok(Self::CorrelationId),
            Some((HASH_PROPERTY, "timestamp")) => Ok(Self::Timestamp),
            Some((HASH_PROPERTY, other)) => invalid(
                HASH_PROPERTY,
                format!("'{other}' is none of 'message_id', 'correlation_id' and 'timestamp'"),
            ),
            Some((_, header)) => Ok(Self::Header(header.into())),
        }
    }

    fn hash(&self, input: &RouteInput<'_>) -> u64 {
        let properties = input.properties;
        let text = |text: Option<&str>| hash::bytes(text.map_or(hash::MISSING, str::as_bytes));
        match self {
            // Compat: several keys are hashed as one value, for a message goes to one destination.
            Self::RoutingKey => hash::routing_keys(input.routing_keys),
            Self::MessageId => text(properties.and_then(|properties| properties.message_id())),
            Self::CorrelationId => {
                text(properties.and_then(|properties| properties.correlation_id()))
            }
            Self::Timestamp => properties
                .and_then(|properties| properties.timestamp())
                .map_or(hash::bytes(hash::MISSING), |seconds| {
                    hash::integer(seconds.into())
                }),
            Self::Header(name) => properties
                .and_then(|properties| properties.headers()?.get(name))
                .map_or(hash::bytes(hash::MISSING), hash::value),
        }
    }
}

impl ConsistentHash {
    pub(crate) fn new(hash_on: HashOn) -> Self {
        Self {
            hash_on,
            ..Self::default()
        }
    }

    pub(crate) fn bind(&mut self, binding: &Arc<Binding>) -> Result<(), Error> {
        let weight = weight(binding.routing_key())?;
        let number = self.next_number;
        self.next_number += 1;
        self.numbers.insert(Arc::clone(binding), number);
        self.change_claims(binding.destination(), |claims, destination| {
            claims.insert(Claim {
                destination,
                number,
                weight,
            });
        });
        Ok(())
    }

    pub(crate) fn unbind(&mut self, binding: &Binding) {
        let Some(number) = self.numbers.remove(binding) else {
            return;
        };
        let weight = weight(binding.routing_key()).expect("it was checked when it was bound");
        self.change_claims(binding.destination(), |claims, destination| {
            claims.remove(&Claim {
                destination,
                number,
                weight,
            });
        });
    }

    pub(crate) fn route<'t>(&'t self, input: &RouteInput<'_>, reached: &mut Reached<'t, '_>) {
        if self.hash_on != HashOn::RoutingKey {
            reached.decided_by_message();
        }
        let bucket = hash::jump(self.hash_on.hash(input), self.buckets.total());
        if let Some(found) = bucket.and_then(|bucket| self.buckets.find(bucket)) {
            reached.add(&found.destination);
        }
    }

    /// Changes the claims of a destination; its buckets follow if that changes which claim is the first.
    fn change_claims(
        &mut self,
        destination: &Destination,
        change: impl FnOnce(&mut OrdSet<Claim>, Destination),
    ) {
        let before = self.first_claim(destination);
        change(&mut self.claims, destination.clone());
        let after = self.first_claim(destination);
        if before == after {
            return;
        }
        if let Some(Claim {
            destination,
            number,
            ..
        }) = before
        {
            self.buckets.remove(&Bucketed {
                number,
                destination,
            });
        }
        if let Some(Claim {
            destination,
            number,
            weight,
        }) = after
        {
            self.buckets.insert(
                Bucketed {
                    number,
                    destination,
                },
                weight.into(),
            );
        }
    }

    fn first_claim(&self, destination: &Destination) -> Option<Claim> {
        let least = Claim {
            destination: destination.clone(),
            number: 0,
            weight: 0,
        };
        let first = self.claims.range(least..).next()?;
        (first.destination == *destination).then(|| first.clone())
    }
}

fn weight(routing_key: &str) -> Result<u32, Error> {
    match routing_key.parse() {
        Ok(weight) if weight > 0 => Ok(weight),
        _ => Err(Error::Weight(routing_key.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ferrymq_amqp::AMQPValue;

    use super::*;
    use crate::testing::{
        bind, binding, bound, headers, joined, properties, queues, routed, table, text,
    };
    use crate::{ExchangeKind, Topology};

    /// How many of 10,000 keys reach each queue.
    fn shares(topology: &Topology) -> BTreeMap<String, usize> {
        let mut shares = BTreeMap::new();
        for key in 0..10_000 {
            *shares
                .entry(queues(topology, "x", &[&key.to_string()]))
                .or_default() += 1;
        }
        shares
    }

    #[track_caller]
    fn check_shares(bindings: &[(&str, &str)], expected: &[(&str, usize)]) {
        let found = shares(&bound(ExchangeKind::ConsistentHash, bindings));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (queue, share) in expected {
            assert!(found[*queue].abs_diff(*share) < 300, "{found:?}");
        }
    }

    #[test]
    fn shares_follow_the_weights() {
        check_shares(&[], &[("", 10_000)]);
        check_shares(&[("1", "a")], &[("a", 10_000)]);
        check_shares(&[("1", "a"), ("1", "b")], &[("a", 5_000), ("b", 5_000)]);
        check_shares(&[("1", "a"), ("4", "b")], &[("a", 2_000), ("b", 8_000)]);
        check_shares(
            &[("4294967295", "a"), ("4294967295", "b")],
            &[("a", 5_000), ("b", 5_000)],
        );
    }

    #[test]
    fn only_the_first_binding_of_a_destination_counts() {
        check_shares(
            &[("1", "a"), ("1", "b"), ("3", "b")],
            &[("a", 5_000), ("b", 5_000)],
        );
        let mut topology = bound(
            ExchangeKind::ConsistentHash,
            &[("1", "a"), ("1", "b"), ("3", "b")],
        );
        topology.unbind(&binding("x", "1", "b"));
        assert!(
            shares(&topology)["a"].abs_diff(2_500) < 300,
            "then the next one does"
        );
    }

    #[test]
    fn later_buckets_move_down() {
        let mut topology = bound(
            ExchangeKind::ConsistentHash,
            &[("2", "c"), ("1", "b"), ("1", "a")],
        );
        let without = bound(ExchangeKind::ConsistentHash, &[("2", "c"), ("1", "a")]);
        topology.unbind(&binding("x", "1", "b"));
        assert_eq!(shares(&topology), shares(&without));
        let before = bound(ExchangeKind::ConsistentHash, &[("1", "a"), ("2", "c")]);
        assert_ne!(
            shares(&without),
            shares(&before),
            "buckets lie in the order of binding"
        );
    }

    #[test]
    fn the_key_of_a_binding_is_a_weight() {
        let check = |key: &str, is_weight: bool| {
            let mut topology = bound(ExchangeKind::ConsistentHash, &[]);
            let expected = if is_weight {
                Ok(true)
            } else {
                Err(Error::Weight(key.to_owned()))
            };
            assert_eq!(bind(&mut topology, binding("x", key, "q")), expected);
            assert_eq!(topology.is_unused("x"), !is_weight);
        };
        check("1", true);
        check("10", true);
        check("4294967295", true);
        check("4294967296", false);
        check("0", false);
        check("-1", false);
        check("1.5", false);
        check("", false);
        check("a", false);
    }

    fn exchange(arguments: &[(&str, AMQPValue)]) -> Exchange {
        let arguments = table(arguments);
        Exchange {
            arguments,
            ..Exchange::new("x", ExchangeKind::ConsistentHash)
        }
    }

    #[test]
    fn arguments() {
        let check = |arguments: &[(&str, &str)], expected: Result<HashOn, &str>| {
            let arguments: Vec<_> = arguments
                .iter()
                .map(|(name, value)| (*name, text(value)))
                .collect();
            let found = HashOn::of(&exchange(&arguments)).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned));
        };
        check(&[], Ok(HashOn::RoutingKey));
        check(&[("hash-header", "h")], Ok(HashOn::Header("h".into())));
        check(&[("x-hash-on", "h")], Ok(HashOn::Header("h".into())));
        check(&[("hash-property", "message_id")], Ok(HashOn::MessageId));
        check(
            &[("hash-property", "correlation_id")],
            Ok(HashOn::CorrelationId),
        );
        check(&[("hash-property", "timestamp")], Ok(HashOn::Timestamp));
        check(
            &[("hash-property", "user_id")],
            Err("invalid arg 'hash-property' for exchange 'x': \
                 'user_id' is none of 'message_id', 'correlation_id' and 'timestamp'"),
        );
        check(
            &[("hash-header", "h"), ("hash-property", "message_id")],
            Err("invalid arg 'hash-property' for exchange 'x': \
                 cannot be used together with 'hash-header'"),
        );
        check(&[("x-algorithm", "ring")], Ok(HashOn::RoutingKey));
        check(&[("x-algorithm", "jump")], Ok(HashOn::RoutingKey));
        check(
            &[("x-algorithm", "best")],
            Err("invalid arg 'x-algorithm' for exchange 'x': 'best' is neither 'jump' nor 'ring'"),
        );
        let number = exchange(&[("hash-header", AMQPValue::LongInt(1))]);
        assert_eq!(
            Topology::new()
                .declare_exchange(number)
                .unwrap_err()
                .to_string(),
            "invalid type 'signedint' for arg 'hash-header' in exchange 'x'"
        );
    }

    /// Messages that differ in what is hashed are spread; all others, and those without it, stay together.
    #[track_caller]
    fn check_hashed(argument: (&str, &str), message: impl Fn(u8) -> Vec<u8>) {
        let mut topology = Topology::new();
        topology
            .declare_exchange(exchange(&[(argument.0, text(argument.1))]))
            .unwrap();
        for queue in ["a", "b", "c", "d"] {
            bind(&mut topology, binding("x", "1", queue)).unwrap();
        }
        let reached = |number, key: u8| {
            let message = message(number);
            let routed = routed(&topology, "x", &[&key.to_string()], &message, 0);
            assert!(routed.depends_on_message);
            joined(&routed.queues)
        };
        let spread: BTreeMap<_, _> = (0..50).map(|number| (reached(number, 0), ())).collect();
        assert_eq!(spread.len(), 4, "{argument:?}");
        assert!(
            (0..50).all(|key| reached(1, key) == reached(1, 0)),
            "{argument:?}"
        );
        let without = |key: u8| queues(&topology, "x", &[&key.to_string()]);
        assert!(
            (0..50).all(|key| without(key) == without(0)),
            "{argument:?}"
        );
    }

    #[test]
    fn what_is_hashed() {
        check_hashed(("hash-header", "h"), |number| {
            headers(&[("h", AMQPValue::ShortShortUInt(number))])
        });
        check_hashed(("x-hash-on", "h"), |number| {
            headers(&[("h", text(&number.to_string()))])
        });
        check_hashed(("hash-property", "message_id"), |number| {
            properties(7, &[1, number])
        });
        check_hashed(("hash-property", "correlation_id"), |number| {
            properties(10, &[1, number])
        });
        check_hashed(("hash-property", "timestamp"), |number| {
            properties(6, &u64::from(number).to_be_bytes())
        });
    }

    #[test]
    fn several_keys_reach_one_destination() {
        let topology = bound(
            ExchangeKind::ConsistentHash,
            &[("1", "a"), ("1", "b"), ("1", "c")],
        );
        assert!((0..50).all(|key| queues(&topology, "x", &[&key.to_string(), "cc"]).len() == 1));
    }
}
