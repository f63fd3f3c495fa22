//! Credentials: set, replaced, bound to hosts, removed, and the times they were used.
//!
//! A value goes in and never comes out here: it is sealed before a transaction opens, and what is read back are facts.
//! Sending one is `execution`'s.

pub(crate) mod hosts;

use database::credentials::{self as rows, CredentialRow, NewCredential as NewRow, UseRow};
use domain::{
    Actor, CredentialId, Cursor, Page, Problem, RunId, Scope, Secret, Timestamp,
    audit::{AuditEvent, AuditEvents},
    permission::{CredentialRead, CredentialWrite},
};
use sha2::{Digest, Sha256};
use vault::{CREDENTIAL_VALUE, Context};

use crate::{
    Error, Platform, Result,
    expected::Expected,
    identity::Fields,
    mail::text::one_line,
    names,
    search::{demand_searchable, is_in},
};

/// The kinds of credentials.
pub const KINDS: &[&str] = &["api_key", "token", "password", "certificate", "ssh_key", "secret", "oauth_token", "custom"];
/// Those whose values have several lines.
const OF_LINES: &[&str] = &["certificate", "ssh_key", "secret", "custom"];
/// The longest value, in bytes: what can be kept out of answers and logs.
const LONGEST_VALUE: usize = 16 * 1024;
/// The shortest: anything shorter stands in every text by chance, and could not be kept out of one.
const SHORTEST_VALUE: usize = 4;
const LONGEST_DESCRIPTION: usize = 500;

/// A credential to be set.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// The name after `cred://`.
    pub name: String,
    /// One of [`KINDS`].
    pub kind: String,
    /// The value.
    pub value: Secret,
    /// The hosts it may be sent to; each text may hold several.
    pub allowed_hosts: Vec<String>,
    /// What it is for.
    pub description: String,
}

/// Which credentials are asked for; what is left out filters nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialSearch {
    /// A part of the name, of what it is for or of a host it may be sent to.
    pub text: Option<String>,
    /// One of [`KINDS`].
    pub kind: Option<String>,
}

/// The facts of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialLine {
    /// The id.
    pub id: CredentialId,
    /// The name after `cred://`.
    pub name: String,
    /// One of [`KINDS`].
    pub kind: String,
    /// The number of the value, from 1.
    pub version: i64,
    /// The hosts it may be sent to.
    pub allowed_hosts: Vec<String>,
    /// What it is for.
    pub description: String,
    /// The e-mail address of who set it; nobody's when it came with the set-up.
    pub created_by: Option<String>,
    /// When it was set.
    pub created_at: Timestamp,
    /// The e-mail address of who last replaced its value.
    pub replaced_by: Option<String>,
    /// When its value was last replaced.
    pub replaced_at: Option<Timestamp>,
    /// When it was last sent out.
    pub last_used_at: Option<Timestamp>,
}

/// One time that a credential was sent out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseLine {
    /// When.
    pub at: Timestamp,
    /// The run that sent it.
    pub run: RunId,
    /// The run's number.
    pub run_number: i64,
    /// The step.
    pub step: String,
    /// The attempt of the step, from 1.
    pub attempt: i64,
    /// The host it was sent to.
    pub host: String,
    /// The number of the value.
    pub version: i64,
}

/// A credential with everything its page shows.
#[derive(Debug, Clone)]
pub struct CredentialShown {
    /// Its facts.
    pub line: CredentialLine,
    /// When it was sent out, newest first.
    pub uses: Page<UseLine>,
}

impl CredentialLine {
    /// The tag that tells this state from every other one.
    pub fn tag(&self) -> String {
        tag(self.version, &self.allowed_hosts, &self.description)
    }
}

/// The number of the value, and a hash of what else can be changed.
fn tag(version: i64, allowed_hosts: &[String], description: &str) -> String {
    let facts = serde_json::json!([allowed_hosts, description]).to_string();
    let hash = Sha256::digest(facts.as_bytes());
    format!("{version}-{}", hex::encode(hash.get(..8).unwrap_or_default()))
}

impl From<CredentialRow> for CredentialLine {
    fn from(row: CredentialRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            version: row.version,
            allowed_hosts: row.allowed_hosts,
            description: row.description,
            created_by: row.created_by,
            created_at: row.created_at,
            replaced_by: row.replaced_by,
            replaced_at: row.replaced_at,
            last_used_at: row.last_used_at,
        }
    }
}

impl From<UseRow> for UseLine {
    fn from(row: UseRow) -> Self {
        Self {
            at: row.at,
            run: row.run,
            run_number: row.run_number,
            step: row.step,
            attempt: row.attempt,
            host: row.host,
            version: row.version,
        }
    }
}

fn not_found() -> Problem {
    Problem::not_found("credential")
}

fn changed_meanwhile() -> Error {
    Problem::conflict(
        "credential_changed",
        "Somebody changed this credential at the same moment, and nothing was done. Look at it and try again.",
    )
    .into()
}

fn kind(text: &str) -> Result<&'static str, String> {
    KINDS.iter().copied().find(|kind| *kind == text.trim()).ok_or_else(|| format!("Choose what it is: one of {}.", KINDS.join(", ")))
}

/// Refuses a value that could not be sent, or not be kept out of what comes back. Nothing of it is ever repeated.
fn check_value(kind: &str, value: &Secret) -> Result<(), &'static str> {
    let text = value.expose();
    if text.is_empty() {
        return Err("Enter the value.");
    }
    if text.len() < SHORTEST_VALUE {
        return Err("The value is too short to be kept out of logs. It has at least 4 signs.");
    }
    if text.len() > LONGEST_VALUE {
        return Err("The value is longer than 16 KiB.");
    }
    if text.contains('\0') {
        return Err("The value has a sign in it that cannot be sent.");
    }
    if !OF_LINES.contains(&kind) && text.chars().any(char::is_control) {
        return Err("The value has a line break in it. Paste it without.");
    }
    Ok(())
}

fn description(text: &str) -> Result<String, String> {
    let text = one_line(text);
    if text.chars().count() > LONGEST_DESCRIPTION {
        return Err(format!("The description can have at most {LONGEST_DESCRIPTION} signs."));
    }
    Ok(text)
}

impl Platform {
    /// The credentials, by name.
    pub async fn credentials(&self, actor: &Actor) -> Result<Vec<CredentialLine>> {
        let scope = Scope::<CredentialRead>::of(actor, "credentials")?;
        let mut tx = self.parts().database.read(actor).await?;
        Ok(rows::list(&mut tx, &scope).await?.into_iter().map(CredentialLine::from).collect())
    }

    /// The credentials that are searched for, by name.
    ///
    /// # Errors
    /// 422 for a text to search for that is too long.
    pub async fn find_credentials(&self, actor: &Actor, search: &CredentialSearch) -> Result<Vec<CredentialLine>> {
        demand_searchable(&[("text", search.text.as_deref())])?;
        let mut lines = self.credentials(actor).await?;
        lines.retain(|line| {
            let hosts = line.allowed_hosts.join(" ");
            is_in(search.text.as_deref(), &[&line.name, &line.description, &hosts])
                && search.kind.as_ref().is_none_or(|kind| line.kind == *kind)
        });
        Ok(lines)
    }

    /// A credential with a page of the times it was sent out, newest first, from before `after`.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn credential(&self, actor: &Actor, id: CredentialId, after: Option<Cursor>, limit: u32) -> Result<CredentialShown> {
        let mut tx = self.parts().database.read(actor).await?;
        let credential = rows::find(&mut tx, id).await?.ok_or_else(not_found)?.authorize::<CredentialRead>(actor)?;
        let uses = rows::uses(&mut tx, &credential, after, limit).await?.map(UseLine::from);
        Ok(CredentialShown { line: credential.into_inner().into(), uses })
    }

    /// Sets a credential for the first time.
    ///
    /// # Errors
    /// 422 with every field that is wrong, a name that is taken among them.
    pub async fn create_credential(&self, actor: &Actor, new: NewCredential) -> Result<CredentialId> {
        let scope = Scope::<CredentialWrite>::of(actor, "credentials")?;
        let row = self.sealed(actor, new).await?;
        let mut tx = self.parts().database.write(actor).await?;
        if !rows::create(&mut tx, &scope, &row).await? {
            return Err(taken(&row.name));
        }
        tx.commit(AuditEvents::one(created(&row))).await?;
        Ok(row.id)
    }

    /// A credential as it is stored: its fields checked, its value sealed.
    pub(crate) async fn sealed(&self, actor: &Actor, new: NewCredential) -> Result<NewRow> {
        let mut fields = Fields::default();
        let name = fields.take("name", names::reference(&new.name));
        let kind = fields.take("kind", kind(&new.kind));
        let usable = fields.take("value", check_value(kind.unwrap_or("custom"), &new.value));
        let allowed_hosts = fields.take("allowed_hosts", hosts::read(&new.allowed_hosts));
        let description = fields.take("description", description(&new.description));
        let (Some(name), Some(kind), Some(()), Some(allowed_hosts), Some(description)) = (name, kind, usable, allowed_hosts, description)
        else {
            return Err(fields.problem());
        };
        let id: CredentialId = self.new_id();
        let sealed = self.seal(actor, id, 1, &new.value).await?;
        Ok(NewRow { id, name, kind: kind.to_owned(), sealed, allowed_hosts, description, created_at: self.now() })
    }

    /// Seals a value for one version of one credential, under the tenant's key.
    async fn seal(&self, actor: &Actor, credential: CredentialId, version: i64, value: &Secret) -> Result<Vec<u8>> {
        let tenant = actor.tenant();
        let mut tx = self.parts().database.read(actor).await?;
        let wrapped = rows::tenant_key(&mut tx).await?.ok_or_else(|| Error::Broken(format!("{tenant} has no key")))?;
        drop(tx);
        let broken = |error: &dyn std::fmt::Display| Error::Broken(format!("a credential of {tenant} could not be sealed: {error}"));
        let key = self.keyring().unwrap(tenant, &wrapped).map_err(|error| broken(&error))?;
        key.seal(Context { tenant, credential, version, purpose: CREDENTIAL_VALUE }, value).map_err(|error| broken(&error))
    }

    /// Puts another value in the place of the present one, and gives the number of it. Runs that wait for an approval
    /// under the one before are asked about again.
    ///
    /// # Errors
    /// 404 when there is none, 409 when somebody changed it at the same moment, 422 for a value that cannot be used.
    pub async fn replace_credential(&self, actor: &Actor, id: CredentialId, value: &Secret) -> Result<i64> {
        self.replace_credential_as(actor, id, value, &Expected::Anything).await
    }

    /// The same for one who says which state they expect to find.
    ///
    /// # Errors
    /// 412 when there is another one; else as [`Platform::replace_credential`].
    pub async fn replace_credential_as(&self, actor: &Actor, id: CredentialId, value: &Secret, expected: &Expected) -> Result<i64> {
        let mut tx = self.parts().database.read(actor).await?;
        let known = rows::find(&mut tx, id).await?.ok_or_else(not_found)?.authorize::<CredentialWrite>(actor)?;
        drop(tx);
        check_value(&known.kind, value).map_err(|reason| Problem::field("value", reason))?;
        let version = known.version.saturating_add(1);
        let sealed = self.seal(actor, id, version, value).await?;
        let mut tx = self.parts().database.write(actor).await?;
        let credential = rows::find(&mut tx, id).await?.ok_or_else(not_found)?.authorize::<CredentialWrite>(actor)?;
        expected.check(Some(&tag(credential.version, &credential.allowed_hosts, &credential.description)))?;
        if credential.version != known.version || !rows::replace(&mut tx, &credential, &sealed, self.now()).await? {
            return Err(changed_meanwhile());
        }
        let event = AuditEvent::done("credential.rotated", "credential", id, &credential.name).with("version", version);
        tx.commit(AuditEvents::one(event)).await?;
        Ok(version)
    }

    /// Changes where a credential may be sent and what it is for.
    ///
    /// # Errors
    /// 404 when there is none, 422 with every field that is wrong.
    pub async fn change_credential(&self, actor: &Actor, id: CredentialId, allowed_hosts: &[String], about: &str) -> Result<()> {
        self.change_credential_as(actor, id, allowed_hosts, about, &Expected::Anything).await
    }

    /// The same for one who says which state they expect to find.
    ///
    /// # Errors
    /// 412 when there is another one; else as [`Platform::change_credential`].
    pub async fn change_credential_as(
        &self,
        actor: &Actor,
        id: CredentialId,
        allowed_hosts: &[String],
        about: &str,
        expected: &Expected,
    ) -> Result<()> {
        let mut tx = self.parts().database.write(actor).await?;
        let credential = rows::find(&mut tx, id).await?.ok_or_else(not_found)?.authorize::<CredentialWrite>(actor)?;
        expected.check(Some(&tag(credential.version, &credential.allowed_hosts, &credential.description)))?;
        let mut fields = Fields::default();
        let hosts = fields.take("allowed_hosts", hosts::read(allowed_hosts));
        let about = fields.take("description", description(about));
        let (Some(hosts), Some(about)) = (hosts, about) else { return Err(fields.problem()) };
        if !rows::describe(&mut tx, &credential, &hosts, &about).await? {
            return Err(changed_meanwhile());
        }
        let event = AuditEvent::done("credential.updated", "credential", id, &credential.name)
            .with("hosts_before", credential.allowed_hosts.clone())
            .with("hosts", hosts);
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }

    /// Removes a credential: its value is gone at once, its facts and uses stay in the records.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn remove_credential(&self, actor: &Actor, id: CredentialId) -> Result<()> {
        let mut tx = self.parts().database.write(actor).await?;
        let credential = rows::find(&mut tx, id).await?.ok_or_else(not_found)?.authorize::<CredentialWrite>(actor)?;
        if !rows::remove(&mut tx, &credential, self.now()).await? {
            return Err(changed_meanwhile());
        }
        let event = AuditEvent::done("credential.deleted", "credential", id, &credential.name).with("version", credential.version);
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }
}

/// Refuses a name that another credential has.
pub(crate) fn taken(name: &str) -> Error {
    Problem::field("name", format!("There is a credential `{name}` already. Replace its value, or choose another name.")).into()
}

/// What the log says of a credential that was set.
pub(crate) fn created(row: &NewRow) -> AuditEvent {
    AuditEvent::done("credential.created", "credential", row.id, &row.name)
        .with("kind", row.kind.as_str())
        .with("hosts", row.allowed_hosts.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_cannot_be_sent_or_hidden_is_refused_without_being_repeated() {
        for (kind, wrong) in [("token", ""), ("token", "abc"), ("token", "abcd\n"), ("api_key", "ab\u{0}cd"), ("custom", "ab\u{0}cd")] {
            let why = check_value(kind, &Secret::new(wrong)).unwrap_err();
            assert!(wrong.is_empty() || !why.contains(wrong), "{why}");
        }
        assert!(check_value("token", &Secret::new("x".repeat(16 * 1024 + 1))).is_err());
        assert!(check_value("ssh_key", &Secret::new("-----BEGIN\nkey\n")).is_ok());
        assert!(check_value("password", &Secret::new(" pass word ")).is_ok(), "blanks belong to a password");
    }
}
