//! The keys of the installation, and the text they are kept in.

use std::fmt;

use age::{secrecy::ExposeSecret, x25519};
use domain::{Entropy, Secret, TenantId};
use zeroize::Zeroizing;

use crate::{
    envelope,
    mac::MacKey,
    tenant::{OpenError, TENANT_KEY, TenantKey},
};

/// The version of the text format that is written, and the only one that is read.
const VERSION: &str = "1";

/// The keys of one installation: an age identity that the tenants' keys are wrapped for, a pepper
/// for passwords and a key for signatures. Wiped when dropped; `Debug` shows the public part alone.
#[derive(Clone)]
pub struct Keyring {
    identity: x25519::Identity,
    pepper: MacKey,
    signing: MacKey,
}

/// Why a text is not a keyring. Never repeats what stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The text does not begin as a key file does.
    #[error("This is not a key file of Mandate: the line `mandate-keyring: {VERSION}` is missing.")]
    NotAKeyring,
    /// A version this program does not know.
    #[error(
        "The key file has version {0}, but this program reads version {VERSION}. Use the version of Mandate that wrote it, or a newer one."
    )]
    UnknownVersion(String),
    /// A line that is not of the form `name: value`, or a name that is not known.
    #[error("Line {0} of the key file is not understood. Restore the file from its backup.")]
    UnknownLine(usize),
    /// A name that stands there twice.
    #[error("Line {line} of the key file gives `{name}` a second time. Restore the file from its backup.")]
    Twice {
        /// The line, from 1.
        line: usize,
        /// The name.
        name: &'static str,
    },
    /// A name without its line.
    #[error("The key file has no `{0}`. Restore the file from its backup.")]
    Missing(&'static str),
    /// A value that is damaged.
    #[error("The value of `{0}` in the key file is damaged. Restore the file from its backup.")]
    Damaged(&'static str),
}

const IDENTITY: &str = "identity";
const PEPPER: &str = "password-pepper";
const SIGNING: &str = "signing-key";
const HEAD: &str = "mandate-keyring";

impl Keyring {
    /// Makes the keys of a new installation.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        // age makes identities from the operating system's randomness and takes no other source.
        Self { identity: x25519::Identity::generate(), pepper: MacKey::generate(entropy), signing: MacKey::generate(entropy) }
    }

    /// The text of a key file, with comments for the one who finds it.
    pub fn to_file_text(&self) -> Secret {
        let mut text = Zeroizing::new(String::with_capacity(1024));
        let identity = self.identity.to_string();
        for part in [
            "# The keys of this Mandate installation. Keep this file secret, and keep a copy of it in a safe place\n\
             # that is not this machine.\n\
             #\n\
             # Whoever loses this file loses every stored credential for good, and every member has to set a new\n\
             # password: nothing in the database can replace it. Whoever reads it together with the database can\n\
             # read every credential.\n\
             #\n\
             # Only its owner may read it (mode 0600). Do not edit it.\n",
            HEAD,
            ": ",
            VERSION,
            "\n\n# The age identity that the keys of the tenants are wrapped for. Its public part is:\n# ",
            &self.recipient(),
            "\n",
            IDENTITY,
            ": ",
            identity.expose_secret(),
            "\n\n# Mixed into every password before it is hashed.\n",
            PEPPER,
            ": ",
            &self.pepper.to_hex(),
            "\n\n# Signs one-time links and form tokens.\n",
            SIGNING,
            ": ",
            &self.signing.to_hex(),
            "\n",
        ] {
            text.push_str(part);
        }
        Secret::new(text.as_str())
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// What is wrong, as a sentence that says what to do and shows nothing of the file.
    pub fn from_file_text(text: &str) -> Result<Self, KeyringError> {
        let (mut version, mut identity, mut pepper, mut signing) = (None, None, None, None);
        for (index, line) in text.lines().enumerate() {
            let (line_number, line) = (index + 1, line.trim());
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = line.split_once(':').ok_or(KeyringError::UnknownLine(line_number))?;
            let (name, place) = match name.trim() {
                HEAD => (HEAD, &mut version),
                IDENTITY => (IDENTITY, &mut identity),
                PEPPER => (PEPPER, &mut pepper),
                SIGNING => (SIGNING, &mut signing),
                _ => return Err(KeyringError::UnknownLine(line_number)),
            };
            if place.replace(value.trim()).is_some() {
                return Err(KeyringError::Twice { line: line_number, name });
            }
        }
        match version {
            None => return Err(KeyringError::NotAKeyring),
            Some(VERSION) => {}
            // Only a number is repeated: anything else might be a secret in the wrong line.
            Some(other) if other.len() <= 9 && other.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Err(KeyringError::UnknownVersion(other.to_owned()));
            }
            Some(_) => return Err(KeyringError::Damaged(HEAD)),
        }
        let identity = identity.ok_or(KeyringError::Missing(IDENTITY))?;
        let key =
            |name, value: Option<&str>| MacKey::from_hex(value.ok_or(KeyringError::Missing(name))?).ok_or(KeyringError::Damaged(name));
        Ok(Self {
            identity: identity.parse().map_err(|_| KeyringError::Damaged(IDENTITY))?,
            pepper: key(PEPPER, pepper)?,
            signing: key(SIGNING, signing)?,
        })
    }

    /// The public part, `age1…`: not secret, and a name for this keyring. A database can remember it
    /// to notice that it was started with another installation's keys.
    pub fn recipient(&self) -> String {
        self.identity.to_public().to_string()
    }

    /// Takes a tenant's key out of the form it is stored in.
    ///
    /// # Errors
    /// [`OpenError`] when it was wrapped for another installation or another tenant, or is damaged.
    pub fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, OpenError> {
        let plaintext = envelope::decrypt(&self.identity, wrapped).map_err(|_| OpenError::Undecipherable)?;
        let [label, bound, key] = envelope::unframe::<3>(&plaintext).ok_or(OpenError::Malformed)?;
        if label != TENANT_KEY {
            return Err(OpenError::Malformed);
        }
        if bound != tenant.uuid().as_bytes() {
            return Err(OpenError::SealedForAnother("tenant"));
        }
        TenantKey::from_bytes(key).ok_or(OpenError::Malformed)
    }

    /// The recipient that tenants' keys are wrapped for.
    pub(crate) fn wrapping_recipient(&self) -> x25519::Recipient {
        self.identity.to_public()
    }

    pub(crate) const fn pepper(&self) -> &MacKey {
        &self.pepper
    }

    pub(crate) const fn signing(&self) -> &MacKey {
        &self.signing
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({}, ••••)", self.recipient())
    }
}

#[cfg(test)]
mod tests {
    use domain::entropy::SeededEntropy;

    use super::*;

    fn keyring() -> Keyring {
        Keyring::generate(&SeededEntropy::new(1))
    }

    #[test]
    fn a_keyring_survives_its_text_form() {
        let keyring = keyring();
        let text = keyring.to_file_text();
        let again = Keyring::from_file_text(text.expose()).unwrap();
        assert_eq!(again.to_file_text().expose(), text.expose());
        assert_eq!(again.recipient(), keyring.recipient());
        assert!(Keyring::from_file_text(&text.expose().replace('\n', "\r\n")).is_ok(), "an editor may change line ends");
    }

    #[test]
    fn the_text_says_what_its_loss_means() {
        let text = keyring().to_file_text();
        assert!(text.expose().contains("loses every stored credential"));
    }

    #[test]
    fn what_is_missing_or_damaged_is_named_without_being_shown() {
        let text = keyring().to_file_text();
        let lines = |keep: &dyn Fn(&str) -> bool| text.expose().lines().filter(|line| keep(line)).collect::<Vec<_>>().join("\n");
        let error = |text: &str| Keyring::from_file_text(text).unwrap_err();
        assert_eq!(error(""), KeyringError::NotAKeyring);
        assert_eq!(error(&lines(&|line| !line.starts_with(IDENTITY))), KeyringError::Missing(IDENTITY));
        assert_eq!(error(&lines(&|line| !line.starts_with(PEPPER))), KeyringError::Missing(PEPPER));
        assert_eq!(error(&lines(&|line| !line.starts_with(SIGNING))), KeyringError::Missing(SIGNING));
        assert_eq!(error(&text.expose().replace("keyring: 1", "keyring: 2")), KeyringError::UnknownVersion("2".to_owned()));
        assert_eq!(error(&text.expose().replace("keyring: 1", "keyring: s3cret")), KeyringError::Damaged(HEAD));
        assert_eq!(error(&text.expose().replace("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-1X")), KeyringError::Damaged(IDENTITY));
        assert_eq!(error(&text.expose().replace("pepper: ", "pepper: 0")), KeyringError::Damaged(PEPPER));
        assert_eq!(error(&format!("{}hello\n", text.expose())), KeyringError::UnknownLine(text.expose().lines().count() + 1));
        assert!(matches!(error(&format!("{0}{0}", text.expose())), KeyringError::Twice { name: HEAD, .. }));
    }

    #[test]
    fn debug_shows_nothing_secret() {
        let keyring = keyring();
        let shown = format!("{keyring:?} {:?}", keyring.signing());
        assert!(!shown.contains("SECRET") && !shown.contains(keyring.signing().to_hex().as_str()), "{shown}");
    }
}
