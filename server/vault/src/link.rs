//! One-time links: a signed text that says what it is for and until when.
//!
//! The signature proves who made it; that it is used once is remembered by whoever redeems it, under
//! its [`LinkClaims::id`].

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Entropy, Timestamp};

use crate::keyring::Keyring;

const LABEL: &str = "mandate one-time link v1";
/// Purpose, id, from, until.
const CLAIMS_BYTES: usize = 1 + 16 + 8 + 8;
const TAG_BYTES: usize = 32;

/// What a link lets its bearer do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    /// Make the first tenant and the first person of the installation.
    Setup,
    /// Make one more tenant.
    TenantInvite,
}

impl LinkPurpose {
    const fn code(self) -> u8 {
        match self {
            Self::Setup => 1,
            Self::TenantInvite => 2,
        }
    }
}

/// What a link says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LinkClaims {
    /// What it is for.
    pub purpose: LinkPurpose,
    /// 128 random bits: the name under which its use is remembered.
    pub id: [u8; 16],
    /// When it was made.
    pub issued_at: Timestamp,
    /// The first moment at which it no longer works.
    pub expires_at: Timestamp,
}

/// Why a link does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not made by this installation, for something else, or changed on its way.
    #[error("This link is not valid. Check that it was copied whole.")]
    Wrong,
    /// It was good once.
    #[error("This link has expired. Ask for a new one.")]
    Expired,
}

impl LinkClaims {
    /// The claims of a new link that works from `now` for `lifetime`.
    pub fn new(purpose: LinkPurpose, entropy: &dyn Entropy, now: Timestamp, lifetime: Duration) -> Self {
        let mut id = [0_u8; 16];
        entropy.fill(&mut id);
        Self { purpose, id, issued_at: now, expires_at: now.after(lifetime) }
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(CLAIMS_BYTES + TAG_BYTES);
        bytes.push(self.purpose.code());
        bytes.extend_from_slice(&self.id);
        bytes.extend_from_slice(&self.issued_at.micros().to_be_bytes());
        bytes.extend_from_slice(&self.expires_at.micros().to_be_bytes());
        bytes
    }
}

impl fmt::Debug for LinkClaims {
    /// Leaves the id out: logs shall not tell which link was used.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkClaims({:?}, until {})", self.purpose, self.expires_at)
    }
}

/// The text of a link: 87 signs that may stand in a URL.
pub fn sign_link(keyring: &Keyring, claims: &LinkClaims) -> String {
    let mut bytes = claims.to_bytes();
    let tag = keyring.signing().tag(LABEL, &bytes);
    bytes.extend_from_slice(&tag);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a link for `purpose` says, once its signature was checked.
///
/// # Errors
/// [`LinkError::Wrong`] for everything that was not signed for this purpose by this keyring, and
/// [`LinkError::Expired`] from [`LinkClaims::expires_at`] on.
pub fn read_link(keyring: &Keyring, purpose: LinkPurpose, text: &str, now: Timestamp) -> Result<LinkClaims, LinkError> {
    let claims = authentic(keyring, purpose, text).ok_or(LinkError::Wrong)?;
    if now < claims.expires_at { Ok(claims) } else { Err(LinkError::Expired) }
}

fn authentic(keyring: &Keyring, purpose: LinkPurpose, text: &str) -> Option<LinkClaims> {
    // Longer texts are not even decoded.
    if text.len() > 2 * (CLAIMS_BYTES + TAG_BYTES) {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (claims, tag) = bytes.split_at_checked(CLAIMS_BYTES)?;
    if !keyring.signing().verifies(LABEL, claims, tag) {
        return None;
    }
    let (code, rest) = claims.split_first()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let (issued_at, rest) = rest.split_first_chunk::<8>()?;
    let expires_at = rest.first_chunk::<8>()?;
    (*code == purpose.code()).then(|| LinkClaims {
        purpose,
        id: *id,
        issued_at: Timestamp::from_micros(i64::from_be_bytes(*issued_at)),
        expires_at: Timestamp::from_micros(i64::from_be_bytes(*expires_at)),
    })
}

#[cfg(test)]
mod tests {
    use domain::entropy::SeededEntropy;
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn keyring() -> Keyring {
        Keyring::generate(&SeededEntropy::new(1))
    }

    fn claims() -> LinkClaims {
        LinkClaims::new(LinkPurpose::Setup, &SeededEntropy::new(2), NOW, HOUR)
    }

    #[test]
    fn a_link_says_what_was_signed_until_it_expires() {
        let (keyring, claims) = (keyring(), claims());
        let text = sign_link(&keyring, &claims);
        assert_eq!(text.len(), 87);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        let last = Timestamp::from_micros(claims.expires_at.micros() - 1);
        assert_eq!(read_link(&keyring, LinkPurpose::Setup, &text, last), Ok(claims));
        assert_eq!(read_link(&keyring, LinkPurpose::Setup, &text, claims.expires_at), Err(LinkError::Expired));
    }

    #[test]
    fn a_link_for_one_purpose_is_wrong_for_another() {
        let (keyring, claims) = (keyring(), claims());
        let text = sign_link(&keyring, &claims);
        assert_eq!(read_link(&keyring, LinkPurpose::TenantInvite, &text, NOW), Err(LinkError::Wrong));
    }

    #[test]
    fn a_link_of_another_installation_is_wrong_even_when_expired() {
        let text = sign_link(&Keyring::generate(&SeededEntropy::new(9)), &claims());
        assert_eq!(read_link(&keyring(), LinkPurpose::Setup, &text, claims().expires_at), Err(LinkError::Wrong));
    }

    #[test]
    fn no_single_changed_sign_goes_unnoticed() {
        let (keyring, text) = (keyring(), sign_link(&keyring(), &claims()));
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(read_link(&keyring, LinkPurpose::Setup, &changed, NOW), Err(LinkError::Wrong), "sign {place}");
        }
    }

    proptest! {
        #[test]
        fn any_other_text_is_wrong(text in "\\PC{0,200}") {
            prop_assert_eq!(read_link(&keyring(), LinkPurpose::Setup, &text, NOW), Err(LinkError::Wrong));
        }
    }
}
