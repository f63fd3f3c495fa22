//! Bearer tokens: 256 random bits whose holder is believed. Only their hash is stored.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Entropy, Secret, entropy};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::keyring::Keyring;

const TEXT_LENGTH: usize = 43;
const CSRF_LABEL: &str = "mandate form token v1";

/// A bearer token: of a session, an invitation or a link in a mail. Wiped when dropped.
///
/// 256 bits cannot be guessed, so a plain SHA-256 is enough for storing them (OWASP ASVS 5.0, 6.5.2).
#[derive(Clone)]
pub struct Token(Zeroizing<[u8; 32]>);

impl Token {
    /// A new token.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Zeroizing::new(entropy::token(entropy)))
    }

    /// The token as its bearer shows it; `None` when the text is no token.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        if text.len() != TEXT_LENGTH {
            return None;
        }
        let length = URL_SAFE_NO_PAD.decode_slice(text, bytes.as_mut_slice()).ok()?;
        (length == bytes.len()).then_some(Self(bytes))
    }

    /// The text its bearer is given: 43 signs of base64url.
    pub fn text(&self) -> Secret {
        Secret::new(URL_SAFE_NO_PAD.encode(self.0.as_slice()))
    }

    /// What is stored, and looked up by.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_slice()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(••••)")
    }
}

/// The token that the forms of one session carry: 43 signs of base64url, the same as long as the
/// session lasts, and of no use to whoever does not hold the session.
pub fn csrf_token(keyring: &Keyring, session: &Token) -> String {
    URL_SAFE_NO_PAD.encode(keyring.signing().tag(CSRF_LABEL, session.0.as_slice()))
}

/// Whether a form came from a page of this session; takes the same time wherever it differs.
pub fn csrf_matches(keyring: &Keyring, session: &Token, sent: &str) -> bool {
    csrf_token(keyring, session).as_bytes().ct_eq(sent.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use domain::entropy::SeededEntropy;

    use super::*;

    #[test]
    fn a_token_survives_its_text_form() {
        let token = Token::generate(&SeededEntropy::new(1));
        let text = token.text();
        assert_eq!(text.expose().len(), TEXT_LENGTH);
        assert_eq!(Token::parse(text.expose()).unwrap().hash(), token.hash());
    }

    #[test]
    fn a_text_that_is_no_token_is_refused() {
        let token = Token::generate(&SeededEntropy::new(1));
        let text = token.text();
        // The last sign holds four bits and two zeros; another spelling of the same bits is refused too.
        let sign = if text.expose().ends_with('A') { 'B' } else { '_' };
        for wrong in
            ["", "x", &text.expose()[..42], &format!("{}A", text.expose()), &format!("{}{sign}", &text.expose()[..42]), &"é".repeat(22)]
        {
            assert!(Token::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn the_stored_hash_does_not_tell_the_token() {
        let token = Token::generate(&SeededEntropy::new(1));
        assert_ne!(token.hash(), *token.0);
        assert_ne!(token.hash(), Token::generate(&SeededEntropy::new(2)).hash());
        assert_eq!(format!("{token:?}"), "Token(••••)");
    }

    #[test]
    fn a_form_token_belongs_to_one_session_of_one_installation() {
        let (keyring, session) = (Keyring::generate(&SeededEntropy::new(1)), Token::generate(&SeededEntropy::new(2)));
        let csrf = csrf_token(&keyring, &session);
        assert!(csrf_matches(&keyring, &session, &csrf));
        assert!(!csrf_matches(&keyring, &session, ""));
        assert!(!csrf_matches(&keyring, &Token::generate(&SeededEntropy::new(3)), &csrf));
        assert!(!csrf_matches(&Keyring::generate(&SeededEntropy::new(4)), &session, &csrf));
        assert_ne!(csrf, session.text().expose());
    }
}
