//! Keyed hashes (HMAC-SHA256, RFC 2104), each under a label that says what the tag is for.

use std::fmt;

use domain::{Entropy, entropy};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The block of SHA-256: a shorter HMAC key is filled up with zeros to this many bytes.
const BLOCK: usize = 64;

/// A key of 256 bits, wiped when dropped.
#[derive(Clone)]
pub(crate) struct MacKey(Zeroizing<[u8; 32]>);

impl MacKey {
    pub(crate) fn generate(entropy: &dyn Entropy) -> Self {
        Self(Zeroizing::new(entropy::token(entropy)))
    }

    /// The key from 64 hexadecimal digits; `None` for anything else.
    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut key = Zeroizing::new([0_u8; 32]);
        hex::decode_to_slice(text, key.as_mut_slice()).ok()?;
        Some(Self(key))
    }

    pub(crate) fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }

    /// The tag of a message. The label is part of what is hashed, with its length in front, so that
    /// a tag for one purpose is never one for another.
    pub(crate) fn tag(&self, label: &str, message: &[u8]) -> [u8; 32] {
        let mut block = Zeroizing::new([0_u8; BLOCK]);
        block.iter_mut().zip(self.0.iter()).for_each(|(target, source)| *target = *source);
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(&(label.len() as u64).to_be_bytes());
        mac.update(label.as_bytes());
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    /// Whether the tag belongs to the message; takes the same time wherever they differ.
    pub(crate) fn verifies(&self, label: &str, message: &[u8], tag: &[u8]) -> bool {
        self.tag(label, message).ct_eq(tag).into()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(••••)")
    }
}

#[cfg(test)]
mod tests {
    use domain::entropy::SeededEntropy;

    use super::*;

    #[test]
    fn a_tag_for_one_purpose_is_none_for_another() {
        let key = MacKey::generate(&SeededEntropy::new(1));
        let tag = key.tag("a", b"bc");
        assert!(key.verifies("a", b"bc", &tag));
        assert!(!key.verifies("ab", b"c", &tag));
        assert!(!key.verifies("a", b"bc", &tag[..31]));
        assert!(!MacKey::generate(&SeededEntropy::new(2)).verifies("a", b"bc", &tag));
    }

    #[test]
    fn a_key_survives_its_text_form_and_half_a_key_is_refused() {
        let key = MacKey::generate(&SeededEntropy::new(1));
        assert_eq!(MacKey::from_hex(&key.to_hex()).unwrap().tag("x", b""), key.tag("x", b""));
        assert!(MacKey::from_hex(&key.to_hex()[..62]).is_none());
        assert!(MacKey::from_hex("zz").is_none());
    }
}
