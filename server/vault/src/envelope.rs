//! age files in memory, and the frame inside them.
//!
//! age authenticates what it encrypts but takes no associated data: whoever can write to the
//! database could put one tenant's ciphertext in another's row and it would decrypt. What a
//! ciphertext is for therefore stands inside the plaintext, as fields with their length in front,
//! and is compared after decrypting.

use std::{
    io::{Read, Write},
    iter,
};

use age::{DecryptError, Decryptor, EncryptError, Encryptor, Identity, Recipient};
use zeroize::Zeroizing;

/// Encrypts to one recipient, in the binary format.
pub(crate) fn encrypt(recipient: &dyn Recipient, plaintext: &[u8]) -> Result<Vec<u8>, EncryptError> {
    let encryptor = Encryptor::with_recipients(iter::once(recipient))?;
    let mut ciphertext = Vec::with_capacity(plaintext.len() + 512);
    let mut writer = encryptor.wrap_output(&mut ciphertext)?;
    writer.write_all(plaintext)?;
    writer.finish()?;
    Ok(ciphertext)
}

/// Decrypts the binary format.
pub(crate) fn decrypt(identity: &dyn Identity, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    // A plaintext is shorter than its ciphertext: the buffer never grows, and so never leaves a copy behind.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(ciphertext.len()));
    Decryptor::new_buffered(ciphertext)?.decrypt(iter::once(identity))?.read_to_end(&mut plaintext)?;
    Ok(plaintext)
}

/// The fields one after another, each with its length in front (32 bits, big-endian).
pub(crate) fn frame(fields: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let size = fields.iter().map(|field| field.len() + 4).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    for field in fields {
        bytes.extend_from_slice(&(field.len() as u32).to_be_bytes());
        bytes.extend_from_slice(field);
    }
    bytes
}

/// Takes a frame of exactly `N` fields apart; `None` when it is not one.
pub(crate) fn unframe<const N: usize>(mut bytes: &[u8]) -> Option<[&[u8]; N]> {
    let mut fields: [&[u8]; N] = [&[]; N];
    for field in &mut fields {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        (*field, bytes) = rest.split_at_checked(length)?;
    }
    bytes.is_empty().then_some(fields)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_frame_gives_back_its_fields(a: Vec<u8>, b: Vec<u8>, c: Vec<u8>) {
            let framed = frame(&[&a, &b, &c]);
            prop_assert_eq!(unframe::<3>(&framed).unwrap(), [a.as_slice(), b.as_slice(), c.as_slice()]);
        }

        #[test]
        fn any_bytes_are_taken_apart_without_harm(bytes: Vec<u8>) {
            if let Some(fields) = unframe::<2>(&bytes) {
                let framed = frame(&fields);
                prop_assert_eq!(framed.as_slice(), bytes.as_slice());
            }
        }
    }

    #[test]
    fn a_frame_cut_short_or_with_more_behind_it_is_refused() {
        let framed = frame(&[b"ab", b"c"]);
        assert!(unframe::<2>(&framed[..framed.len() - 1]).is_none());
        assert!(unframe::<1>(&framed).is_none());
        assert!(unframe::<3>(&framed).is_none());
    }
}
