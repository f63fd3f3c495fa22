//! Passwords: which are accepted, how they are hashed and how they are checked.
//!
//! argon2id at the OWASP minimum (19 MiB, 2 passes, 1 lane: about 30 ms of a core), over an HMAC of
//! the password's exact bytes with the installation's pepper. These functions keep a core busy: a
//! server calls them through [`crate::HashingPool`] only.

pub mod weakness;

use std::fmt;

use argon2::{Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, password_hash::phc::Salt};
use domain::{Entropy, Secret};
use zeroize::Zeroizing;

use crate::{keyring::Keyring, mac::MacKey};

/// The fewest characters of a new password. There are no rules of composition (ASVS 5.0, 6.2.5).
pub const MIN_CHARACTERS: usize = 12;
/// The most bytes of any password, new or entered.
pub const MAX_BYTES: usize = 1024;

const LABEL: &str = "mandate password v1";

/// The crate's defaults are the parameters we want; this fails to compile on the day they change,
/// when a decision about the stored hashes has to be made.
const _: () = assert!(Params::DEFAULT_M_COST == 19_456 && Params::DEFAULT_T_COST == 2 && Params::DEFAULT_P_COST == 1);
const PARAMS: Params = Params::DEFAULT;

/// The most that a stored hash may ask for: whoever can write one shall not be able to stop the server with it.
const MOST_MEMORY_KIB: u32 = 131_072;
const MOST_PASSES: u32 = 8;
const MOST_LANES: u32 = 4;

/// Why a password is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefused {
    /// Fewer than [`MIN_CHARACTERS`] characters.
    #[error("A password needs at least {MIN_CHARACTERS} characters. A few unrelated words make a good one.")]
    TooShort,
    /// More than [`MAX_BYTES`] bytes.
    #[error("A password can have at most {MAX_BYTES} bytes.")]
    TooLong,
    /// Guessed among the first.
    #[error("This password is among the first that are tried: {0}. Choose another one.")]
    Weak(weakness::Weakness),
    /// It could not be hashed; not known to happen.
    #[error("The password could not be hashed: {0}.")]
    Hashing(String),
}

/// Whether a password may be chosen. `about` is what others know of its owner: the e-mail address,
/// the name of the tenant.
///
/// # Errors
/// The first reason against it, as a sentence for the one who chose it.
pub fn check(password: &Secret, about: &[&str]) -> Result<(), PasswordRefused> {
    let password = password.expose();
    if password.len() > MAX_BYTES {
        return Err(PasswordRefused::TooLong);
    }
    if password.chars().count() < MIN_CHARACTERS {
        return Err(PasswordRefused::TooShort);
    }
    weakness::find(password, about).map_or(Ok(()), |weakness| Err(PasswordRefused::Weak(weakness)))
}

/// Hashes passwords and checks them, with the pepper of one installation.
#[derive(Clone)]
pub struct Passwords {
    pepper: MacKey,
}

impl Passwords {
    /// With the pepper of this keyring. Hashes made with another keyring verify no more.
    pub fn new(keyring: &Keyring) -> Self {
        Self { pepper: keyring.pepper().clone() }
    }

    /// The text to store, in the PHC string format, with a new salt. Does not ask whether the
    /// password may be chosen: that is [`check`], which a new hash of an old password must not pass.
    ///
    /// # Errors
    /// [`PasswordRefused::TooLong`], or [`PasswordRefused::Hashing`] when memory is short.
    pub fn hash(&self, password: &Secret, entropy: &dyn Entropy) -> Result<String, PasswordRefused> {
        if password.expose().len() > MAX_BYTES {
            return Err(PasswordRefused::TooLong);
        }
        let mut salt = [0_u8; Salt::RECOMMENDED_LENGTH];
        entropy.fill(&mut salt);
        let hash = argon2id().hash_password_with_salt(self.peppered(password).as_slice(), &salt);
        hash.map(|hash: PasswordHash| hash.to_string()).map_err(|error| PasswordRefused::Hashing(error.to_string()))
    }

    /// Whether this is the password that was hashed. A stored text that is no hash of ours, and a
    /// password that is too long, are wrong after the same time.
    pub fn verify(&self, password: &Secret, stored: &str) -> bool {
        match PasswordHash::new(stored) {
            Ok(hash) if password.expose().len() <= MAX_BYTES && is_bearable(&hash) => {
                argon2id().verify_password(self.peppered(password).as_slice(), &hash).is_ok()
            }
            _ => self.verify_dummy(password),
        }
    }

    /// Takes as long as [`Self::verify`] and is never right: for names that nobody has, so that the
    /// time of an answer does not tell which exist.
    pub fn verify_dummy(&self, password: &Secret) -> bool {
        let cut = password.expose().as_bytes().get(..MAX_BYTES).unwrap_or(password.expose().as_bytes());
        let peppered = Zeroizing::new(self.pepper.tag(LABEL, cut));
        let mut hash = [0_u8; Params::DEFAULT_OUTPUT_LEN];
        let made = argon2id().hash_password_into(peppered.as_slice(), &[0; Salt::RECOMMENDED_LENGTH], &mut hash);
        // Kept, so that the compiler does not find out that nobody looks at it.
        std::hint::black_box((made.is_ok(), hash));
        false
    }

    /// Whether a stored hash was made with other parameters than new ones are. To be asked, and
    /// answered by hashing again, when the right password is at hand.
    pub fn needs_rehash(stored: &str) -> bool {
        PasswordHash::new(stored).map_or(true, |hash| {
            hash.algorithm != argon2::ARGON2ID_IDENT
                || hash.version != Some(argon2::Version::V0x13.into())
                || Params::try_from(&hash).map_or(true, |params| {
                    params.m_cost() != PARAMS.m_cost() || params.t_cost() != PARAMS.t_cost() || params.p_cost() != PARAMS.p_cost()
                })
        })
    }

    fn peppered(&self, password: &Secret) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.pepper.tag(LABEL, password.expose().as_bytes()))
    }
}

fn argon2id() -> Argon2<'static> {
    Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, PARAMS)
}

fn is_bearable(hash: &PasswordHash) -> bool {
    Params::try_from(hash)
        .is_ok_and(|params| params.m_cost() <= MOST_MEMORY_KIB && params.t_cost() <= MOST_PASSES && params.p_cost() <= MOST_LANES)
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(••••)")
    }
}

#[cfg(test)]
mod tests {
    use domain::entropy::SeededEntropy;

    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(&Keyring::generate(&SeededEntropy::new(1)))
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    #[test]
    fn the_right_password_verifies_and_another_does_not() {
        let (passwords, entropy) = (passwords(), SeededEntropy::new(2));
        let stored = passwords.hash(&secret("violet harbour"), &entropy).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify(&secret("violet harbour"), &stored));
        assert!(!passwords.verify(&secret("violet harbour "), &stored));
        assert_ne!(passwords.hash(&secret("violet harbour"), &entropy).unwrap(), stored, "every hash has a salt of its own");
        let stranger = Passwords::new(&Keyring::generate(&SeededEntropy::new(3)));
        assert!(!stranger.verify(&secret("violet harbour"), &stored), "the pepper is another one");
    }

    #[test]
    fn exact_bytes_are_compared() {
        let (passwords, entropy) = (passwords(), SeededEntropy::new(2));
        let composed = passwords.hash(&secret("caf\u{e9} caf\u{e9}"), &entropy).unwrap();
        assert!(!passwords.verify(&secret("cafe\u{301} cafe\u{301}"), &composed));
    }

    #[test]
    fn a_stored_text_that_is_no_bearable_hash_is_wrong() {
        let passwords = passwords();
        for stored in [
            "",
            "violet harbour",
            "$argon2id$v=19$m=19456,t=2,p=1",
            "$argon2id$v=19$m=4194304,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=19456,t=4000,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(!passwords.verify(&secret("violet harbour"), stored), "{stored}");
        }
    }

    #[test]
    fn a_password_over_the_limit_is_neither_hashed_nor_verified() {
        let (passwords, entropy) = (passwords(), SeededEntropy::new(2));
        let (longest, longer) = (secret(&"ab".repeat(512)), secret(&format!("{}c", "ab".repeat(512))));
        let stored = passwords.hash(&longest, &entropy).unwrap();
        assert!(passwords.verify(&longest, &stored));
        assert_eq!(passwords.hash(&longer, &entropy), Err(PasswordRefused::TooLong));
        assert!(!passwords.verify(&longer, &stored));
        assert!(!passwords.verify_dummy(&longer));
    }

    #[test]
    fn a_hash_of_other_parameters_wants_to_be_made_anew() {
        let stored = passwords().hash(&secret("violet harbour"), &SeededEntropy::new(2)).unwrap();
        assert!(!Passwords::needs_rehash(&stored));
        assert!(Passwords::needs_rehash(&stored.replace("m=19456", "m=12288")));
        assert!(Passwords::needs_rehash(&stored.replace("t=2", "t=3")));
        assert!(Passwords::needs_rehash(&stored.replace("argon2id", "argon2i")));
        assert!(Passwords::needs_rehash("nonsense"));
    }

    #[test]
    fn the_length_of_a_new_password_is_counted_in_characters_from_below_and_bytes_from_above() {
        let check = |text: &str| check(&secret(text), &[]);
        assert_eq!(check("violet harb"), Err(PasswordRefused::TooShort));
        assert_eq!(check("violet harbo"), Ok(()));
        assert_eq!(check("öäüßéèñçøåæ"), Err(PasswordRefused::TooShort), "eleven characters in 22 bytes");
        assert_eq!(check(&format!("violet harbour {}", "é".repeat(505))), Err(PasswordRefused::TooLong));
        assert!(matches!(check("password1234"), Err(PasswordRefused::Weak(_))));
    }
}
