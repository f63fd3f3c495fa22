//! Encrypted copies of keys: armored age files that the `age` program opens too.
//!
//! A backup is meant for people: its text can be printed or mailed. It is opened with the passphrase,
//! or with the age identity, that it was made for.

use std::{
    io::{Read, Write},
    iter,
};

use age::{
    DecryptError, Decryptor, Encryptor, Identity, Recipient,
    armor::{ArmoredReader, ArmoredWriter, Format},
    scrypt,
    secrecy::SecretString,
    x25519,
};
use domain::Secret;
use zeroize::Zeroizing;

/// scrypt with N = 2^18, as the `age` program writes it: about a second and 256 MiB.
const WORK_FACTOR: u8 = 18;
/// A file may ask for four times as much; beyond that it is meant to do harm.
const MOST_WORK: u8 = 20;
/// The shortest passphrase of a backup, in characters: such a file can be tried without limit.
pub const MIN_PASSPHRASE: usize = 12;
/// The longest text that is read as a backup, in bytes.
pub const MAX_BACKUP: usize = 16 * 1024 * 1024;

/// Why a backup could not be made or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// The passphrase is shorter than [`MIN_PASSPHRASE`].
    #[error("The passphrase of a backup needs at least {MIN_PASSPHRASE} characters: whoever finds the file can try as often as they like.")]
    ShortPassphrase,
    /// The recipient is no age x25519 recipient.
    #[error("`{0}` is not an age recipient. It begins with `age1` and is printed by `age-keygen`.")]
    NotARecipient(String),
    /// The identity is no age x25519 identity.
    #[error("This is not an age identity. It begins with `AGE-SECRET-KEY-1` and stands in the file that `age-keygen` wrote.")]
    NotAnIdentity,
    /// The text is longer than [`MAX_BACKUP`].
    #[error("The backup is larger than {} MiB and was not read.", MAX_BACKUP / 1024 / 1024)]
    TooLarge,
    /// Wrong key, or not for this kind of key.
    #[error("The backup does not open with this key or passphrase.")]
    WrongKey,
    /// No age file, or changed since.
    #[error("The backup is damaged or is not an age file.")]
    Damaged,
    /// Encrypting failed; not known to happen in memory.
    #[error("The backup could not be made: {0}.")]
    NotMade(String),
}

/// Encrypts for whoever knows the passphrase.
///
/// # Errors
/// [`BackupError::ShortPassphrase`].
pub fn encrypt_to_passphrase(passphrase: &Secret, plaintext: &[u8]) -> Result<String, BackupError> {
    encrypt_with_work(passphrase, plaintext, WORK_FACTOR)
}

/// Opens what [`encrypt_to_passphrase`] made.
///
/// # Errors
/// [`BackupError::WrongKey`] or [`BackupError::Damaged`].
pub fn decrypt_with_passphrase(passphrase: &Secret, backup: &str) -> Result<Zeroizing<Vec<u8>>, BackupError> {
    let mut identity = scrypt::Identity::new(SecretString::from(passphrase.expose()));
    identity.set_max_work_factor(MOST_WORK);
    open(&identity, backup)
}

/// Encrypts for the holder of an age identity; `recipient` is its public part, `age1…`.
///
/// # Errors
/// [`BackupError::NotARecipient`].
pub fn encrypt_to_recipient(recipient: &str, plaintext: &[u8]) -> Result<String, BackupError> {
    let parsed: x25519::Recipient = recipient.trim().parse().map_err(|_| BackupError::NotARecipient(recipient.trim().to_owned()))?;
    seal(&parsed, plaintext)
}

/// Opens what [`encrypt_to_recipient`] made; `identity` is the line `AGE-SECRET-KEY-1…`.
///
/// # Errors
/// [`BackupError::NotAnIdentity`], [`BackupError::WrongKey`] or [`BackupError::Damaged`].
pub fn decrypt_with_identity(identity: &Secret, backup: &str) -> Result<Zeroizing<Vec<u8>>, BackupError> {
    let identity: x25519::Identity = identity.expose().trim().parse().map_err(|_| BackupError::NotAnIdentity)?;
    open(&identity, backup)
}

fn encrypt_with_work(passphrase: &Secret, plaintext: &[u8], work: u8) -> Result<String, BackupError> {
    if passphrase.expose().chars().count() < MIN_PASSPHRASE {
        return Err(BackupError::ShortPassphrase);
    }
    let mut recipient = scrypt::Recipient::new(SecretString::from(passphrase.expose()));
    recipient.set_work_factor(work);
    seal(&recipient, plaintext)
}

fn seal(recipient: &dyn Recipient, plaintext: &[u8]) -> Result<String, BackupError> {
    let armored = || -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let mut armored = Vec::new();
        let armor = ArmoredWriter::wrap_output(&mut armored, Format::AsciiArmor)?;
        let mut writer = Encryptor::with_recipients(iter::once(recipient))?.wrap_output(armor)?;
        writer.write_all(plaintext)?;
        writer.finish()?.finish()?;
        Ok(armored)
    };
    let not_made = |error: &dyn std::fmt::Display| BackupError::NotMade(error.to_string());
    String::from_utf8(armored().map_err(|error| not_made(&error))?).map_err(|error| not_made(&error))
}

fn open(identity: &dyn Identity, backup: &str) -> Result<Zeroizing<Vec<u8>>, BackupError> {
    if backup.len() > MAX_BACKUP {
        return Err(BackupError::TooLarge);
    }
    let wrong = |error: DecryptError| match error {
        DecryptError::NoMatchingKeys | DecryptError::KeyDecryptionFailed | DecryptError::DecryptionFailed => BackupError::WrongKey,
        _ => BackupError::Damaged,
    };
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(backup.trim_start().as_bytes())).map_err(wrong)?;
    let mut plaintext = Zeroizing::new(Vec::with_capacity(backup.len()));
    let mut reader = decryptor.decrypt(iter::once(identity)).map_err(wrong)?;
    reader.read_to_end(&mut plaintext).map_err(|_| BackupError::Damaged)?;
    Ok(plaintext)
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_passphrase_opens_what_it_closed_and_another_does_not() {
        let passphrase = Secret::new("violet harbour");
        let backup = encrypt_with_work(&passphrase, b"the keys", 8).unwrap();
        assert!(backup.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"), "{backup}");
        assert_eq!(decrypt_with_passphrase(&passphrase, &backup).unwrap().as_slice(), b"the keys");
        assert_eq!(decrypt_with_passphrase(&passphrase, &format!("\n{backup}\n")).unwrap().as_slice(), b"the keys");
        assert_eq!(decrypt_with_passphrase(&Secret::new("violet harbor"), &backup), Err(BackupError::WrongKey));
    }

    #[test]
    fn a_short_passphrase_is_refused() {
        assert_eq!(encrypt_to_passphrase(&Secret::new("violet harb"), b"x"), Err(BackupError::ShortPassphrase));
    }

    #[test]
    fn a_file_that_asks_for_too_much_work_is_not_opened() {
        let passphrase = Secret::new("violet harbour");
        let backup = encrypt_with_work(&passphrase, b"the keys", 8).unwrap();
        let mut identity = scrypt::Identity::new(SecretString::from("violet harbour"));
        identity.set_max_work_factor(7);
        assert!(open(&identity, &backup).is_err());
    }

    #[test]
    fn an_identity_opens_what_was_made_for_its_recipient_and_another_does_not() {
        let identity = x25519::Identity::generate();
        let secret = |identity: &x25519::Identity| Secret::new(identity.to_string().expose_secret());
        let backup = encrypt_to_recipient(&format!(" {}\n", identity.to_public()), b"the keys").unwrap();
        assert_eq!(decrypt_with_identity(&secret(&identity), &backup).unwrap().as_slice(), b"the keys");
        assert_eq!(decrypt_with_identity(&secret(&x25519::Identity::generate()), &backup), Err(BackupError::WrongKey));
        assert_eq!(decrypt_with_identity(&Secret::new("age1x"), &backup), Err(BackupError::NotAnIdentity));
        assert_eq!(decrypt_with_passphrase(&Secret::new("violet harbour"), &backup), Err(BackupError::WrongKey));
        assert!(matches!(encrypt_to_recipient("age1x", b""), Err(BackupError::NotARecipient(_))));
    }

    #[test]
    fn a_damaged_backup_is_refused() {
        let identity = x25519::Identity::generate();
        let secret = Secret::new(identity.to_string().expose_secret());
        let backup = encrypt_to_recipient(&identity.to_public().to_string(), &[7; 300]).unwrap();
        let cut: String = backup.lines().filter(|line| !line.starts_with("-----END")).collect::<Vec<_>>().join("\n");
        for damaged in ["", "hello", &cut, &backup.replace("-----BEGIN", "----BEGIN")] {
            assert_eq!(decrypt_with_identity(&secret, damaged), Err(BackupError::Damaged), "{damaged}");
        }
    }
}
