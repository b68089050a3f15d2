//! Publishes on their way: routes are cached, and messages for one route are collected into a
//! run, so that their queues are locked once.

use std::collections::HashMap;
use std::sync::Arc;

use ferrymq_amqp::RawValue;
use ferrymq_amqp::content::{self, Properties};

use crate::actor::Actor;
use crate::error::Error;
use crate::message::Message;
use crate::reply_to::PSEUDO_QUEUE;
use crate::vhost::{Pending, Route, VHost};

/// Routes that one connection remembers.
const CACHED_ROUTES: usize = 1024;

/// The longest time to live, in milliseconds: ten years.
const MAX_EXPIRATION_MS: u64 = 315_360_000_000;

/// The run in the making, and the routes found so far.
#[derive(Default)]
pub struct Publishing {
    /// The channel that the run comes from.
    pub channel: u16,
    /// Where the run goes.
    pub route: Option<Arc<Route>>,
    /// The run.
    pub pending: Pending,
    /// Messages to this address go on with the run, while the generation holds.
    address: Vec<u8>,
    generation: Option<Generation>,
    cache: RouteCache,
}

/// [`VHost::generation`].
type Generation = (u64, u64);

impl Publishing {
    /// Is there anything that has not reached its queues?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.pending.messages.is_empty()
    }

    /// Where the run goes: exchange and routing key as on the wire.
    #[inline]
    pub fn address(&self) -> &[u8] {
        &self.address
    }

    /// Does `message` go on with the run?
    #[inline]
    pub fn continues_with(&self, message: &Message, generation: Generation) -> bool {
        !self.is_empty()
            && self.generation == Some(generation)
            && *message.address() == *self.address
    }

    /// Begins a run with `message`. Without a generation nothing goes on with it.
    pub fn begin(
        &mut self,
        channel: u16,
        route: Arc<Route>,
        message: &Message,
        generation: Option<Generation>,
    ) {
        self.channel = channel;
        self.route = Some(route);
        self.generation = generation;
        self.address.clear();
        self.address.extend_from_slice(message.address());
    }

    /// Where a message goes whose properties need no look.
    ///
    /// # Errors
    /// As [`VHost::route`].
    #[inline]
    pub fn route(
        &mut self,
        vhost: &VHost,
        actor: &Actor,
        message: &Message,
    ) -> Result<Arc<Route>, Error> {
        let generation = vhost.generation();
        if let Some(route) = self.cache.find(generation, message.address()) {
            return Ok(route);
        }
        let (exchange, routing_key) = addressed(message);
        let properties = parse(message)?;
        let route = vhost.route(actor, exchange, &[routing_key], Some(&properties))?;
        let route = Arc::new(route);
        if !route.once {
            self.cache.insert(generation, message.address(), &route);
        }
        Ok(route)
    }

    /// Gives idle memory back.
    pub fn release(&mut self) {
        self.route = None;
        self.pending = Pending::default();
    }
}

/// Routes by address, as long as nothing changes that they depend on.
#[derive(Default)]
struct RouteCache {
    generation: Generation,
    routes: HashMap<Box<[u8]>, Arc<Route>, foldhash::fast::RandomState>,
    /// The latest hit, because publishers repeat themselves.
    last: Option<(Box<[u8]>, Arc<Route>)>,
}

impl RouteCache {
    #[inline]
    fn find(&mut self, generation: Generation, address: &[u8]) -> Option<Arc<Route>> {
        if self.generation != generation {
            self.routes.clear();
            self.last = None;
            self.generation = generation;
            return None;
        }
        if let Some((last, route)) = &self.last
            && **last == *address
        {
            return Some(Arc::clone(route));
        }
        let route = self.routes.get(address)?;
        self.last = Some((address.into(), Arc::clone(route)));
        Some(Arc::clone(route))
    }

    fn insert(&mut self, generation: Generation, address: &[u8], route: &Arc<Route>) {
        if self.generation != generation {
            return;
        }
        if self.routes.len() >= CACHED_ROUTES {
            self.routes.clear();
        }
        self.routes.insert(address.into(), Arc::clone(route));
        self.last = Some((address.into(), Arc::clone(route)));
    }
}

/// What a look at a message's properties found out.
pub struct Looked {
    /// The message, without BCC and with its answers' real address.
    pub message: Message,
    /// Where it goes.
    pub route: Arc<Route>,
}

/// Checks the properties of a message that has any to check, and routes by them.
///
/// # Errors
/// amqp.md 11, points 3 to 10.
pub fn look(
    vhost: &VHost,
    actor: &Actor,
    reply_name: Option<&str>,
    message: Message,
) -> Result<Looked, Error> {
    let properties = parse(&message)?;
    let (exchange, routing_key) = addressed(&message);
    let mut keys = vec![routing_key];
    let carbon_copies = properties.headers().map_or(Ok(false), |headers| {
        copy_keys(headers.get("CC"), "CC", &mut keys)?;
        copy_keys(headers.get("BCC"), "BCC", &mut keys)
    });
    // The exchange's own checks come before those of the properties.
    let route = match &carbon_copies {
        Ok(_) => vhost.route(actor, exchange, &keys, Some(&properties))?,
        Err(_) => vhost.route(actor, exchange, &keys[..1], Some(&properties))?,
    };
    let wants_reply = properties.reply_to() == Some(PSEUDO_QUEUE);
    if wants_reply && reply_name.is_none() {
        let text = "fast reply consumer does not exist";
        return Err(Error::PreconditionFailed(text.into()));
    }
    check_expiration(properties.expiration())?;
    let has_bcc = carbon_copies?;
    check_user_id(&properties, actor)?;
    let mut rewritten = None;
    if has_bcc {
        rewritten = Some(content::without_header(properties.as_bytes(), "BCC"));
    }
    if let Some(name) = reply_name.filter(|_| wants_reply) {
        let current = rewritten.as_deref().unwrap_or(properties.as_bytes());
        rewritten = Some(content::with_reply_to(current, name));
    }
    let message = match rewritten {
        Some(properties) => message.with_properties(&properties),
        None => message.clone(),
    };
    Ok(Looked {
        message,
        route: Arc::new(route),
    })
}

fn parse(message: &Message) -> Result<Properties<'_>, Error> {
    Properties::parse(message.properties()).map_err(|why| Error::Frame(why.to_string()))
}

fn check_expiration(expiration: Option<&str>) -> Result<(), Error> {
    let Some(text) = expiration else {
        return Ok(());
    };
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u64>() {
        Ok(0..=MAX_EXPIRATION_MS) if digits => Ok(()),
        _ => Err(Error::PreconditionFailed(format!(
            "invalid expiration '{text}': expected 0 to {MAX_EXPIRATION_MS} milliseconds"
        ))),
    }
}

fn check_user_id(properties: &Properties<'_>, actor: &Actor) -> Result<(), Error> {
    match properties.user_id() {
        Some(claimed) if claimed != actor.user.name() && !actor.user.is_impersonator() => {
            Err(Error::UserIdMismatch {
                claimed: claimed.to_owned(),
                user: actor.user.name().to_owned(),
            })
        }
        _ => Ok(()),
    }
}

/// Adds the routing keys of a CC or BCC header; tells whether there is one.
fn copy_keys<'a>(
    value: Option<RawValue<'a>>,
    header: &str,
    keys: &mut Vec<&'a str>,
) -> Result<bool, Error> {
    match value {
        None => Ok(false),
        Some(RawValue::Array(array)) => {
            keys.extend(array.iter().filter_map(|value| value.string()));
            Ok(true)
        }
        Some(_) => Err(Error::PreconditionFailed(format!(
            "invalid message: header '{header}' must be an array of strings"
        ))),
    }
}

/// Exchange and routing key of a message, which were checked to be UTF-8 when it came.
pub fn addressed(message: &Message) -> (&str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    (text(message.exchange()), text(message.routing_key()))
}

/// Class and method of `basic.publish`, for errors in what follows it.
pub const BASIC_PUBLISH: (u16, u16) = (60, 40);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expiration: &str, accepted: bool) {
        assert_eq!(
            check_expiration(Some(expiration)).is_ok(),
            accepted,
            "{expiration}"
        );
    }

    #[test]
    fn expiration_is_milliseconds_in_digits() {
        check("0", true);
        check("60000", true);
        check("315360000000", true);
        check("315360000001", false);
        check("", false);
        check("+5", false);
        check("-1", false);
        check("1.5", false);
        check("abc", false);
    }
}
