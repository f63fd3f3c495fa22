//! A tenant's key, and the credentials sealed with it.

use std::fmt;

use age::{EncryptError, secrecy::ExposeSecret, x25519};
use domain::{CredentialId, Secret, TenantId};

use crate::{envelope, keyring::Keyring};

/// The first field of a wrapped tenant key.
pub(crate) const TENANT_KEY: &[u8] = b"mandate tenant key v1";
/// The first field of a sealed credential.
const CREDENTIAL: &[u8] = b"mandate credential v1";

/// The purpose of a sealed text that is the value of a credential.
pub const CREDENTIAL_VALUE: &str = "credential.value";

/// The key of one tenant: everything the tenant stores is sealed with it. Wiped when dropped.
#[derive(Clone)]
pub struct TenantKey(x25519::Identity);

/// What a sealed text belongs to. Opening it demands the same context again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The tenant that owns it.
    pub tenant: TenantId,
    /// The credential it is a value of.
    pub credential: CredentialId,
    /// The version of the credential: an older value put back in its place does not open.
    pub version: i64,
    /// What it is used for, a constant of the program such as [`CREDENTIAL_VALUE`].
    pub purpose: &'static str,
}

/// Why something could not be sealed.
#[derive(Debug, thiserror::Error)]
#[error("It could not be sealed: {0}")]
pub struct SealError(#[from] EncryptError);

/// Why something sealed could not be opened. Says nothing of what is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another key sealed it, or it was changed afterwards.
    #[error("It was sealed with another key, or it is damaged.")]
    Undecipherable,
    /// The key fits, but it belongs somewhere else: somebody moved it, or put an older one back.
    #[error("It was sealed for another {0}: what is stored here does not belong here.")]
    SealedForAnother(&'static str),
    /// The key fits, but this is no form that this program writes.
    #[error("It was sealed in a form that this program does not know.")]
    Malformed,
}

impl TenantKey {
    /// Makes the key of a new tenant, from the operating system's randomness: age takes no other.
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// The form that is stored: encrypted for the installation, and bound to the tenant.
    ///
    /// # Errors
    /// When age cannot encrypt; not known to happen in memory.
    pub fn wrap(&self, keyring: &Keyring, tenant: TenantId) -> Result<Vec<u8>, SealError> {
        let key = self.0.to_string();
        let plaintext = envelope::frame(&[TENANT_KEY, tenant.uuid().as_bytes(), key.expose_secret().as_bytes()]);
        Ok(envelope::encrypt(&keyring.wrapping_recipient(), &plaintext)?)
    }

    /// The key from its text inside an opened envelope.
    pub(crate) fn from_bytes(text: &[u8]) -> Option<Self> {
        std::str::from_utf8(text).ok()?.parse().ok().map(Self)
    }

    /// Seals a secret for one context. Sealing the same twice gives different bytes.
    ///
    /// # Errors
    /// When age cannot encrypt; not known to happen in memory.
    pub fn seal(&self, context: Context, secret: &Secret) -> Result<Vec<u8>, SealError> {
        let plaintext = envelope::frame(&[
            CREDENTIAL,
            context.tenant.uuid().as_bytes(),
            context.credential.uuid().as_bytes(),
            &context.version.to_be_bytes(),
            context.purpose.as_bytes(),
            secret.expose().as_bytes(),
        ]);
        Ok(envelope::encrypt(&self.0.to_public(), &plaintext)?)
    }

    /// Opens what was sealed for exactly this context.
    ///
    /// # Errors
    /// [`OpenError::Undecipherable`] for another key or changed bytes, [`OpenError::SealedForAnother`]
    /// for another tenant, credential, version or purpose.
    pub fn open(&self, context: Context, sealed: &[u8]) -> Result<Secret, OpenError> {
        let plaintext = envelope::decrypt(&self.0, sealed).map_err(|_| OpenError::Undecipherable)?;
        let [label, tenant, credential, version, purpose, value] = envelope::unframe::<6>(&plaintext).ok_or(OpenError::Malformed)?;
        if label != CREDENTIAL {
            return Err(OpenError::Malformed);
        }
        for (what, found, expected) in [
            ("tenant", tenant, context.tenant.uuid().as_bytes().as_slice()),
            ("credential", credential, context.credential.uuid().as_bytes()),
            ("version of the credential", version, &context.version.to_be_bytes()),
            ("purpose", purpose, context.purpose.as_bytes()),
        ] {
            if found != expected {
                return Err(OpenError::SealedForAnother(what));
            }
        }
        std::str::from_utf8(value).map(Secret::new).map_err(|_| OpenError::Malformed)
    }
}

impl fmt::Debug for TenantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TenantKey(••••)")
    }
}

#[cfg(test)]
mod tests {
    use domain::{Id, Timestamp, entropy::SeededEntropy};

    use super::*;

    fn context(seed: u64) -> Context {
        let (now, entropy) = (Timestamp::from_micros(1_000_000), SeededEntropy::new(seed));
        Context { tenant: Id::new(now, &entropy), credential: Id::new(now, &entropy), version: 3, purpose: CREDENTIAL_VALUE }
    }

    #[test]
    fn a_sealed_secret_opens_in_its_own_context() {
        let (key, context) = (TenantKey::generate(), context(1));
        for text in ["", "s3cret", "päss wörd\n\0", &"x".repeat(200_000)] {
            let sealed = key.seal(context, &Secret::new(text)).unwrap();
            assert_eq!(key.open(context, &sealed).unwrap().expose(), text);
        }
    }

    #[test]
    fn a_ciphertext_that_was_put_elsewhere_is_refused_and_says_why() {
        let (key, mine, other) = (TenantKey::generate(), context(1), context(2));
        let sealed = key.seal(mine, &Secret::new("s3cret")).unwrap();
        for (wrong, what) in [
            (Context { tenant: other.tenant, ..mine }, "tenant"),
            (Context { credential: other.credential, ..mine }, "credential"),
            (Context { version: 4, ..mine }, "version of the credential"),
            (Context { purpose: "something.else", ..mine }, "purpose"),
        ] {
            assert_eq!(key.open(wrong, &sealed).unwrap_err(), OpenError::SealedForAnother(what));
        }
    }

    #[test]
    fn another_tenants_key_opens_nothing() {
        let sealed = TenantKey::generate().seal(context(1), &Secret::new("s3cret")).unwrap();
        assert_eq!(TenantKey::generate().open(context(1), &sealed).unwrap_err(), OpenError::Undecipherable);
    }

    #[test]
    fn no_single_changed_byte_goes_unnoticed() {
        let (key, context) = (TenantKey::generate(), context(1));
        let sealed = key.seal(context, &Secret::new("s3cret")).unwrap();
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(key.open(context, &changed).is_err(), "byte {place}");
        }
        assert!(key.open(context, &sealed[..sealed.len() - 1]).is_err());
        assert!(key.open(context, b"").is_err());
    }

    #[test]
    fn a_wrapped_key_is_the_same_key_again() {
        let (keyring, key, context) = (Keyring::generate(&SeededEntropy::new(1)), TenantKey::generate(), context(1));
        let wrapped = key.wrap(&keyring, context.tenant).unwrap();
        let sealed = key.seal(context, &Secret::new("s3cret")).unwrap();
        let again = keyring.unwrap(context.tenant, &wrapped).unwrap();
        assert_eq!(again.open(context, &sealed).unwrap().expose(), "s3cret");
    }

    #[test]
    fn a_wrapped_key_of_another_tenant_or_installation_is_refused() {
        let (keyring, key) = (Keyring::generate(&SeededEntropy::new(1)), TenantKey::generate());
        let wrapped = key.wrap(&keyring, context(1).tenant).unwrap();
        assert_eq!(keyring.unwrap(context(2).tenant, &wrapped).unwrap_err(), OpenError::SealedForAnother("tenant"));
        let stranger = Keyring::generate(&SeededEntropy::new(2));
        assert_eq!(stranger.unwrap(context(1).tenant, &wrapped).unwrap_err(), OpenError::Undecipherable);
    }

    #[test]
    fn a_credential_cannot_pass_for_a_tenant_key() {
        let (keyring, key, context) = (Keyring::generate(&SeededEntropy::new(1)), TenantKey::generate(), context(1));
        let wrapped = key.wrap(&keyring, context.tenant).unwrap();
        // The installation's identity as if it were a tenant's: it decrypts, and is refused for its label.
        let identity = keyring.to_file_text();
        let line = identity.expose().lines().find_map(|line| line.strip_prefix("identity: ")).unwrap().to_owned();
        let installation = TenantKey::from_bytes(line.as_bytes()).unwrap();
        assert_eq!(installation.open(context, &wrapped).unwrap_err(), OpenError::Malformed);
    }
}
