//! Ctrl-C: the first ends a run in order, with its summary; the second at once.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

/// Exit code of a program that a signal of this number would have ended.
const EXIT_INTERRUPTED: i32 = 130;

static RAISED: AtomicBool = AtomicBool::new(false);

/// Whether the run is to end.
pub(super) fn is_raised() -> bool {
    RAISED.load(Ordering::Relaxed)
}

/// Listens for `SIGINT` and `SIGTERM` from now on.
pub(super) fn listen() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let _inside = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    drop(_inside);
    let mut wait = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            wait();
            eprintln!("perf: ending; once more to end at once");
            RAISED.store(true, Ordering::Relaxed);
            wait();
            process::exit(EXIT_INTERRUPTED);
        })?;
    Ok(())
}
