//! Access tokens: what a key of the API is exchanged for, for a quarter of an hour at most (JWT, RFC 7519 and RFC 9068).
//!
//! A token tells which key it was made from, and whoever takes one looks that key up as if it had been shown itself: a
//! token ends with its key. One algorithm is made and read, whatever a token says of itself.

use std::{collections::HashSet, time::Duration};

use domain::{ApiKeyId, Permission, PermissionSet, PersonId, Secret, TenantId, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::keyring::Keyring;

/// The longest a token is good for.
pub const LONGEST: Duration = Duration::from_mins(15);
/// By how much the clocks of two machines may differ.
const LEEWAY_SECONDS: i64 = 5;
/// The type in the header: no other token of ours can be taken for one (RFC 9068, 2.1).
const TYPE: &str = "at+jwt";
const LABEL: &str = "mandate access token key v1";
/// Far above any token of ours.
const LONGEST_TEXT: usize = 8 * 1024;
const MICROS: i64 = 1_000_000;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessClaims {
    /// The key it was made from.
    pub key: ApiKeyId,
    /// The owner of the key.
    pub person: PersonId,
    /// The tenant of the key.
    pub tenant: TenantId,
    /// An id of its own.
    pub id: String,
    /// The permissions it is limited to.
    pub scopes: PermissionSet,
    /// When it was made; exact to the second.
    pub issued_at: Timestamp,
    /// The first moment at which it no longer works; exact to the second.
    pub expires_at: Timestamp,
}

/// Why a token does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenError {
    /// Not made by this installation, for something else, or changed on its way.
    #[error("This access token is not valid.")]
    Wrong,
    /// It was good once.
    #[error("This access token has expired. Exchange the API key for a new one.")]
    Expired,
}

/// The claims as they are written. None may be missing and no other may stand beside them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    iss: String,
    aud: String,
    sub: PersonId,
    tenant: TenantId,
    key: ApiKeyId,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    scope: String,
}

fn audience(issuer: &str) -> String {
    format!("{issuer}/api/v1")
}

fn secret(keyring: &Keyring) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(keyring.signing().tag(LABEL, b""))
}

/// Signs a token of the installation that is reached at `issuer`.
///
/// # Errors
/// [`AccessTokenError::Wrong`] when the claims cannot be written, which is a defect.
pub fn sign_access_token(keyring: &Keyring, issuer: &str, claims: &AccessClaims) -> Result<Secret, AccessTokenError> {
    let scope: Vec<&str> = claims.scopes.iter().map(Permission::name).collect();
    let written = Written {
        iss: issuer.to_owned(),
        aud: audience(issuer),
        sub: claims.person,
        tenant: claims.tenant,
        key: claims.key,
        jti: claims.id.clone(),
        iat: claims.issued_at.micros().div_euclid(MICROS),
        nbf: claims.issued_at.micros().div_euclid(MICROS),
        exp: claims.expires_at.micros().div_euclid(MICROS),
        scope: scope.join(" "),
    };
    let header = Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
    let text = encode(&header, &written, &EncodingKey::from_secret(secret(keyring).as_slice())).map_err(|_| AccessTokenError::Wrong)?;
    Ok(Secret::new(text))
}

/// What a token says, once its signature, its issuer and audience and its times were checked.
///
/// # Errors
/// [`AccessTokenError::Wrong`] for everything that this installation did not sign as an access token, and
/// [`AccessTokenError::Expired`] when its time is over.
pub fn read_access_token(keyring: &Keyring, issuer: &str, text: &str, now: Timestamp) -> Result<AccessClaims, AccessTokenError> {
    let wrong = AccessTokenError::Wrong;
    if text.len() > LONGEST_TEXT || decode_header(text).map_err(|_| wrong)?.typ.as_deref() != Some(TYPE) {
        return Err(wrong);
    }
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims = ["exp", "nbf", "iss", "aud", "sub"].into_iter().map(str::to_owned).collect::<HashSet<_>>();
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience(issuer)]);
    // The times are checked below, against the clock that was handed in.
    (validation.validate_exp, validation.validate_nbf) = (false, false);
    let key = DecodingKey::from_secret(secret(keyring).as_slice());
    let written = decode::<Written>(text, &key, &validation).map_err(|_| wrong)?.claims;
    let seconds = now.micros().div_euclid(MICROS);
    let longest = i64::try_from(LONGEST.as_secs()).unwrap_or(0);
    let lifetime = written.exp.checked_sub(written.iat).ok_or(wrong)?;
    if !(0..=longest).contains(&lifetime) || written.nbf.saturating_sub(LEEWAY_SECONDS) > seconds || written.iat > written.exp {
        return Err(wrong);
    }
    if seconds >= written.exp {
        return Err(AccessTokenError::Expired);
    }
    let scopes = written.scope.split(' ').filter(|name| !name.is_empty()).map(str::parse::<Permission>);
    let at = |seconds: i64| seconds.checked_mul(MICROS).map(Timestamp::from_micros).ok_or(wrong);
    Ok(AccessClaims {
        key: written.key,
        person: written.sub,
        tenant: written.tenant,
        id: written.jti,
        scopes: scopes.collect::<Result<PermissionSet, _>>().map_err(|_| wrong)?,
        issued_at: at(written.iat)?,
        expires_at: at(written.exp)?,
    })
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use domain::{Id, entropy::SeededEntropy};
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000 * MICROS);
    const ISSUER: &str = "https://mandate.example";

    fn keyring() -> Keyring {
        Keyring::generate(&SeededEntropy::new(1))
    }

    fn claims() -> AccessClaims {
        let entropy = SeededEntropy::new(2);
        AccessClaims {
            key: Id::new(NOW, &entropy),
            person: Id::new(NOW, &entropy),
            tenant: Id::new(NOW, &entropy),
            id: "an-id".to_owned(),
            scopes: [Permission::RunRead, Permission::RunCancel].into_iter().collect(),
            issued_at: NOW,
            expires_at: NOW.after(LONGEST),
        }
    }

    fn written() -> Value {
        let token = sign_access_token(&keyring(), ISSUER, &claims()).unwrap();
        let payload = token.expose().split('.').nth(1).unwrap().to_owned();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }

    /// A token with the right signature and these claims.
    fn signed(header: &Header, claims: &Value) -> String {
        encode(header, claims, &EncodingKey::from_secret(secret(&keyring()).as_slice())).unwrap()
    }

    fn header() -> Header {
        Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) }
    }

    fn read(text: &str) -> Result<AccessClaims, AccessTokenError> {
        read_access_token(&keyring(), ISSUER, text, NOW)
    }

    #[test]
    fn a_token_says_what_was_signed_until_it_expires() {
        let token = sign_access_token(&keyring(), ISSUER, &claims()).unwrap();
        assert_eq!(read(token.expose()), Ok(claims()));
        let last = Timestamp::from_micros(claims().expires_at.micros() - 1);
        assert_eq!(read_access_token(&keyring(), ISSUER, token.expose(), last), Ok(claims()));
        let late = read_access_token(&keyring(), ISSUER, token.expose(), claims().expires_at);
        assert_eq!(late, Err(AccessTokenError::Expired));
    }

    #[test]
    fn a_token_of_another_installation_is_wrong() {
        let token = sign_access_token(&keyring(), ISSUER, &claims()).unwrap();
        let others = Keyring::generate(&SeededEntropy::new(9));
        assert_eq!(read_access_token(&others, ISSUER, token.expose(), NOW), Err(AccessTokenError::Wrong));
        assert_eq!(read_access_token(&keyring(), "https://other.example", token.expose(), NOW), Err(AccessTokenError::Wrong));
    }

    #[test]
    fn every_claim_must_be_there_as_it_is_meant() {
        assert!(read(&signed(&header(), &written())).is_ok());
        for claim in written().as_object().unwrap().keys() {
            let mut without = written();
            without.as_object_mut().unwrap().shift_remove(claim);
            assert_eq!(read(&signed(&header(), &without)), Err(AccessTokenError::Wrong), "without {claim}");
            let mut other = written();
            other[claim] = json!(["x"]);
            assert_eq!(read(&signed(&header(), &other)), Err(AccessTokenError::Wrong), "another {claim}");
        }
        for (claim, value) in [
            ("exp", json!("1800000900")),
            ("exp", json!(1_800_000_901)),
            ("nbf", json!(1_800_000_006)),
            ("iat", json!(1_800_000_901)),
            ("scope", json!("run:read everything")),
            ("aud", json!("https://mandate.example")),
            ("more", json!(1)),
        ] {
            let mut other = written();
            other[claim] = value;
            assert_eq!(read(&signed(&header(), &other)), Err(AccessTokenError::Wrong), "{claim}: {}", other[claim]);
        }
    }

    #[test]
    fn no_other_algorithm_and_no_other_type_is_taken() {
        for other in [
            Header { typ: Some("JWT".to_owned()), ..Header::new(Algorithm::HS256) },
            Header { typ: None, ..Header::new(Algorithm::HS256) },
            Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS512) },
        ] {
            assert_eq!(read(&signed(&other, &written())), Err(AccessTokenError::Wrong), "{other:?}");
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        for alg in ["none", "None", ""] {
            let unsigned = format!("{}.{}.", part(&json!({"alg": alg, "typ": TYPE})), part(&written()));
            assert_eq!(read(&unsigned), Err(AccessTokenError::Wrong));
        }
        for text in ["", ".", "..", "a.b.c", &"x".repeat(10_000)] {
            assert_eq!(read(text), Err(AccessTokenError::Wrong));
        }
    }
}
