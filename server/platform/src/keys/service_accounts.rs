//! Service accounts: members without a person behind them, for programs.
//!
//! They hold roles as members do and have keys that admins make. They have no password and no way to sign in, nobody
//! mails them, and no approval is theirs to decide: those who may be asked are people.

use database::{
    api_keys, quotas, roles,
    service_accounts::{self as rows, NewServiceAccount, ServiceAccountRow},
    tenants,
};
use domain::{
    Actor, PersonId, Problem, Scope, Timestamp,
    audit::{AuditActor, AuditEvent, AuditEvents},
    permission::{UserManage, UserRead, UserWrite},
};
use policy::Role;

use super::{MadeKey, NewKey, created, demand_a_page, demand_room};
use crate::{
    Error, Platform, Result,
    identity::{self, Fields},
    names,
};

/// The part of the made-up address behind the tenant; reserved, so that no mail can ever go there (RFC 2606, 2).
const DOMAIN: &str = "service.invalid";
/// The longest description, in signs.
const LONGEST_NAME: usize = 100;

/// A service account, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccountShown {
    /// The id, as of every member.
    pub id: PersonId,
    /// What stands in the place of an e-mail address.
    pub address: String,
    /// What it is for.
    pub name: String,
    /// Whether it may do anything.
    pub is_active: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Its roles, the weakest first.
    pub roles: Vec<Role>,
}

fn not_found() -> Problem {
    Problem::not_found("service account")
}

fn shown(row: ServiceAccountRow) -> Result<ServiceAccountShown> {
    let read = |name: &String| name.parse().map_err(|_| Error::Broken(format!("{} holds the unknown role `{name}`", row.person)));
    let mut roles = row.roles.iter().map(read).collect::<Result<Vec<Role>>>()?;
    roles.sort_unstable();
    Ok(ServiceAccountShown {
        id: row.person,
        is_active: row.status == database::members::MemberStatus::Active,
        address: row.email,
        name: row.name,
        created_at: row.joined_at,
        roles,
    })
}

impl Platform {
    /// The service accounts, disabled ones among them.
    pub async fn service_accounts(&self, actor: &Actor) -> Result<Vec<ServiceAccountShown>> {
        let scope = Scope::<UserRead>::of(actor, "service accounts")?;
        let mut tx = self.parts().database.read(actor).await?;
        rows::list(&mut tx, &scope).await?.into_iter().map(shown).collect()
    }

    /// Makes a service account. It may do nothing before somebody gives it a role and a key.
    ///
    /// # Errors
    /// 422 with every field that is wrong, a word that is taken among them; as for every member when there is no room.
    pub async fn create_service_account(&self, actor: &Actor, word: &str, name: &str) -> Result<PersonId> {
        demand_a_page(actor)?;
        let scope = Scope::<UserWrite>::of(actor, "service accounts")?;
        let mut fields = Fields::default();
        let word = fields.take("word", names::reference(word));
        let name = fields.take("name", identity::name(name, LONGEST_NAME));
        let (Some(word), Some(name)) = (word, name) else { return Err(fields.problem()) };
        let mut tx = self.parts().database.read(actor).await?;
        let tenant = tenants::current(&mut tx).await?;
        let address = format!("{word}@{}.{DOMAIN}", tenant.slug);
        let known = rows::list(&mut tx, &Scope::<UserRead>::of(actor, "service accounts")?).await?;
        drop(tx);
        if known.iter().any(|account| account.email == address) {
            return Err(Problem::field("word", format!("There is a service account `{word}` already.")).into());
        }
        let fresh = roles::fresh_version(self.parts().entropy.as_ref());
        let new = NewServiceAccount { person: self.new_id(), tenant: actor.tenant(), email: address, name, created_at: self.now() };
        let mut tx = self.parts().database.system().await?;
        if !rows::create(&mut tx, &scope, &new, fresh).await? {
            return Err(Problem::conflict(
                "changed_meanwhile",
                "Rights or accounts changed at the same moment, and nothing was done. Try again.",
            )
            .into());
        }
        if let Err(full) = self.room_for_joining(quotas::members_of(&mut tx, actor.tenant()).await?) {
            drop(tx);
            return Err(self.over_quota(actor, full).await);
        }
        let event = AuditEvent::done("user.created", "service account", new.person, &new.email).with("name", new.name.as_str());
        let intent = database::AuditIntent { chain: database::Chain::Tenant(actor.tenant()), actor: AuditActor::from(actor), event };
        tx.commit(intent, Vec::new()).await?;
        Ok(new.person)
    }

    /// Makes a key of a service account.
    ///
    /// # Errors
    /// 404 when there is no such account; else as for a key of one's own.
    pub async fn create_service_key(&self, actor: &Actor, account: PersonId, new: &NewKey) -> Result<MadeKey> {
        let scope = Scope::<UserManage>::of(actor, "API keys")?;
        let mut tx = self.parts().database.write(actor).await?;
        let account = rows::find(&mut tx, account).await?.ok_or_else(not_found)?.authorize::<UserManage>(actor)?;
        let (made, row) = self.new_key(actor, account.person, new)?;
        let keys = api_keys::own(&mut tx, account.person).await?;
        demand_room(&keys, self.now())?;
        api_keys::create_for_service(&mut tx, &scope, &row).await?;
        tx.commit(AuditEvents::one(created(&row))).await?;
        Ok(made)
    }
}
