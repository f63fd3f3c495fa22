//! Where a page of a list begins, as programs are given it: a text that tells them nothing, and that only the list of the
//! tenant it was made for takes back.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::TenantId;

use crate::keyring::Keyring;

const LABEL: &str = "mandate page cursor v1";
/// Half of a tag is enough: who guessed one would see a page of their own list.
const TAG_BYTES: usize = 16;

fn tag(keyring: &Keyring, tenant: TenantId, list: &str, position: [u8; 8]) -> [u8; TAG_BYTES] {
    let message = [tenant.uuid().as_bytes().as_slice(), &position, list.as_bytes()].concat();
    let mut short = [0_u8; TAG_BYTES];
    short.iter_mut().zip(keyring.signing().tag(LABEL, &message)).for_each(|(target, source)| *target = source);
    short
}

/// The text for a position in a list of a tenant: 32 signs that may stand in a URL.
pub fn seal_cursor(keyring: &Keyring, tenant: TenantId, list: &str, position: i64) -> String {
    let bytes = position.to_be_bytes();
    URL_SAFE_NO_PAD.encode([bytes.as_slice(), &tag(keyring, tenant, list, bytes)].concat())
}

/// The position of a text that was made for this list of this tenant; `None` for every other text.
pub fn open_cursor(keyring: &Keyring, tenant: TenantId, list: &str, text: &str) -> Option<i64> {
    if text.len() != 32 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (position, claimed) = bytes.split_first_chunk::<8>()?;
    let known: bool = subtle::ConstantTimeEq::ct_eq(claimed, tag(keyring, tenant, list, *position).as_slice()).into();
    known.then(|| i64::from_be_bytes(*position))
}

#[cfg(test)]
mod tests {
    use domain::{Id, Timestamp, entropy::SeededEntropy};

    use super::*;

    #[test]
    fn a_cursor_belongs_to_one_list_of_one_tenant() {
        let (keyring, entropy) = (Keyring::generate(&SeededEntropy::new(1)), SeededEntropy::new(2));
        let [acme, globex]: [TenantId; 2] = std::array::from_fn(|_| Id::new(Timestamp::from_micros(0), &entropy));
        for position in [0, 1, -1, i64::MAX] {
            let text = seal_cursor(&keyring, acme, "runs", position);
            assert_eq!(open_cursor(&keyring, acme, "runs", &text), Some(position));
            assert_eq!(open_cursor(&keyring, globex, "runs", &text), None);
            assert_eq!(open_cursor(&keyring, acme, "audit", &text), None);
            assert_eq!(open_cursor(&Keyring::generate(&entropy), acme, "runs", &text), None);
        }
        for text in ["", "x", &"A".repeat(32), &"é".repeat(16)] {
            assert_eq!(open_cursor(&keyring, acme, "runs", text), None);
        }
    }
}
