//! Commands that scripts know and that make no sense here: each says why in a line, and exits with 69.

use clap::Subcommand;

use super::error::Error;

const CLUSTER: &str = "FerryMQ is a single node: there is no cluster to change";
const APPLICATION: &str =
    "FerryMQ is one process: stop it with 'stop', and start it with 'ferrymq serve'";
const RESET: &str = "stop the broker and remove its data directory";
const ERLANG: &str = "FerryMQ does not run on Erlang";
const REPLICAS: &str = "a quorum queue has one replica here: this node";
const LOG: &str = "the log goes to standard output, or to the file that log.file names";
const ROTATION: &str = "move the log file away and send SIGUSR1: it is opened anew";
const SIZES: &str = "see rabbitmq_message_size_bytes in /metrics";
const TLS: &str = "there is no TLS listener";
const SYSTEM: &str = "ask the system that the broker runs on";
const LISTENERS: &str = "listeners are opened and closed with the broker";

/// What follows the command's name.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<String>,
}

#[derive(Debug, Clone, Subcommand)]
#[command(rename_all = "snake_case")]
pub(super) enum Command {
    #[command(hide = true)]
    JoinCluster(Rest),
    #[command(hide = true)]
    ForgetClusterNode(Rest),
    #[command(hide = true)]
    ChangeClusterNodeType(Rest),
    #[command(hide = true)]
    RenameClusterNode(Rest),
    #[command(hide = true)]
    UpdateClusterNodes(Rest),
    #[command(hide = true)]
    ForceBoot(Rest),
    #[command(hide = true)]
    SyncQueue(Rest),
    #[command(hide = true)]
    CancelSyncQueue(Rest),
    #[command(hide = true)]
    Grow(Rest),
    #[command(hide = true)]
    Shrink(Rest),
    #[command(hide = true)]
    AddMember(Rest),
    #[command(hide = true)]
    DeleteMember(Rest),
    #[command(hide = true)]
    AddReplica(Rest),
    #[command(hide = true)]
    DeleteReplica(Rest),
    #[command(hide = true)]
    StopApp(Rest),
    #[command(hide = true)]
    StartApp(Rest),
    #[command(hide = true)]
    Reset(Rest),
    #[command(hide = true)]
    ForceReset(Rest),
    #[command(hide = true)]
    SuspendListeners(Rest),
    #[command(hide = true)]
    ResumeListeners(Rest),
    #[command(hide = true)]
    Eval(Rest),
    #[command(hide = true)]
    EvalFile(Rest),
    #[command(hide = true)]
    Exec(Rest),
    #[command(hide = true)]
    RemoteShell(Rest),
    #[command(hide = true)]
    Observer(Rest),
    #[command(hide = true)]
    ErlangVersion(Rest),
    #[command(hide = true)]
    ErlangCookieSources(Rest),
    #[command(hide = true)]
    MaybeStuck(Rest),
    #[command(hide = true)]
    QuorumStatus(Rest),
    #[command(hide = true)]
    LogTail(Rest),
    #[command(hide = true)]
    LogTailStream(Rest),
    #[command(hide = true)]
    RotateLogs(Rest),
    #[command(hide = true)]
    MessageSizeStats(Rest),
    #[command(hide = true)]
    TlsVersions(Rest),
    #[command(hide = true)]
    CipherSuites(Rest),
    #[command(hide = true)]
    ResolveHostname(Rest),
    #[command(hide = true)]
    OsEnv(Rest),
}

impl Command {
    pub(super) fn run(&self) -> Result<(), Error> {
        let reason = match self {
            Self::StopApp(_) | Self::StartApp(_) => APPLICATION,
            Self::Reset(_) | Self::ForceReset(_) => RESET,
            Self::SuspendListeners(_) | Self::ResumeListeners(_) => LISTENERS,
            Self::Eval(_)
            | Self::EvalFile(_)
            | Self::Exec(_)
            | Self::RemoteShell(_)
            | Self::Observer(_)
            | Self::ErlangVersion(_)
            | Self::ErlangCookieSources(_)
            | Self::MaybeStuck(_) => ERLANG,
            Self::QuorumStatus(_) => REPLICAS,
            Self::LogTail(_) | Self::LogTailStream(_) => LOG,
            Self::RotateLogs(_) => ROTATION,
            Self::MessageSizeStats(_) => SIZES,
            Self::TlsVersions(_) | Self::CipherSuites(_) => TLS,
            Self::ResolveHostname(_) | Self::OsEnv(_) => SYSTEM,
            _ => CLUSTER,
        };
        Err(Error::Unsupported(reason.to_owned()))
    }
}
