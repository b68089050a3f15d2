//! What a run is made of, drawn from its seed: sizes, and how often each kind of step is taken.
//!
//! Every run leaves some kinds of steps out: what is rare in a mixture is common without the rest.

use crate::dice::Dice;

/// Something that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Ack,
    Bind,
    Cancel,
    CloseChannel,
    CloseConnection,
    Consume,
    Declare,
    Delete,
    Get,
    Look,
    Nack,
    OpenChannel,
    Publish,
    Purge,
    Recover,
    TxCommit,
    TxRollback,
    Unbind,
}

/// A step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Ask(Ask),
    /// A client connects.
    Connect,
    /// A connection does a round of its work.
    Round,
    /// Frames reach a client.
    Arrive,
    Commit,
    Checkpoint,
    /// A checkpoint with a commit in the middle of it.
    CheckpointAroundCommit,
    /// Messages leave memory and come back.
    Page,
    PassTime,
    /// A client's wire is cut.
    Cut,
    /// Everything comes to rest, and is counted.
    Quiet,
    /// The process is killed; the machine goes on.
    Kill,
    /// The process is killed in the middle of a commit or a checkpoint.
    KillInside,
    /// The machine loses power.
    PowerLoss,
    /// The machine loses power in the middle of a commit or a checkpoint.
    PowerLossInside,
    /// The machine loses power, and again while the broker starts.
    PowerLossInRecovery,
    /// The broker is stopped and started.
    Restart,
    /// While the broker is down, a bit of a message flips.
    FlipBit,
    /// There is no room on the disk, from some write on.
    FillDisk,
    /// There is room again.
    FreeDisk,
    /// The disk fails for good; the machine is replaced.
    Fail,
}

/// Every step, how often it is taken, and whether a run can do without it.
const STEPS: [(Step, u32, bool); 38] = [
    (Step::Ask(Ask::Ack), 300, true),
    (Step::Ask(Ask::Bind), 30, true),
    (Step::Ask(Ask::Cancel), 15, true),
    (Step::Ask(Ask::CloseChannel), 10, true),
    (Step::Ask(Ask::CloseConnection), 5, true),
    (Step::Ask(Ask::Consume), 90, true),
    (Step::Ask(Ask::Declare), 60, false),
    (Step::Ask(Ask::Delete), 6, true),
    (Step::Ask(Ask::Get), 60, true),
    (Step::Ask(Ask::Look), 20, true),
    (Step::Ask(Ask::Nack), 100, true),
    (Step::Ask(Ask::OpenChannel), 60, false),
    (Step::Ask(Ask::Publish), 400, false),
    (Step::Ask(Ask::Purge), 6, true),
    (Step::Ask(Ask::Recover), 15, true),
    (Step::Ask(Ask::TxCommit), 90, false),
    (Step::Ask(Ask::TxRollback), 20, true),
    (Step::Ask(Ask::Unbind), 12, true),
    (Step::Connect, 40, false),
    (Step::Round, 1200, false),
    (Step::Arrive, 800, false),
    (Step::Commit, 200, false),
    (Step::Checkpoint, 80, true),
    (Step::CheckpointAroundCommit, 40, true),
    (Step::Page, 200, false),
    (Step::PassTime, 20, true),
    (Step::Cut, 12, true),
    (Step::Quiet, 15, true),
    (Step::Kill, 3, true),
    (Step::KillInside, 4, true),
    (Step::PowerLoss, 4, true),
    (Step::PowerLossInside, 5, true),
    (Step::PowerLossInRecovery, 2, true),
    (Step::Restart, 3, true),
    (Step::FlipBit, 2, true),
    (Step::FillDisk, 8, true),
    (Step::FreeDisk, 80, false),
    (Step::Fail, 2, true),
];

/// The make-up of one run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) steps: usize,
    /// Steps and their weights.
    pub(crate) mix: Vec<(Step, u32)>,
    pub(crate) clients: usize,
    pub(crate) queues: usize,
    pub(crate) segment_bytes: u64,
    /// So much waiting to be written counts as too much.
    pub(crate) congested_bytes: usize,
    /// The memory for messages that wait.
    pub(crate) queue_memory_bytes: u64,
    pub(crate) frame_max: u32,
    /// Of a hundred bodies, so many are large.
    pub(crate) large_bodies: u32,
    /// Of a hundred messages, so many are persistent.
    pub(crate) persistent: u32,
    /// Of a hundred queues, so many are durable.
    pub(crate) durable: u32,
    /// Of a hundred durable queues, so many are relaxed.
    pub(crate) relaxed: u32,
    /// Of a hundred consumers and gets, so many need no ack.
    pub(crate) no_ack: u32,
    /// Of a hundred writes to a socket, so many find it full.
    pub(crate) full_sockets: u32,
}

impl Plan {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let left_out = dice.between(0, 50) as u32;
        let mut mix = Vec::new();
        for (step, weight, optional) in STEPS {
            let keeps = !dice.percent(left_out);
            let scaled = weight * dice.between(1, 3) as u32;
            if keeps || !optional {
                mix.push((step, scaled));
            }
        }
        let share = |dice: &mut Dice| [0, 10, 50, 90, 100][dice.below(5)];
        Self {
            steps: dice.between(200, 2_000),
            mix,
            clients: dice.between(1, 5),
            queues: dice.between(1, 6),
            segment_bytes: dice.between(2_000, 60_000) as u64,
            congested_bytes: [2_000, 50_000, 16 << 20][dice.below(3)],
            queue_memory_bytes: [0, 20_000, 1 << 30][dice.below(3)],
            frame_max: [4_096, 128 * 1024][dice.below(2)],
            large_bodies: [0, 5, 30][dice.below(3)],
            persistent: share(dice).max(10),
            durable: share(dice).max(10),
            relaxed: [0, 30][dice.below(2)],
            no_ack: [0, 0, 10, 50][dice.below(4)],
            full_sockets: [0, 20][dice.below(2)],
        }
    }
}
