//! `mandate backup` and `mandate restore`: the database as it is, and the keys in a file of their own, encrypted.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use database::Location;
use domain::Secret;
use vault::backup as seal;

use crate::{Failure, config::Config, keys, terminal};

const DATABASE: &str = "mandate.db";
const KEYS: &str = "installation.key.age";

/// Write a backup.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// A folder that does not exist yet.
    #[arg(value_name = "FOLDER")]
    to: PathBuf,
    #[command(flatten)]
    lock: Lock,
}

/// Whom the keys are encrypted to.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Lock {
    /// A file that holds a passphrase of at least 12 signs.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// An age recipient, `age1…`.
    #[arg(long, value_name = "AGE1")]
    recipient: Option<String>,
}

/// Put a backup back.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The folder of the backup.
    #[arg(value_name = "FOLDER")]
    from: PathBuf,
    #[command(flatten)]
    unlock: Unlock,
}

/// What the keys are decrypted with.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Unlock {
    /// A file that holds the passphrase.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// A file that holds the age identity, `AGE-SECRET-KEY-1…`.
    #[arg(long, value_name = "FILE")]
    identity_file: Option<PathBuf>,
}

fn secret_of(path: &Path) -> Result<Secret, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::new(format!("{} cannot be read: {error}.", path.display())))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

pub(crate) async fn backup(config: Config, backup: Backup) -> Result<(), Failure> {
    if !matches!(config.location()?, Location::Sqlite { .. }) {
        return Err(Failure::new("This installation keeps its data in PostgreSQL: back it up with pg_dump, as the owner of the database."));
    }
    if backup.to.exists() {
        return Err(Failure::new(format!("{} exists already: name a folder that does not.", backup.to.display())));
    }
    // Whatever can be wrong with the keys is found before anything is written.
    let keyring = keys::read(&config.key_file())?;
    let text = keyring.to_file_text();
    let sealed = match (&backup.lock.passphrase_file, &backup.lock.recipient) {
        (Some(file), _) => seal::encrypt_to_passphrase(&secret_of(file)?, text.expose().as_bytes()),
        (None, Some(recipient)) => seal::encrypt_to_recipient(recipient, text.expose().as_bytes()),
        (None, None) => return Err(Failure::new("Say whom the keys are encrypted to: --passphrase-file or --recipient.")),
    }
    .map_err(Failure::new)?;
    keys::make_private_folder(&backup.to)?;
    database::backup_file(&config.database_file(), &backup.to.join(DATABASE)).await.map_err(Failure::new)?;
    keys::write(&backup.to.join(KEYS), &Secret::new(sealed))?;
    terminal::print_line(&format!(
        "{}: {DATABASE} and {KEYS}. Without what opens {KEYS}, the credentials in {DATABASE} are lost.",
        backup.to.display()
    ))
}

pub(crate) async fn restore(config: Config, restore: Restore) -> Result<(), Failure> {
    let Location::Sqlite { path } = config.location()? else {
        return Err(Failure::new(
            "This installation keeps its data in PostgreSQL: restore it with pg_restore, as the owner of the database.",
        ));
    };
    for taken in [&path, &config.key_file()] {
        if taken.exists() {
            return Err(Failure::new(format!("{} exists: a restore only goes into an empty data folder.", taken.display())));
        }
    }
    let sealed_at = restore.from.join(KEYS);
    let sealed =
        fs::read_to_string(&sealed_at).map_err(|error| Failure::new(format!("{} cannot be read: {error}.", sealed_at.display())))?;
    let opened = match (&restore.unlock.passphrase_file, &restore.unlock.identity_file) {
        (Some(file), _) => seal::decrypt_with_passphrase(&secret_of(file)?, &sealed),
        (None, Some(file)) => seal::decrypt_with_identity(&secret_of(file)?, &sealed),
        (None, None) => return Err(Failure::new("Say what opens the keys: --passphrase-file or --identity-file.")),
    }
    .map_err(Failure::new)?;
    let text = std::str::from_utf8(&opened).map_err(|_| Failure::new("The keys in this backup are not a key file."))?;
    vault::Keyring::from_file_text(text).map_err(Failure::new)?;
    keys::make_private_folder(&config.data.directory)?;
    // The keys come last: a database without them is refused, so a restore that was cut off is seen.
    database::backup_file(&restore.from.join(DATABASE), &path).await.map_err(Failure::new)?;
    keys::write(&config.key_file(), &Secret::new(text))?;
    terminal::print_line(&format!("Restored into {}. Start the server as usual.", config.data.directory.display()))
}
