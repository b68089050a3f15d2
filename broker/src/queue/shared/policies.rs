//! Which policies apply to a queue, and what it obeys because of them.

use std::borrow::Cow;
use std::sync::Arc;

use ferrymq_store::Durability;

use super::{SharedQueue, Work};
use crate::policy::{Applied, merge};
use crate::queue::arguments::Declared;
use crate::queue::options::Options;
use crate::queue::settings::{Defaults, Settings};
use crate::session::outbox::Item;

/// What a queue is asked for by its arguments and the policies that apply to it.
pub fn options<'a>(declared: &'a Declared, applied: Option<&Applied>) -> Cow<'a, Options> {
    let arguments = declared.arguments.options();
    match applied {
        None => Cow::Borrowed(arguments),
        Some(applied) => {
            let queue_type = declared.arguments.queue_type;
            Cow::Owned(merge(arguments, applied.definition.options(), queue_type))
        }
    }
}

/// What follows when other policies apply to a queue.
#[derive(Default)]
pub(crate) struct Told {
    /// Its confirms stand for something else.
    pub(crate) rerouted: bool,
    /// It has messages left to drop.
    pub(crate) more: bool,
}

impl SharedQueue {
    /// The policies that apply to it.
    pub fn policies(&self) -> Option<Arc<Applied>> {
        self.applied.load_full()
    }

    /// What it is asked for by its arguments and its policies.
    pub fn options(&self) -> Cow<'_, Options> {
        options(&self.declared, self.applied.load().as_deref())
    }

    /// What a confirm of a persistent message stands for; `None` when the queue keeps none.
    pub fn durability(&self) -> Option<Durability> {
        let durable = self.durable.as_ref()?;
        Some(self.options().durability.unwrap_or(durable.durability))
    }

    /// From now on these policies apply to it.
    pub(crate) fn apply(
        self: &Arc<Self>,
        applied: Option<Arc<Applied>>,
        defaults: &Defaults,
        work: &mut Work,
    ) -> Told {
        let same = match (&*self.applied.load(), &applied) {
            (Some(before), Some(after)) => before.is_same(after),
            (before, after) => before.is_none() && after.is_none(),
        };
        if same {
            return Told::default();
        }
        let before = self.options();
        self.applied.store(applied);
        let options = self.options();
        let settings = Settings::new(&self.declared, &options, defaults);
        let more = self.configure(settings, work);
        if before.consumer_timeout != options.consumer_timeout {
            self.tell_consumers(work);
        }
        Told {
            rerouted: before.durability != options.durability,
            more,
        }
    }

    /// Has the connections of all consumers look at their time-outs anew.
    fn tell_consumers(self: &Arc<Self>, work: &mut Work) {
        let ports = self.inspect(|queue| queue.ports());
        for port in ports {
            let notice = std::iter::once(Item::TimeoutChanged(port.number));
            port.outbox.push(notice, &mut work.dirty);
        }
    }
}
