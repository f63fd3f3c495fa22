//! People who sign in. A person is of no tenant and may be a member of several.
//!
//! All of it crosses tenants, so the texts are in `system.rs`. What a tenant sees of its members is in `members.rs`.

use domain::{Entropy, PersonId, Secret, Timestamp};

use crate::{
    Result,
    announce::Topic,
    roles::fresh_version,
    row::{FromRow, Row},
    system,
    system_tx::{SystemReads, SystemTx},
    tenants,
    words::words,
};

words! {
    /// Whether a person may sign in.
    PersonStatus {
        /// May sign in.
        Active = "active",
        /// May not, to any tenant.
        Disabled = "disabled",
    }
}

/// A person, with what signing in needs.
#[derive(Debug, Clone)]
pub struct PersonRow {
    /// The id.
    pub id: PersonId,
    /// The e-mail address, in lower case.
    pub email: String,
    /// The name for people.
    pub name: String,
    /// The hash of the password, in the PHC string format.
    pub password_hash: Secret,
    /// Whether they may sign in.
    pub status: PersonStatus,
    /// When they were made.
    pub created_at: Timestamp,
    /// When the password was set.
    pub password_changed_at: Timestamp,
}

/// A person to be made.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// The id.
    pub id: PersonId,
    /// The e-mail address, in lower case.
    pub email: String,
    /// The name for people.
    pub name: String,
    /// The hash of the password, in the PHC string format.
    pub password_hash: Secret,
    /// Now.
    pub created_at: Timestamp,
}

impl FromRow for PersonRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            email: row.text("email")?,
            name: row.text("name")?,
            password_hash: Secret::new(row.text("password_hash")?),
            status: row.word("status", PersonStatus::WORDS)?,
            created_at: row.timestamp("created_at")?,
            password_changed_at: row.timestamp("password_changed_at")?,
        })
    }
}

/// Makes a person. False, and nothing done, when somebody has this e-mail address.
pub async fn create(tx: &mut SystemTx, new: &NewPerson) -> Result<bool> {
    let made = tx
        .query(&system::PERSON_CREATE)
        .bind(new.id)
        .bind(&new.email)
        .bind(&new.name)
        .bind(new.password_hash.expose())
        .bind(new.created_at)
        .execute()
        .await?;
    Ok(made == 1)
}

/// The person with an e-mail address, which must be in lower case.
pub async fn find_by_email(tx: &mut impl SystemReads, email: &str) -> Result<Option<PersonRow>> {
    tx.query(&system::PERSON_BY_EMAIL).bind(email).optional().await
}

/// The person with an id.
pub async fn find(tx: &mut impl SystemReads, id: PersonId) -> Result<Option<PersonRow>> {
    tx.query(&system::PERSON_FIND).bind(id).optional().await
}

/// Puts a hash in the PHC string format in the place of the one in this row; `changed_at` is when the password itself
/// was chosen. False, and nothing done, when another one took that place since the row was read.
pub async fn set_password(tx: &mut SystemTx, person: &PersonRow, hash: &Secret, changed_at: Timestamp) -> Result<bool> {
    let changed = tx
        .query(&system::PERSON_SET_PASSWORD)
        .bind(person.id)
        .bind(hash.expose())
        .bind(changed_at)
        .bind(person.password_hash.expose())
        .execute()
        .await?;
    Ok(changed == 1)
}

/// Lets a person sign in, or no longer. Their rights end or begin with it in every tenant, so the policy of each
/// gets a new state. False, and nothing done, when there is no such person or nothing to change.
pub async fn set_status(tx: &mut SystemTx, id: PersonId, status: PersonStatus, entropy: &dyn Entropy) -> Result<bool> {
    if tx.query(&system::PERSON_SET_STATUS).bind(id).bind(status).execute().await? == 0 {
        return Ok(false);
    }
    renew_policies(tx, id, entropy).await?;
    Ok(true)
}

/// Gives a person another e-mail address, which must be in lower case. Workflows name approvers by their addresses, so the
/// policy of each tenant gets a new state. False, and nothing done, when it is theirs already or somebody else's.
pub async fn set_email(tx: &mut SystemTx, id: PersonId, email: &str, entropy: &dyn Entropy) -> Result<bool> {
    if tx.query(&system::PERSON_SET_EMAIL).bind(id).bind(email).execute().await? == 0 {
        return Ok(false);
    }
    renew_policies(tx, id, entropy).await?;
    Ok(true)
}

/// Gives the policy of every tenant of a person a new state.
async fn renew_policies(tx: &mut SystemTx, id: PersonId, entropy: &dyn Entropy) -> Result<()> {
    // By tenant id, the order in which every transaction takes the rows of several tenants.
    let mut tenancies = tenants::of_person(tx, id).await?;
    tenancies.sort_unstable_by_key(|tenancy| tenancy.tenant.id);
    for tenancy in tenancies {
        let version = fresh_version(entropy);
        tx.query(&system::TENANT_SET_POLICY).bind(tenancy.tenant.id).bind(version.0).execute().await?;
        tx.announce(tenancy.tenant.id, Topic::Access);
    }
    Ok(())
}
