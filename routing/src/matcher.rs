//! Which matcher an exchange of which type has.

use std::sync::Arc;

use crate::binding_set::BindingSet;
use crate::consistent_hash::{ConsistentHash, HashOn};
use crate::direct::Direct;
use crate::headers::Headers;
use crate::modulus_hash::ModulusHash;
use crate::random::Random;
use crate::route::{Reached, RouteInput};
use crate::topic::Topic;
use crate::{Binding, Error, Exchange, ExchangeKind, fanout, local_random, recent_history};

/// An exchange's bindings, arranged for routing by its type.
#[derive(Debug, Clone)]
pub(crate) enum Matcher {
    Direct(Direct),
    Fanout,
    Topic(Topic),
    Headers(Headers),
    ConsistentHash(ConsistentHash),
    ModulusHash(ModulusHash),
    Random(Random),
    LocalRandom(Random),
    RecentHistory,
}

impl Matcher {
    pub(crate) fn new(exchange: &Exchange) -> Result<Self, Error> {
        exchange.validate()?;
        Ok(match exchange.routes_as() {
            ExchangeKind::Direct => Self::Direct(Direct::default()),
            ExchangeKind::Fanout => Self::Fanout,
            ExchangeKind::Topic => Self::Topic(Topic::default()),
            ExchangeKind::Headers => Self::Headers(Headers::default()),
            ExchangeKind::ConsistentHash => {
                Self::ConsistentHash(ConsistentHash::new(HashOn::of(exchange)?))
            }
            ExchangeKind::ModulusHash => Self::ModulusHash(ModulusHash::default()),
            ExchangeKind::Random => Self::Random(Random::default()),
            ExchangeKind::LocalRandom => Self::LocalRandom(Random::default()),
            ExchangeKind::RecentHistory => Self::RecentHistory,
            ExchangeKind::Delayed => unreachable!("a delayed exchange routes as another type"),
        })
    }

    /// Adds a binding that it does not have, unless the type refuses it.
    pub(crate) fn bind(&mut self, binding: &Arc<Binding>) -> Result<(), Error> {
        match self {
            Self::Headers(headers) => return headers.bind(binding),
            Self::ConsistentHash(hash) => return hash.bind(binding),
            Self::Direct(direct) => direct.bind(binding),
            Self::Fanout | Self::RecentHistory => {}
            Self::Topic(topic) => topic.bind(binding),
            Self::ModulusHash(hash) => hash.bind(binding),
            Self::Random(random) => random.bind(binding),
            Self::LocalRandom(random) => {
                local_random::check(binding)?;
                random.bind(binding);
            }
        }
        Ok(())
    }

    /// Removes a binding that it has.
    pub(crate) fn unbind(&mut self, binding: &Arc<Binding>) {
        match self {
            Self::Direct(direct) => direct.unbind(binding),
            Self::Fanout | Self::RecentHistory => {}
            Self::Topic(topic) => topic.unbind(binding),
            Self::Headers(headers) => headers.unbind(binding),
            Self::ConsistentHash(hash) => hash.unbind(binding),
            Self::ModulusHash(hash) => hash.unbind(binding),
            Self::Random(random) | Self::LocalRandom(random) => random.unbind(binding),
        }
    }

    /// Adds to `reached` where the message goes; `bindings` are all that the exchange has.
    pub(crate) fn route<'t>(
        &'t self,
        exchange: &'t Exchange,
        bindings: &'t BindingSet,
        input: &RouteInput<'_>,
        reached: &mut Reached<'t, '_>,
    ) {
        match self {
            Self::Direct(direct) => direct.route(input, reached),
            Self::Fanout => fanout::route(bindings, reached),
            Self::Topic(topic) => topic.route(input, reached),
            Self::Headers(headers) => headers.route(input, reached),
            Self::ConsistentHash(hash) => hash.route(input, reached),
            Self::ModulusHash(hash) => hash.route(input, reached),
            Self::Random(random) | Self::LocalRandom(random) => random.route(input, reached),
            Self::RecentHistory => recent_history::route(&exchange.name, bindings, input, reached),
        }
    }
}
