//! What a server tries before it opens its doors: that the cryptography it was built with works.

use domain::{Entropy, Id, PermissionSet, Secret, Timestamp};

use crate::{
    access_token::{AccessClaims, read_access_token, sign_access_token},
    keyring::Keyring,
    link::{LinkClaims, LinkPurpose, read_link, sign_link},
    password::Passwords,
    tenant::{CREDENTIAL_VALUE, Context, TenantKey},
};

/// The first thing that did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The self-test of the cryptography failed: {0}. This build must not be used.")]
pub struct SelfTestFailure(&'static str);

/// Seals and opens, hashes and verifies, signs and reads, with keys made for this alone. Also that
/// what must be refused is refused. Takes about a tenth of a second.
///
/// # Errors
/// The first thing that did not work.
pub fn self_test(entropy: &dyn Entropy) -> Result<(), SelfTestFailure> {
    let ensure = |holds: bool, otherwise| if holds { Ok(()) } else { Err(SelfTestFailure(otherwise)) };
    let now = Timestamp::from_micros(0);
    let context = Context { tenant: Id::new(now, entropy), credential: Id::new(now, entropy), version: 1, purpose: CREDENTIAL_VALUE };
    let secret = Secret::new("a text that is sealed and opened again");

    let keyring = Keyring::generate(entropy);
    let keyring =
        Keyring::from_file_text(keyring.to_file_text().expose()).map_err(|_| SelfTestFailure("a key file cannot be read back"))?;
    let wrapped = TenantKey::generate().wrap(&keyring, context.tenant).map_err(|_| SelfTestFailure("a tenant's key cannot be wrapped"))?;
    let key = keyring.unwrap(context.tenant, &wrapped).map_err(|_| SelfTestFailure("a tenant's key cannot be unwrapped"))?;
    let sealed = key.seal(context, &secret).map_err(|_| SelfTestFailure("a credential cannot be sealed"))?;
    let opened = key.open(context, &sealed).map_err(|_| SelfTestFailure("a credential cannot be opened"))?;
    ensure(opened.expose() == secret.expose(), "a credential opens as something else")?;
    ensure(key.open(Context { version: 2, ..context }, &sealed).is_err(), "a credential opens in another's place")?;

    let passwords = Passwords::new(&keyring);
    let stored = passwords.hash(&secret, entropy).map_err(|_| SelfTestFailure("a password cannot be hashed"))?;
    ensure(passwords.verify(&secret, &stored), "the right password is refused")?;
    ensure(!passwords.verify(&Secret::new("another"), &stored), "a wrong password is accepted")?;

    let claims = LinkClaims::new(LinkPurpose::Setup, entropy, now, std::time::Duration::from_secs(1));
    let link = sign_link(&keyring, &claims);
    ensure(read_link(&keyring, LinkPurpose::Setup, &link, now) == Ok(claims), "a signed link cannot be read")?;
    ensure(read_link(&Keyring::generate(entropy), LinkPurpose::Setup, &link, now).is_err(), "a link of other keys is accepted")?;

    let claims = AccessClaims {
        key: Id::new(now, entropy),
        person: Id::new(now, entropy),
        tenant: context.tenant,
        id: "self-test".to_owned(),
        scopes: PermissionSet::ALL,
        issued_at: now,
        expires_at: now.after(std::time::Duration::from_secs(1)),
    };
    let token = sign_access_token(&keyring, "self-test", &claims).map_err(|_| SelfTestFailure("an access token cannot be signed"))?;
    let read = |keyring: &Keyring, now| read_access_token(keyring, "self-test", token.expose(), now);
    ensure(read(&keyring, now).is_ok_and(|read| read.key == claims.key), "a signed access token cannot be read")?;
    ensure(read(&keyring, claims.expires_at).is_err(), "an expired access token is accepted")?;
    ensure(read(&Keyring::generate(entropy), now).is_err(), "an access token of other keys is accepted")
}

#[cfg(test)]
mod tests {
    use domain::entropy::SeededEntropy;

    #[test]
    fn the_self_test_passes() {
        assert_eq!(super::self_test(&SeededEntropy::new(1)), Ok(()));
    }
}
