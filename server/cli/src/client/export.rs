//! `mandate audit export`: the whole log, as it comes. A file appears under its name only when it is whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, builder::PossibleValuesParser};
use web::api::{
    audit::{ExportJson, FormatJson},
    values,
};

use super::{http::Client, interrupted, run::word};
use crate::{
    failure::{Exit, Failure},
    terminal::{self, progress},
};

/// How long the next piece may take to come.
const PATIENCE: Duration = Duration::from_mins(1);

/// Take the audit log away, oldest row first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mandate audit export --output audit.jsonl && mandate audit verify audit.jsonl
  mandate audit export --format csv --output audit.csv
  mandate audit export | jq -r .action | sort | uniq -c

That it was taken is itself recorded. JSONL is what `mandate audit verify` checks; CSV is for spreadsheets.")]
pub(crate) struct Export {
    /// How it is written down; jsonl when left out.
    #[arg(long, value_parser = PossibleValuesParser::new(values::words::<FormatJson>()))]
    format: Option<String>,
    /// A file that does not exist yet; standard output when left out.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Where the pieces go.
enum Place {
    /// Bytes as they are.
    Output,
    /// Text with nothing in it that a terminal obeys.
    Terminal {
        is_json: bool,
    },
    File(File),
}

impl Place {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Output => terminal::print_bytes(bytes),
            Self::Terminal { is_json } => {
                let text = String::from_utf8_lossy(bytes);
                let shown = |line: &str| if *is_json { terminal::harmless_json(line) } else { terminal::block(line, 0) };
                text.lines().try_for_each(|line| terminal::print_line(&shown(line)))
            }
            Self::File(file) => file.write_all(bytes).map_err(|error| Failure::new(format!("The file cannot be written: {error}."))),
        }
    }
}

pub(crate) async fn export(asked: Export, common: &super::Common) -> Result<(), Failure> {
    let client = Client::open(common)?;
    let format: FormatJson = word(asked.format)?.unwrap_or_default();
    let Some(path) = asked.output else {
        let place = if io::stdout().is_terminal() { Place::Terminal { is_json: format == FormatJson::Jsonl } } else { Place::Output };
        return taken(&client, format, place).await.map(drop);
    };
    let shown = path.display();
    let part = part_of(&path)?;
    let open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
    let file = open.map_err(|error| Failure::new(format!("{} cannot be written: {error}.", part.display())))?;
    let done = tokio::select! {
        done = taken(&client, format, Place::File(file)) => done,
        () = interrupted() => Err(Failure::of(Exit::Interrupted, "Stopped: there is no export.")),
    };
    let bytes = done.and_then(|bytes| whole(&part, format).map(|()| bytes));
    let moved = bytes.and_then(|bytes| {
        part_of(&path)?;
        let moved = fs::rename(&part, &path).map_err(|error| Failure::new(format!("{shown} cannot be written: {error}.")));
        moved.map(|()| bytes)
    });
    // Half an export is none, and a whole one is under its own name by now.
    drop(fs::remove_file(&part));
    let bytes = moved?;
    client.tell(&match format {
        FormatJson::Jsonl => format!("{shown} holds the whole log ({bytes} bytes), every row in its place. `mandate audit verify {shown}` checks it again at any time."),
        FormatJson::Csv => format!("{shown} holds the whole log ({bytes} bytes)."),
    });
    Ok(())
}

/// Where an export grows until it is whole.
fn part_of(path: &Path) -> Result<PathBuf, Failure> {
    let shown = path.display();
    if path.symlink_metadata().is_ok() {
        return Err(Failure::of(Exit::Usage, format!("{shown} exists already: name another file.")));
    }
    let name = path.file_name().ok_or_else(|| Failure::of(Exit::Usage, format!("{shown} names no file.")))?;
    let mut part = name.to_owned();
    part.push(".part");
    Ok(path.with_file_name(part))
}

/// Checks an export that came to its end.
fn whole(part: &Path, format: FormatJson) -> Result<(), Failure> {
    let wrong = |error: io::Error| Failure::new(format!("{} cannot be read: {error}.", part.display()));
    let file = File::open(part).map_err(wrong)?;
    file.sync_all().map_err(wrong)?;
    if format == FormatJson::Jsonl {
        platform::audit::verify_export(BufReader::new(file))
            .map_err(|bad| Failure::new(format!("What the server gave is no whole log: {bad}")))?;
    }
    Ok(())
}

/// Takes it piece by piece, and gives the number of bytes.
async fn taken(client: &Client, format: FormatJson, mut place: Place) -> Result<u64, Failure> {
    let mut response = client.get(&["audit", "export"])?.query(&ExportJson { format: Some(format) })?.stream().await?;
    let is_shown = matches!(place, Place::File(_));
    let cut = || Failure::of(Exit::Unreachable, "The export broke off: what came is no whole log.");
    let (mut bytes, mut rest) = (0, Vec::new());
    loop {
        let what = format!("exporting, {} KiB", bytes >> 10);
        let next = tokio::time::timeout(PATIENCE, response.chunk());
        let piece = progress::while_waiting(client.is_quiet() || !is_shown, &what, next).await.map_err(|_| cut())?.map_err(|_| cut())?;
        let Some(piece) = piece else { break };
        bytes += piece.len() as u64;
        rest.extend_from_slice(&piece);
        // Whole lines only, so that no sign is torn.
        if let Some(at) = rest.iter().rposition(|byte| *byte == b'\n') {
            let lines: Vec<u8> = rest.drain(..=at).collect();
            place.write(&lines)?;
        }
    }
    place.write(&rest)?;
    Ok(bytes)
}
