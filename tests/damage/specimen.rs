//! A small store with messages in several segments, copied for every damage, and what a broker makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, Weak};

use ferrymq_tests::harness::{Broker, Options};
use ferrymq_tests::raw::{AMQPClass, BasicProperties, Channel, Connection, channels, queue};
use tempfile::TempDir;

/// The smallest segments there are.
const CONFIGURATION: &str = "
[store]
segment_bytes = \"64KiB\"
checkpoint_bytes = \"64KiB\"
";
pub(crate) const QUEUES: [&str; 2] = ["damage.one", "damage.two"];
/// So many messages are published, in turn to the first queue, to the second, and to both,
const MESSAGES: usize = 300;
/// and the first few of the first queue are acked.
const ACKED: usize = 20;
const BODY_BYTES: usize = 1_000;

/// More looks than any checkpoint takes.
const MOST_LOOKS: usize = 100_000;

/// How the broker ended that left the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// By an orderly stop.
    Closed,
    /// By a kill.
    Killed,
}

/// A store's directory, which may be damaged.
#[derive(Debug)]
pub(crate) struct Specimen {
    /// Kept, because dropping it removes the copy.
    _directory: TempDir,
    /// What it is a copy of; the next copy need not make it again.
    _whole: Option<Arc<Specimen>>,
    pub(crate) data: PathBuf,
}

/// What was found in the queues: the numbers of messages.
pub(crate) type Contents = BTreeMap<&'static str, BTreeSet<usize>>;

impl Specimen {
    /// A copy of a store that is whole.
    pub(crate) fn new(left: Left) -> Self {
        static MADE: [Mutex<Weak<Specimen>>; 2] = [const { Mutex::new(Weak::new()) }; 2];
        let mut made = MADE[left as usize].lock().expect("nobody panicked");
        let whole = made.upgrade().unwrap_or_else(|| Arc::new(Self::make(left)));
        *made = Arc::downgrade(&whole);
        let mut copy = Self::empty();
        copy_all(&whole.data, &copy.data);
        copy._whole = Some(whole);
        copy
    }

    fn empty() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("ferrymq-damage-")
            .tempdir()
            .expect("a temporary directory");
        Self {
            data: directory.path().join("data"),
            _directory: directory,
            _whole: None,
        }
    }

    fn make(left: Left) -> Self {
        let specimen = Self::empty();
        let mut broker = specimen.options().start();
        let connection = Connection::open(broker.amqp());
        let channel = connection.channel();
        channel.confirm();
        for name in QUEUES {
            channel.call::<queue::DeclareOk>(queue::Declare {
                queue: name.into(),
                durable: true,
                ..Default::default()
            });
            channel.bind(name, "amq.fanout", "");
        }
        let persistent = BasicProperties::default().with_delivery_mode(2);
        for number in 0..MESSAGES {
            let (exchange, key) = match number % 3 {
                2 => ("amq.fanout", ""),
                queue => ("", QUEUES[queue]),
            };
            channel.publish_with(exchange, key, &body(number), &persistent);
        }
        channel.confirmed(MESSAGES as u64);
        for _ in 0..ACKED {
            let got = channel.got(QUEUES[0]);
            channel.ack(got.delivery_tag);
        }
        // An answer that waits for the disk means that the acks are there as well.
        channel.bind(QUEUES[0], "amq.direct", "");
        connection.close();
        match left {
            Left::Closed => drop(broker.stop()),
            Left::Killed => {
                // Before the first one only the log knows of the messages.
                await_checkpoint(&broker);
                broker.kill();
            }
        }
        specimen
    }

    pub(crate) fn options(&self) -> Options {
        Options::default()
            .configuration(CONFIGURATION)
            .data_directory(&self.data)
    }

    /// Its segments, ascending.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let mut segments = files(&self.data.join("log"));
        segments.retain(|path| path.extension().is_some_and(|name| name == "segment"));
        segments
    }

    /// The messages whose bytes are in a file.
    pub(crate) fn messages_in(&self, file: &Path) -> BTreeSet<usize> {
        let bytes = fs::read(file).expect("a segment");
        let all = 0..MESSAGES;
        all.filter(|number| position(&bytes, *number).is_some())
            .collect()
    }

    /// Starts a broker on it: what is in the queues, and what was logged; or how it refused.
    pub(crate) fn read(&self) -> Result<(Contents, String), (ExitStatus, String)> {
        let mut broker = self.options().try_start()?;
        let connection = Connection::open(broker.amqp());
        let mut contents = Contents::new();
        for name in QUEUES {
            let channel = connection.channel();
            let found = contents.entry(name).or_default();
            if !exists(&channel, name) {
                continue;
            }
            while let Some(got) = channel.get(name) {
                let text = got.content.text();
                let number = text
                    .split(' ')
                    .nth(1)
                    .and_then(|number| number.parse().ok());
                let number = number.unwrap_or_else(|| panic!("a body '{text}'"));
                assert_eq!(text, body(number), "another body");
                assert!(found.insert(number), "message {number} is there twice");
            }
            channel.close();
        }
        connection.close();
        broker.stop();
        Ok((contents, broker.log()))
    }
}

/// Waits until the index knows what the log held at some moment: so much was written that a checkpoint is due.
fn await_checkpoint(broker: &Broker) {
    let is_there = |_| !metrics(broker).contains("\nferrymq_checkpoints_total 0\n");
    let found = (0..MOST_LOOKS).any(is_there);
    assert!(found, "no checkpoint:\n{}", broker.log());
}

fn metrics(broker: &Broker) -> String {
    let mut stream = TcpStream::connect(broker.metrics()).expect("connect");
    let request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).expect("ask");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn exists(channel: &Channel, name: &str) -> bool {
    channel.send(queue::Declare {
        queue: name.into(),
        passive: true,
        ..Default::default()
    });
    let answer = channel.next().method;
    let exists = matches!(answer, AMQPClass::Queue(_));
    if !exists {
        channel.send(channels::CloseOk {});
        channel.reopen();
    }
    exists
}

/// What has to be in the queues of a whole store.
pub(crate) fn expected() -> Contents {
    let messages = |queue: usize| {
        let all = (0..MESSAGES).filter(move |number| number % 3 == queue || number % 3 == 2);
        all.skip(if queue == 0 { ACKED } else { 0 }).collect()
    };
    QUEUES.into_iter().zip([messages(0), messages(1)]).collect()
}

/// Where a message's body is in the bytes of a segment.
pub(crate) fn position(bytes: &[u8], number: usize) -> Option<usize> {
    let start = format!("message {number:05} ");
    let mut windows = bytes.windows(start.len());
    windows.position(|window| window == start.as_bytes())
}

fn body(number: usize) -> String {
    let start = format!("message {number:05} ");
    let filler = char::from(b'a' + (number % 26) as u8);
    start + &filler.to_string().repeat(BODY_BYTES)
}

/// The files and directories in a directory, sorted; not the socket that a killed broker leaves.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file() || path.is_dir())
        .collect();
    files.sort();
    files
}

/// Files and their bytes.
pub(crate) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Every file below a directory.
pub(crate) fn snapshot(directory: &Path) -> Files {
    let mut all = Files::new();
    for path in files(directory) {
        match path.is_dir() {
            true => all.extend(snapshot(&path)),
            false => drop(all.insert(path.clone(), fs::read(&path).expect("a file"))),
        }
    }
    all
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("create a directory");
    for path in files(from) {
        let copy = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy_all(&path, &copy),
            false => drop(fs::copy(&path, &copy).expect("copy a file")),
        }
    }
}
