//! The file of the installation's keys: made at the first start, readable by its owner only.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

use domain::{Entropy, Secret};
use vault::Keyring;

use crate::Failure;

/// Reads a file that nobody but its owner may be able to read.
pub(crate) fn read_private(what: &str, path: &Path) -> Result<Secret, Failure> {
    let shown = path.display();
    let unread = |error: std::io::Error| Failure::new(format!("The {what} {shown} cannot be read: {error}."));
    let mut file = File::open(path).map_err(unread)?;
    if file.metadata().map_err(unread)?.mode() & 0o077 != 0 {
        return Err(Failure::new(format!("The {what} {shown} can be read by others: run `chmod 600 {shown}` and start again.")));
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(unread)?;
    Ok(Secret::new(text))
}

/// Reads the keys.
pub(crate) fn read(path: &Path) -> Result<Keyring, Failure> {
    let shown = path.display();
    let text = read_private("key file", path)?;
    Keyring::from_file_text(text.expose())
        .map_err(|error| Failure::new(format!("The key file {shown} cannot be used: {error} Put the file back from your backup.")))
}

/// Reads the keys, or makes them when nothing was ever kept under any: `fresh` says that there is no database yet.
pub(crate) fn read_or_make(path: &Path, fresh: bool, entropy: &dyn Entropy) -> Result<Keyring, Failure> {
    match fs::symlink_metadata(path) {
        Ok(_) => read(path),
        Err(error) if error.kind() == ErrorKind::NotFound && fresh => {
            let keyring = generate(path, entropy)?;
            eprintln!(
                "\nNew keys were made in {}.\nWhoever loses this file loses every credential in this installation, and nobody can bring them back.\n\
                 Keep a copy somewhere else: `mandate backup` makes one.\n",
                path.display()
            );
            Ok(keyring)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Failure::new(format!(
            "The key file {} is missing, but there is a database that was made with it: put the file back from your backup.",
            path.display()
        ))),
        Err(error) => Err(Failure::new(format!("The key file {} cannot be read: {error}.", path.display()))),
    }
}

/// Makes new keys and their file.
pub(crate) fn generate(path: &Path, entropy: &dyn Entropy) -> Result<Keyring, Failure> {
    let keyring = Keyring::generate(entropy);
    write(path, &keyring.to_file_text())?;
    Ok(keyring)
}

/// Writes a new file that only its owner can read.
pub(crate) fn write(path: &Path, text: &Secret) -> Result<(), Failure> {
    let wrong = |error: std::io::Error| Failure::new(format!("The file {} cannot be written: {error}.", path.display()));
    if let Some(folder) = path.parent() {
        make_private_folder(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(wrong)?;
    file.write_all(text.expose().as_bytes()).and_then(|()| file.sync_all()).map_err(wrong)
}

/// Writes a file that only its owner can read, in place of the one that is there, if one is: whole beside it, then moved.
pub(crate) fn replace(path: &Path, text: &Secret) -> Result<(), Failure> {
    let wrong = |error: std::io::Error| Failure::new(format!("The file {} cannot be written: {error}.", path.display()));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    write(&beside, text)?;
    let moved = fs::rename(&beside, path).map_err(wrong);
    if moved.is_err() {
        // It holds a secret and is of no use to anybody.
        drop(fs::remove_file(&beside));
    }
    moved
}

/// Makes a folder that only its owner can enter, if it is not there.
pub(crate) fn make_private_folder(path: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Failure::new(format!("The folder {} cannot be made: {error}.", path.display())))
}
