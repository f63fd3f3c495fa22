//! Access tokens: what a key is exchanged for, for programs that should not carry the key around.

use std::time::Duration;

use domain::{
    Door, Permission, PermissionSet, Problem, Secret, Timestamp,
    audit::{AuditEvent, AuditEvents},
};
use vault::{AccessClaims, Token, access_token::LONGEST};

use crate::{Error, Platform, Result, access::ApiCaller};

/// The shortest time a token is made for, in seconds.
pub const SHORTEST_SECONDS: u64 = 60;
/// The longest, in seconds.
pub const LONGEST_SECONDS: u64 = LONGEST.as_secs();

/// A token that was made.
#[derive(Debug, Clone)]
pub struct MadeToken {
    /// What its bearer shows; here for the only time.
    pub text: Secret,
    /// The permissions it is limited to.
    pub scopes: PermissionSet,
    /// The first moment at which it no longer works.
    pub expires_at: Timestamp,
}

impl Platform {
    /// Exchanges the key of the caller for an access token with the same scopes or fewer. It ends with its time, and with
    /// the key: whatever would refuse the key refuses the token.
    ///
    /// # Errors
    /// 403 `key_needed` when the caller shows a token; 422 for scopes that the key has not and for another lifetime.
    pub async fn issue_token(&self, caller: &ApiCaller, scopes: Option<&[String]>, seconds: Option<u64>) -> Result<MadeToken> {
        let Door::ApiKey(key) = caller.actor.door() else { return Err(Error::Broken("a token was asked for at a page".to_owned())) };
        if caller.is_token {
            return Err(Problem::new(403, "key_needed", "An access token cannot be exchanged for another one. Show the API key.").into());
        }
        let scopes = match scopes {
            None => caller.scopes,
            Some(names) => chosen(caller.scopes, names)?,
        };
        let seconds = seconds.unwrap_or(LONGEST_SECONDS);
        if !(SHORTEST_SECONDS..=LONGEST_SECONDS).contains(&seconds) {
            let words = format!("An access token is good for {SHORTEST_SECONDS} to {LONGEST_SECONDS} seconds.");
            return Err(Problem::field("expires_in", words).into());
        }
        let person = caller.actor.person().ok_or_else(|| Error::Broken("a key has no owner".to_owned()))?;
        // Whole seconds, as tokens are written.
        let issued_at = Timestamp::from_micros(self.now().micros().div_euclid(1_000_000) * 1_000_000);
        let claims = AccessClaims {
            key,
            person,
            tenant: caller.actor.tenant(),
            id: Token::generate(self.parts().entropy.as_ref()).text().expose().to_owned(),
            scopes,
            issued_at,
            expires_at: issued_at.after(Duration::from_secs(seconds)),
        };
        let text = vault::sign_access_token(self.keyring(), &self.settings().public_url, &claims)
            .map_err(|error| Error::Broken(format!("an access token could not be made: {error}")))?;
        let names: Vec<&str> = scopes.iter().map(Permission::name).collect();
        let event = AuditEvent::done("auth.token_issued", "API key", key, &caller.key_name)
            .with("token", claims.id.as_str())
            .with("scopes", names)
            .with("expires_at", claims.expires_at.to_string());
        let tx = self.parts().database.write(&caller.actor).await?;
        tx.commit(AuditEvents::one(event)).await?;
        Ok(MadeToken { text, scopes, expires_at: claims.expires_at })
    }
}

fn chosen(of_key: PermissionSet, names: &[String]) -> Result<PermissionSet, Problem> {
    let mut permissions = Vec::with_capacity(names.len());
    for name in names {
        let permission: Option<Permission> = name.parse().ok();
        match permission.filter(|permission| of_key.contains(*permission)) {
            Some(permission) => permissions.push(permission),
            None => return Err(Problem::field("scopes", "The key does not have all of these scopes.")),
        }
    }
    if permissions.is_empty() {
        return Err(Problem::field("scopes", "Choose at least one scope, or leave `scopes` out."));
    }
    Ok(permissions.into_iter().collect())
}
