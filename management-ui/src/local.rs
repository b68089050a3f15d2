//! The local socket: the management interface for whoever administers this machine. The operating
//! system says who asks, so that no password is needed.

use std::fs::{self, Permissions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use ferrymq_broker::Broker;
use ferrymq_broker::auth::User;
use rustix::process::geteuid;
use tokio::net::{UnixListener, UnixStream};

use crate::auth::KnownUser;
use crate::listener::serve;

/// Who may open the socket at all: its owner, and root.
const MODE: u32 = 0o600;
/// The user that administers every machine.
const ROOT: u32 = 0;
/// How long to wait when the system can't give another socket.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Where requests with a password come from: this machine.
const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A listener on a Unix socket, whose file goes with it.
pub struct LocalListener {
    broker: Arc<Broker>,
    socket: UnixListener,
    path: PathBuf,
    router: Router,
}

impl LocalListener {
    /// Listens at `path`, where a socket may be left from a process that has ended. Stops with
    /// `broker`.
    ///
    /// # Errors
    /// When somebody listens there, something else is there, or the path is too long for a socket.
    pub async fn bind(broker: Arc<Broker>, path: &Path, router: Router) -> io::Result<Self> {
        let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
        if is_socket && is_abandoned(path).await {
            fs::remove_file(path)?;
        }
        let socket = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(MODE))?;
        Ok(Self {
            broker,
            socket,
            path: path.to_owned(),
            router,
        })
    }

    /// Accepts until the broker stops.
    pub async fn run(self) {
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = self.broker.stopping() => return,
            };
            match accepted {
                Ok((stream, _)) => self.start(stream),
                Err(error) => {
                    tracing::error!("can't accept a connection to the local socket: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn start(&self, stream: UnixStream) {
        let peer = stream.peer_cred().map(|peer| peer.uid());
        let Some(user) = peer.ok().and_then(administrator) else {
            tracing::warn!("local socket: access refused for a user who is neither root nor ours");
            return;
        };
        let (broker, router) = (Arc::clone(&self.broker), self.router.clone());
        let peer = KnownUser(Arc::new(user));
        tokio::spawn(async move { serve(&broker, router, stream, HERE, Some(peer)).await });
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        // It may have been removed already.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether nobody listens at the socket `path` any more.
async fn is_abandoned(path: &Path) -> bool {
    let connected = UnixStream::connect(path).await;
    connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// The user with this id, if that may administer: root, or whom the broker runs as.
fn administrator(id: u32) -> Option<User> {
    match id {
        ROOT => Some(User::local("root")),
        id if id == geteuid().as_raw() => Some(User::local(&id.to_string())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Site, management_routes};
    use ferrymq_broker::Config;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// A broker with an empty directory, and the routes of its management interface.
    fn broker() -> (tempfile::TempDir, Arc<Broker>, Router) {
        let directory = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: directory.path().join("data"),
            ..Config::default()
        };
        let broker = Broker::open(config).unwrap();
        let routes = management_routes(Site::new(Arc::clone(&broker), HERE));
        (directory, broker, routes)
    }

    async fn get(path: &Path, authorization: &str) -> String {
        let mut stream = UnixStream::connect(path).await.unwrap();
        let request = format!(
            "GET /api/health/checks/alarms HTTP/1.1\r\nHost: x\r\n{authorization}Connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn no_password_is_needed_but_a_wrong_one_is_wrong() {
        let (directory, broker, routes) = broker();
        let path = directory.path().join("socket");
        let listener = LocalListener::bind(Arc::clone(&broker), &path, routes).await;
        let running = tokio::spawn(listener.unwrap().run());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, MODE);
        assert!(get(&path, "").await.starts_with("HTTP/1.1 200"));
        let guest = "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n";
        assert!(get(&path, guest).await.starts_with("HTTP/1.1 200"));
        let wrong = "Authorization: Basic Z3Vlc3Q6eA==\r\n";
        assert!(get(&path, wrong).await.starts_with("HTTP/1.1 401"));
        broker.shutdown().await.unwrap();
        running.await.unwrap();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn an_abandoned_socket_is_replaced_and_nothing_else() {
        let (directory, broker, routes) = broker();
        let path = directory.path().join("socket");
        let bind = || LocalListener::bind(Arc::clone(&broker), &path, routes.clone());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let listener = bind().await.unwrap();
        assert!(bind().await.is_err());
        drop(listener);
        fs::write(&path, "a file").unwrap();
        assert!(bind().await.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"a file");
    }

    #[test]
    fn root_and_the_own_user_administer() {
        let name = |id| administrator(id).map(|user| user.name().to_owned());
        assert_eq!(name(0).as_deref(), Some("local:root"));
        let own = geteuid().as_raw();
        assert!(name(own).is_some());
        assert_eq!(name(own + 1), None);
    }
}
