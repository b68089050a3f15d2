//! The service manager: what it is told of the broker's state, if there is one (systemd's
//! `Type=notify`).

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tracing::warn;

/// How often a start that takes long asks for more time, and how much.
const EXTEND_EVERY: Duration = Duration::from_secs(5);
const EXTENSION: Duration = Duration::from_secs(30);

/// Listeners accept.
pub(crate) fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The configuration is being read again; [`ready`] ends it.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => warn!("can't notify the service manager: {error}"),
    }
}

/// The broker closes connections and writes everything down.
pub(crate) fn stopping() {
    notify(&[
        NotifyState::Stopping,
        NotifyState::Status("closing connections and writing everything down"),
    ]);
}

/// Asks for more time until the guard is dropped: recovery may take a while.
pub(crate) fn recovering() -> Guard {
    notify(&[NotifyState::Status("recovering messages")]);
    Guard(tokio::spawn(async {
        let mut ticks = tokio::time::interval(EXTEND_EVERY);
        loop {
            ticks.tick().await;
            let micros = u32::try_from(EXTENSION.as_micros()).unwrap_or(u32::MAX);
            notify(&[NotifyState::ExtendTimeoutUsec(micros)]);
        }
    }))
}

/// Says that the broker is alive as often as the service manager wants to hear it.
pub(crate) fn keep_watchdog_quiet() {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return;
    };
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(patience / 2);
        loop {
            ticks.tick().await;
            notify(&[NotifyState::Watchdog]);
        }
    });
}

/// Something that goes on until this is dropped.
pub(crate) struct Guard(JoinHandle<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!("can't notify the service manager: {error}");
    }
}
