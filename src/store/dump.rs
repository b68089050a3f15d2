//! `ferrymq store dump`.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;

use ferrymq_broker::definitions::Definition;
use ferrymq_store::tools::{Content, Offline, Record, Target};
use ferrymq_store::{Attributes, Change, QueueId};
use serde_json::{Value, json};

use super::{DataDir, Error, json, line};

/// Which records to print, and how much of them.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    data_dir: DataDir,
    /// Only messages and settlements of this queue: its name, or its number in the log
    #[arg(long, value_name = "NAME|ID")]
    queue: Option<String>,
    /// The vhost of --queue, where several have one of that name
    #[arg(long, value_name = "VHOST", requires = "queue")]
    vhost: Option<String>,
    /// Only messages which are live in some queue
    #[arg(long)]
    live: bool,
    /// With the messages' bodies
    #[arg(long)]
    bodies: bool,
    /// End after so many records
    #[arg(long, value_name = "RECORDS")]
    limit: Option<u64>,
}

/// Durable queues by their number in the log: vhost and name.
type Names = HashMap<QueueId, (String, String)>;

/// Prints the records; false if any is damaged.
pub(super) fn run(args: &Args) -> Result<bool, Error> {
    let store = args.data_dir.open()?;
    let names = names(&store)?;
    let queues = args.wanted_queues(&names)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut printed = Ok(());
    let damages = store.records(|record| {
        if left == 0 {
            return ControlFlow::Break(());
        }
        if args.wants(record, queues.as_deref()) {
            left -= 1;
            printed = writeln!(out, "{}", describe(record, &names, args.bodies));
        }
        match printed {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    printed.and_then(|()| out.flush())?;
    for damage in &damages {
        eprintln!("damaged: {}", line(damage));
    }
    Ok(damages.is_empty())
}

impl Args {
    /// The queues that --queue means; `None` for all.
    fn wanted_queues(&self, names: &Names) -> Result<Option<Vec<QueueId>>, Error> {
        let Some(queue) = &self.queue else {
            return Ok(None);
        };
        let named = names.iter().filter(|(_, (vhost, name))| {
            name == queue && self.vhost.as_ref().is_none_or(|wanted| wanted == vhost)
        });
        let mut found: Vec<QueueId> = named.map(|(id, _)| *id).collect();
        if found.is_empty() && self.vhost.is_none() {
            found.extend(queue.parse().ok().map(QueueId));
        }
        match found.is_empty() {
            true => Err(Error::NoSuchQueue {
                queue: queue.clone(),
            }),
            false => Ok(Some(found)),
        }
    }

    fn wants(&self, record: &Record<'_>, queues: Option<&[QueueId]>) -> bool {
        let meant = |id: QueueId| queues.is_none_or(|queues| queues.contains(&id));
        match &record.content {
            Content::Publish { targets, .. } => targets
                .iter()
                .any(|target| meant(target.queue) && (target.live || !self.live)),
            Content::Remove(ranges) => !self.live && ranges.iter().any(|(queue, ..)| meant(*queue)),
            _ => !self.live && queues.is_none(),
        }
    }
}

fn names(store: &Offline) -> Result<Names, Error> {
    let definitions = store.definitions()?;
    let definitions = definitions
        .iter()
        .filter_map(|(key, value)| Definition::decode(key, value).ok());
    Ok(definitions
        .filter_map(|definition| match definition {
            Definition::Queue {
                vhost, name, id, ..
            } => Some((id, (vhost, name.to_string()))),
            Definition::ExchangeQueue {
                vhost,
                exchange,
                purpose,
                id,
            } => {
                let name = format!("{} of exchange {exchange}", purpose.as_str());
                Some((id, (vhost, name)))
            }
            _ => None,
        })
        .collect())
}

fn describe(record: &Record<'_>, names: &Names, bodies: bool) -> Value {
    let mut line = json!({"segment": record.file, "offset": record.offset, "bytes": record.length});
    let content = match &record.content {
        Content::Publish { targets, message } => {
            let mut line = json::message(message, bodies);
            let target = |target: &Target| {
                let mut described = queue(target.queue, names);
                described["sequence"] = target.sequence.0.into();
                described["live"] = target.live.into();
                let Attributes {
                    level,
                    due,
                    expires,
                } = target.attributes;
                let attributes = [
                    ("level", u64::from(level)),
                    ("due", due),
                    ("expires", expires),
                ];
                for (name, value) in attributes.into_iter().filter(|(_, value)| *value != 0) {
                    described[name] = value.into();
                }
                described
            };
            line["kind"] = "publish".into();
            line["targets"] = targets.iter().map(target).collect();
            line
        }
        Content::Remove(ranges) => {
            let range = |(id, first, last): &(QueueId, _, _)| {
                let (first, last): (&ferrymq_store::Sequence, &ferrymq_store::Sequence) =
                    (first, last);
                let mut described = queue(*id, names);
                described["first"] = first.0.into();
                described["last"] = last.0.into();
                described
            };
            json!({"kind": "remove", "ranges": ranges.iter().map(range).collect::<Vec<_>>()})
        }
        Content::Change(changes) => {
            json!({"kind": "change", "changes": changes.iter().map(change).collect::<Vec<_>>()})
        }
        Content::Snapshot {
            part,
            last,
            entries,
        } => json!({"kind": "snapshot", "part": part, "last": last, "entries": entries}),
        Content::Group {
            number,
            whole_before,
        } => json!({"kind": "group", "number": number, "whole_before": whole_before}),
        Content::Unknown => json!({"kind": "unknown"}),
    };
    if let (Value::Object(line), Value::Object(content)) = (&mut line, content) {
        line.extend(content);
    }
    line
}

fn queue(id: QueueId, names: &Names) -> Value {
    match names.get(&id) {
        Some((vhost, name)) => json!({"queue_id": id.0, "vhost": vhost, "queue": name}),
        None => json!({"queue_id": id.0}),
    }
}

fn change(change: &Change<'_>) -> Value {
    let (operation, key, value, id) = match *change {
        Change::Put { key, value } => ("put", key, Some(value), None),
        Change::Remove { key } => ("remove", key, None, None),
        Change::CreateQueue { id, key, value } => ("create queue", key, Some(value), Some(id)),
        Change::DeleteQueue { id, key } => ("delete queue", key, None, Some(id)),
    };
    let mut line = json!({
        "operation": operation,
        "key": key.escape_ascii().to_string(),
        "value_bytes": value.map_or(0, <[u8]>::len),
    });
    if let Some(id) = id {
        line["queue_id"] = id.0.into();
    }
    line
}
