//! `ferrymq store verify`.

use std::io::{self, Write};

use ferrymq_broker::definitions::Definition;
use ferrymq_store::tools::{Damage, Verified};
use serde_json::{Value, json};

use super::{DataDir, Error, line};

/// What to check.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    data_dir: DataDir,
    /// Print the totals and all damages as JSON
    #[arg(long)]
    json: bool,
}

/// Checks everything; false if anything is damaged.
pub(super) fn run(args: &Args) -> Result<bool, Error> {
    let mut verified = args.data_dir.open()?.verify()?;
    let definitions = verified.definitions.iter();
    let bad = definitions.filter_map(|(key, value)| Definition::decode(key, value).err());
    let bad: Vec<Damage> = bad
        .map(|bad| Damage {
            file: "definitions".to_owned(),
            offset: None,
            what: bad.to_string(),
        })
        .collect();
    verified.damages.extend(bad);
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{:#}", as_json(&verified))?;
    } else {
        print(&mut out, &verified)?;
    }
    Ok(verified.damages.is_empty())
}

/// The first damage comes first, then the totals, then all other damages.
fn print(out: &mut impl Write, verified: &Verified) -> io::Result<()> {
    let Verified {
        segments,
        records,
        live_messages,
        live_bytes,
        dead_bytes,
        unfinished_bytes,
        queues,
        definitions,
        damages,
        ..
    } = verified;
    match damages.first() {
        Some(first) => writeln!(out, "damaged: {}", line(first))?,
        None => writeln!(out, "whole")?,
    }
    writeln!(out, "segments         {segments}")?;
    writeln!(
        out,
        "records          {} publish, {} remove, {} change, {} snapshot, {} group",
        records.publish, records.remove, records.change, records.snapshot, records.group
    )?;
    writeln!(out, "queues           {queues}")?;
    writeln!(out, "live messages    {live_messages}")?;
    writeln!(out, "live bytes       {live_bytes}")?;
    writeln!(out, "dead bytes       {dead_bytes}")?;
    writeln!(out, "unfinished bytes {unfinished_bytes}")?;
    writeln!(out, "definitions      {}", definitions.len())?;
    let stop = if verified.clean { "clean" } else { "unclean" };
    writeln!(out, "last stop        {stop}")?;
    writeln!(out, "damages          {}", damages.len())?;
    for damage in damages.iter().skip(1) {
        writeln!(out, "damaged: {}", line(damage))?;
    }
    Ok(())
}

fn as_json(verified: &Verified) -> Value {
    let damage = |damage: &Damage| json!({"file": damage.file, "offset": damage.offset, "what": damage.what});
    let records = verified.records;
    json!({
        "whole": verified.damages.is_empty(),
        "clean": verified.clean,
        "segments": verified.segments,
        "records": {
            "publish": records.publish,
            "remove": records.remove,
            "change": records.change,
            "snapshot": records.snapshot,
            "group": records.group,
        },
        "queues": verified.queues,
        "live_messages": verified.live_messages,
        "live_bytes": verified.live_bytes,
        "dead_bytes": verified.dead_bytes,
        "unfinished_bytes": verified.unfinished_bytes,
        "definitions": verified.definitions.len(),
        "damages": verified.damages.iter().map(damage).collect::<Vec<_>>(),
    })
}
