//! Keys of the API as their bearer writes them: `mdk_`, the id, `_`, the secret and a checksum, all in lower case.
//!
//! The checksum is no protection: it lets a program tell offline, without asking anybody, that a text is a whole key of
//! ours, so that scanners find keys that leaked and a mistyped one is told from a revoked one. The secret is 256 random
//! bits; only its hash is stored.

use domain::{ApiKeyId, Entropy, Secret, entropy};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const PREFIX: &str = "mdk_";
/// The signs of an id without its own prefix.
const ID_SIGNS: usize = 26;
/// 256 bits in signs of five.
const SECRET_SIGNS: usize = 52;
/// 35 bits: one typing error in 34 milliard goes unnoticed.
const CHECKSUM_SIGNS: usize = 7;
const LENGTH: usize = PREFIX.len() + ID_SIGNS + 1 + SECRET_SIGNS + CHECKSUM_SIGNS;
/// Hashed before what a checksum is of, so that it means nothing else.
const CHECKSUM_LABEL: &[u8] = b"mandate api key checksum v1\n";
/// Crockford's base32 in lower case, as ids have it: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A key: which one it is, and the proof. Wiped when dropped.
pub struct ApiKey {
    id: ApiKeyId,
    secret: Zeroizing<[u8; 32]>,
}

/// The first `signs` signs of five bits each, filled up with zero bits at the end.
fn base32(bytes: &[u8], signs: usize) -> String {
    let bit = |place: usize| bytes.get(place / 8).map_or(0, |byte| (byte >> (7 - place % 8)) & 1);
    (0..signs)
        .map(|sign| {
            let value = (0..5).fold(0_u8, |value, place| (value << 1) | bit(sign * 5 + place));
            char::from(ALPHABET.get(usize::from(value)).copied().unwrap_or(b'0'))
        })
        .collect()
}

fn secret_from(signs: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    for (index, sign) in signs.bytes().enumerate() {
        let value = ALPHABET.iter().position(|candidate| *candidate == sign)?;
        for place in 0..5 {
            let bit = u8::try_from((value >> (4 - place)) & 1).ok()?;
            let at = index * 5 + place;
            match bytes.get_mut(at / 8) {
                Some(byte) => *byte |= bit << (7 - at % 8),
                // Another spelling of the same secret is none.
                None if bit == 1 => return None,
                None => {}
            }
        }
    }
    Some(bytes)
}

fn checksum(body: &str) -> String {
    let hash = Sha256::new().chain_update(CHECKSUM_LABEL).chain_update(body.as_bytes()).finalize();
    base32(&hash, CHECKSUM_SIGNS)
}

impl ApiKey {
    /// A new key with this id.
    pub fn generate(id: ApiKeyId, entropy: &dyn Entropy) -> Self {
        Self { id, secret: Zeroizing::new(entropy::token(entropy)) }
    }

    /// Whether a text looks like a key, whole or not: for telling people what they sent.
    pub fn is_like(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// The key as its bearer shows it; `None` when the text is none or was not copied whole.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != LENGTH || !text.is_ascii() {
            return None;
        }
        let (body, claimed) = text.split_at(LENGTH - CHECKSUM_SIGNS);
        if checksum(body) != claimed {
            return None;
        }
        let (id, secret) = body.strip_prefix(PREFIX)?.split_once('_')?;
        let id = format!("key_{id}").parse().ok()?;
        if secret.len() != SECRET_SIGNS {
            return None;
        }
        Some(Self { id, secret: secret_from(secret)? })
    }

    /// Which key it is.
    pub const fn id(&self) -> ApiKeyId {
        self.id
    }

    /// The text its bearer is given, once.
    pub fn text(&self) -> Secret {
        let id = self.id.to_string();
        let id = id.strip_prefix("key_").unwrap_or(&id);
        let mut text = Zeroizing::new(format!("{PREFIX}{id}_{}", base32(self.secret.as_slice(), SECRET_SIGNS)));
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Secret::new(text.as_str())
    }

    /// What is stored.
    pub fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret.as_slice()).into()
    }

    /// Whether it is the key whose hash was stored; takes the same time wherever they differ.
    pub fn is_of(&self, stored: &[u8; 32]) -> bool {
        self.secret_hash().ct_eq(stored).into()
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKey({}, ••••)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use domain::{Timestamp, entropy::SeededEntropy};
    use proptest::prelude::*;

    use super::*;

    fn key(seed: u64) -> ApiKey {
        let entropy = SeededEntropy::new(seed);
        ApiKey::generate(ApiKeyId::new(Timestamp::from_micros(1_800_000_000_000_000), &entropy), &entropy)
    }

    #[test]
    fn a_key_survives_its_text_form_and_is_known_by_its_hash() {
        for seed in 0..20 {
            let key = key(seed);
            let text = key.text();
            assert_eq!(text.expose().len(), LENGTH);
            let again = ApiKey::parse(text.expose()).unwrap();
            assert_eq!(again.id(), key.id());
            assert!(again.is_of(&key.secret_hash()));
            assert!(!again.is_of(&super::tests::key(seed + 100).secret_hash()));
        }
    }

    #[test]
    fn no_single_changed_or_missing_sign_goes_unnoticed() {
        let text = key(1).text();
        let text = text.expose();
        for place in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            assert!(ApiKey::parse(&String::from_utf8(changed).unwrap()).is_none(), "sign {place}");
            let mut shorter = text.to_owned();
            shorter.remove(place);
            assert!(ApiKey::parse(&shorter).is_none(), "without sign {place}");
        }
        assert!(ApiKey::parse(&text.to_uppercase()).is_none());
    }

    #[test]
    fn debug_shows_which_key_it_is_and_not_the_secret() {
        let key = key(2);
        let shown = format!("{key:?}");
        assert!(shown.contains(&key.id().to_string()) && !shown.contains(&base32(key.secret.as_slice(), 10)), "{shown}");
    }

    proptest! {
        #[test]
        fn any_other_text_is_no_key(text in "(mdk_)?\\PC{0,100}") {
            prop_assert!(ApiKey::parse(&text).is_none());
        }
    }
}
