//! Who is acting, and with which rights: the only file that makes an [`Actor`].
//!
//! Rights are the recorded answers of the tenant's policy at its present version. When the version in the
//! database is another than the one in memory, the policy is built anew from committed rows, outside any
//! transaction.

use std::sync::Arc;

use database::{
    roles,
    sessions::SignedIn,
    tenants::{self, TenantStatus},
};
use domain::{Actor, Grants, PersonId, RequestFacts, TenantId};
use policy::{PolicySource, TenantPolicy};

use crate::{Error, Platform, Result};

/// The door a member came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberDoor {
    /// A page.
    Page,
    /// The decision page behind a link in a mail.
    MailLink,
}

impl Platform {
    /// The policy of a tenant as it is now, built anew if the one in memory is of another version.
    ///
    /// # Errors
    /// [`database::Error::TenantClosed`] when there is no such active tenant.
    pub async fn policy(&self, tenant: TenantId) -> Result<Arc<TenantPolicy>> {
        let mut tx = self.parts().database.system_read().await?;
        let stored = roles::policy_of(&mut tx, tenant).await?.ok_or(database::Error::TenantClosed)?;
        drop(tx);
        if stored.status != TenantStatus::Active {
            return Err(database::Error::TenantClosed.into());
        }
        if let Some(known) = self.parts().policies.policy(tenant, stored.version) {
            return Ok(known);
        }
        let mut bindings = Vec::with_capacity(stored.bindings.len());
        for (person, role) in stored.bindings {
            let role = role.parse().map_err(|_| Error::Broken(format!("role_binding of {tenant} names the unknown role `{role}`")))?;
            bindings.push((person, role));
        }
        let policy = TenantPolicy::build(PolicySource { tenant, bindings, version: stored.version }).await?;
        Ok(self.parts().policies.install(policy))
    }

    /// The rights of a person in a tenant now.
    pub(crate) async fn grants(&self, tenant: TenantId, person: PersonId) -> Result<Grants> {
        let policy = self.policy(tenant).await?;
        match self.parts().policies.grants(tenant, person, policy.version())? {
            Some(grants) => Ok(grants),
            None => Ok(policy.grants(person)?),
        }
    }

    /// A signed-in person as the actor for the tenant with this slug.
    ///
    /// # Errors
    /// Not found when there is no such tenant, or the person is no active member of it: the answer is the same.
    pub async fn actor(&self, signed_in: &SignedIn, slug: &str, door: MemberDoor, request: RequestFacts) -> Result<Actor> {
        let mut tx = self.parts().database.system_read().await?;
        let tenancies = tenants::of_person(&mut tx, signed_in.session.person).await?;
        drop(tx);
        let tenancy = tenancies
            .into_iter()
            .find(|tenancy| tenancy.tenant.slug == slug && tenancy.is_open())
            .ok_or_else(|| domain::Problem::not_found("page"))?;
        let tenant = tenancy.tenant.id;
        let grants = self.grants(tenant, signed_in.session.person).await?;
        let (person, label) = (signed_in.session.person, signed_in.email.clone());
        Ok(match door {
            MemberDoor::Page => Actor::at_page(tenant, person, label, grants, request),
            MemberDoor::MailLink => Actor::by_mail_link(tenant, person, label, grants, request),
        })
    }

    /// The same member with the rights they have now; for streams and other long work.
    pub async fn renewed(&self, actor: &Actor) -> Result<Actor> {
        let Some(person) = actor.person() else { return Ok(actor.clone()) };
        let grants = self.grants(actor.tenant(), person).await?;
        Ok(actor.clone().with_grants(grants))
    }
}
