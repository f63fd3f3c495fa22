//! `mandate audit verify`: checks an exported log, offline and without keys.

use std::{fs::File, io::BufReader, path::Path};

use crate::{Failure, terminal};

pub(crate) fn verify(file: &Path) -> Result<(), Failure> {
    let shown = file.display();
    let opened = File::open(file).map_err(|error| Failure::new(format!("{shown} cannot be read: {error}.")))?;
    let verified = platform::audit::verify_export(BufReader::new(opened)).map_err(|bad| Failure::new(format!("{shown}: {bad}")))?;
    terminal::print_line(&format!(
        "{shown}: {} rows of {} are whole and in order, #{} to #{}; the hash of the last is {}",
        verified.rows, verified.chain, verified.first, verified.last, verified.last_hash
    ))
}
