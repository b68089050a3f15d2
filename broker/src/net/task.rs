//! One task per connection: read a batch, handle it, write, wait.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

use crate::broker::Broker;
use crate::clock::{self, Timestamp};
use crate::session::connection::Connection;
use crate::session::endpoints::Endpoints;
use crate::session::outbound::MAX_SLICES;
use crate::stats::Protocol;

/// Bytes read at a time.
const READ_BYTES: usize = 128 * 1024;

/// A rest of a frame up to this size is copied, so that a slow peer does not pin a whole buffer.
const SMALL_REST_BYTES: usize = 4 * 1024;

/// How long a client may take to close its side after we have closed ours.
const LINGER: Duration = Duration::from_secs(1);

/// Serves one connection to its end.
pub(super) async fn run(broker: Arc<Broker>, stream: TcpStream, peer: SocketAddr) {
    let wake = Arc::new(Notify::new());
    // A socket that is gone already has no address any more; its end is seen at once.
    let local = stream.local_addr().unwrap_or(peer);
    let endpoints = Endpoints { peer, local };
    let connection = broker.connect(endpoints, Arc::clone(&wake), clock::now());
    let mut task = Task {
        connection,
        stream,
        inbound: BytesMut::new(),
        wake,
        readable: true,
    };
    let ended = task.serve(&broker).await;
    broker.disconnect(&mut task.connection, clock::now());
    if ended.is_ok() {
        task.linger().await;
    }
}

struct Task {
    connection: Connection,
    stream: TcpStream,
    /// Bytes read that are not a whole frame yet. Holds no memory while it is empty and idle.
    inbound: BytesMut,
    wake: Arc<Notify>,
    /// The socket may have something to read.
    readable: bool,
}

/// What a read gave.
enum Read {
    Bytes,
    Nothing,
    End,
}

impl Task {
    /// Serves until the connection is closed (`Ok`) or its socket is gone (`Err`).
    async fn serve(&mut self, broker: &Broker) -> Result<(), ()> {
        let mut timer = Timer::new();
        // Rounds in a row that found something to do.
        let mut busy_rounds = 0;
        loop {
            let now = clock::now();
            let mut busy = false;
            if self.connection.wants_input() {
                match self.read() {
                    Ok(Read::Bytes) => {
                        self.connection.handle_input(&mut self.inbound, now);
                        busy = true;
                    }
                    Ok(Read::Nothing) if self.connection.has_pending_input() => {
                        self.connection.handle_input(&mut self.inbound, now);
                        busy = true;
                    }
                    Ok(Read::Nothing) => {}
                    Ok(Read::End) | Err(_) => {
                        self.log_lost(now);
                        return Err(());
                    }
                }
            }
            if let Some((credentials, peer)) = self.connection.take_login() {
                let (user, password) = (credentials.user, credentials.password);
                let tried = user.clone();
                let answer = broker.users().login(user, password, peer.ip(), now).await;
                let attempts = &broker.statistics().auth_attempts;
                attempts.count(Protocol::Amqp091, peer.ip(), &tried, answer.is_ok());
                self.connection.handle_login(answer, now);
                self.connection.handle_input(&mut self.inbound, now);
                busy = true;
            }
            let more = self.connection.handle_outbox(now);
            self.connection.handle_unblocked(now);
            self.connection.handle_committed();
            if self.connection.next_timeout().is_some_and(|at| at <= now) {
                self.connection.handle_timeout(now);
            }
            let blocked = self.write().map_err(drop)?;
            // Now that something is written, there may be room for the rest.
            busy |= more && !blocked && self.connection.outbound().has_room();
            busy |= self.connection.has_pending_input();
            if self.connection.is_closed() && self.connection.outbound().is_empty() {
                return Ok(());
            }
            let woken = self.connection.finish_round();
            busy_rounds = if busy { busy_rounds + 1 } else { 0 };
            if !busy {
                self.wait(broker, blocked, &mut timer).await;
            } else if woken && busy_rounds > 1 {
                // The woken ones are next on this thread: let them run. After a single round there
                // is usually nothing more to read, and waiting lets them run without the detour
                // through another thread.
                tokio::task::yield_now().await;
            } else {
                tokio::task::consume_budget().await;
            }
        }
    }

    /// Waits until there is something to do.
    async fn wait(&mut self, broker: &Broker, blocked: bool, timer: &mut Timer) {
        timer.arm(clock::now(), self.connection.next_timeout());
        let wants_input = self.connection.wants_input();
        if !wants_input {
            broker.wake_when_less_congested(&self.wake);
        }
        self.release_idle();
        let interest = match (wants_input, blocked) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        };
        let ready = async {
            match interest {
                Some(interest) => self.stream.ready(interest).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            ready = ready => {
                self.readable |= ready.is_ok_and(|ready| ready.is_readable() || ready.is_error());
            }
            () = self.wake.notified() => {}
            () = timer.elapsed() => {}
        }
    }

    fn read(&mut self) -> io::Result<Read> {
        if !self.readable {
            return Ok(Read::Nothing);
        }
        if self.inbound.capacity() - self.inbound.len() < READ_BYTES / 2 {
            lend_buffer(&mut self.inbound);
        }
        match self.stream.try_read_buf(&mut self.inbound) {
            Ok(0) => Ok(Read::End),
            Ok(count) => {
                let traffic = &self.connection.entry().traffic;
                traffic.received_bytes.add(count as u64);
                traffic.received_packets.add(1);
                Ok(Read::Bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(Read::Nothing)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes what may be written; tells whether the socket takes no more.
    fn write(&mut self) -> io::Result<bool> {
        let outbound = self.connection.outbound();
        let (mut written_bytes, mut writes) = (0, 0);
        let mut blocked = false;
        while outbound.is_ready() {
            let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(MAX_SLICES.min(8));
            outbound.writable(&mut slices);
            match self.stream.try_write_vectored(&slices) {
                Ok(count) => {
                    outbound.advance(count);
                    written_bytes += count;
                    writes += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    blocked = true;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        if writes > 0 {
            let traffic = &self.connection.entry().traffic;
            traffic.sent_bytes.add(written_bytes as u64);
            traffic.sent_packets.add(writes);
            self.connection.note_written();
        }
        Ok(blocked)
    }

    /// An idle connection holds no buffers.
    fn release_idle(&mut self) {
        self.connection.release_idle();
        if self.inbound.len() <= SMALL_REST_BYTES && self.inbound.capacity() > SMALL_REST_BYTES {
            let rest = BytesMut::from(&self.inbound[..]);
            return_buffer(std::mem::replace(&mut self.inbound, rest));
        }
    }

    fn log_lost(&self, now: Timestamp) {
        if self.connection.is_untouched() {
            tracing::debug!(
                conn = self.connection.id.0,
                "a peer connected and said nothing"
            );
        } else if !self.connection.is_closed() {
            tracing::warn!(
                conn = self.connection.id.0,
                peer = %self.connection.endpoints().peer,
                "closing AMQP connection ({}): client unexpectedly closed TCP connection",
                self.connection.describe(now),
            );
        }
    }

    /// Closes so that the client gets our last bytes, whatever it is still sending.
    async fn linger(mut self) {
        if self.stream.shutdown().await.is_err() {
            return;
        }
        let drain = async {
            let mut scratch = [0; 4096];
            loop {
                if self.stream.readable().await.is_err() {
                    return;
                }
                match self.stream.try_read(&mut scratch) {
                    Ok(0) => return,
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                    _ => {}
                }
            }
        };
        let _ = tokio::time::timeout(LINGER, drain).await;
    }
}

thread_local! {
    /// A read buffer for the next connection that has something to read on this thread.
    static SPARE_BUFFER: RefCell<Option<BytesMut>> = const { RefCell::new(None) };
}

/// Makes room for a read in `inbound`, with the thread's spare buffer if that will do.
fn lend_buffer(inbound: &mut BytesMut) {
    if inbound.capacity() >= READ_BYTES || inbound.len() > SMALL_REST_BYTES {
        inbound.reserve(READ_BYTES);
        return;
    }
    let mut buffer = SPARE_BUFFER
        .take()
        .unwrap_or_else(|| BytesMut::with_capacity(READ_BYTES + SMALL_REST_BYTES));
    buffer.extend_from_slice(inbound);
    *inbound = buffer;
}

/// Keeps `buffer` for the next read on this thread, unless messages still share it.
fn return_buffer(mut buffer: BytesMut) {
    buffer.clear();
    if buffer.try_reclaim(READ_BYTES + SMALL_REST_BYTES) {
        SPARE_BUFFER.set(Some(buffer));
    }
}

/// The connection's one timer.
struct Timer {
    sleep: Pin<Box<Sleep>>,
    armed_for: Option<Timestamp>,
}

impl Timer {
    fn new() -> Self {
        Self {
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            armed_for: None,
        }
    }

    /// Arms it for `deadline`.
    fn arm(&mut self, now: Timestamp, deadline: Option<Timestamp>) {
        if self.armed_for == deadline {
            return;
        }
        self.armed_for = deadline;
        if let Some(deadline) = deadline {
            let at = Instant::now() + deadline.since(now);
            self.sleep.as_mut().reset(at);
        }
    }

    async fn elapsed(&mut self) {
        match self.armed_for {
            Some(_) => {
                self.sleep.as_mut().await;
                self.armed_for = None;
            }
            None => std::future::pending().await,
        }
    }
}
