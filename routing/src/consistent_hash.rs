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
