//! Pausing a queue's deliveries. A durable queue stays paused over a restart.

use ferrymq_store::CommitPoint;

use super::VHost;
use crate::actor::Actor;
use crate::auth::Permission;
use crate::definitions::Definition;
use crate::error::Error;
use crate::queue::shared::Work;

impl VHost {
    /// Hands out nothing of a queue from now on; gives the point at which a restart knows it. Messages go on
    /// to be published and to expire, what was handed out can be settled.
    ///
    /// # Errors
    /// 403 without `configure`, 404 when missing, 405 when exclusive to another connection.
    pub fn pause_queue(
        &self,
        actor: &Actor,
        name: &str,
        work: &mut Work,
    ) -> Result<CommitPoint, Error> {
        self.set_paused(actor, name, true, work)
    }

    /// Hands out the messages of a queue again.
    ///
    /// # Errors
    /// As [`VHost::pause_queue`].
    pub fn resume_queue(
        &self,
        actor: &Actor,
        name: &str,
        work: &mut Work,
    ) -> Result<CommitPoint, Error> {
        self.set_paused(actor, name, false, work)
    }

    fn set_paused(
        &self,
        actor: &Actor,
        name: &str,
        paused: bool,
        work: &mut Work,
    ) -> Result<CommitPoint, Error> {
        self.require_queue(actor, Permission::Configure, name)?;
        let mut change = self.change();
        let queue = change.next.queue(&self.name, actor, name)?;
        if queue.durable.is_some() {
            let definition = Definition::paused_queue(&self.name, &queue.name);
            match paused {
                true => change.put(definition),
                false => change.remove(definition),
            }
        }
        let point = change.log_now();
        // While nobody else changes the vhost: the last change in the log is the queue's.
        queue.run(work, |queue, effects| queue.set_paused(paused, effects));
        drop(change);
        self.finish(work);
        work.dirty.wake();
        Ok(point)
    }
}
