//! How a tenant comes into being: by a one-time link that was printed on the machine itself, and by nothing else.
//!
//! A link is a signed text and no row; the row is written when it is used. Those printed at the first starts work
//! only while there is no tenant; a further tenant takes a link of its own.

use std::time::Duration;

use database::{
    AuditIntent, Chain, SystemTx, invitations, links,
    people::{self, NewPerson, PersonRow},
    roles,
    tenants::{self, NewTenant as NewTenantRow},
};
use domain::{Entropy, Problem, Secret, TenantId, Timestamp, audit::AuditEvent};
use policy::Role;
use vault::{Keyring, LinkClaims, LinkError, LinkPurpose, TenantKey, read_link, sign_link};

use super::{Client, Fields, Session, email as read_email, name as read_name, person_in_log};
use crate::{Error, Platform, Result, tenants::slug};

/// How long a link of a first start works.
const FIRST: Duration = Duration::from_hours(24);
/// How long a link for a further tenant works.
const FURTHER: Duration = Duration::from_hours(7 * 24);
/// Used up by the first tenant, so that of several links from several starts one works once.
const FIRST_TENANT: &str = "the first tenant";
/// How many slugs are tried when nobody chose one.
const SLUGS: u32 = 50;

/// A link that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetupLink {
    /// Whether it makes the first tenant of the installation.
    pub is_first: bool,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// A tenant to be made, with its first member.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Its name for people.
    pub tenant_name: String,
    /// The word for it in addresses; made of the name when nobody chose one.
    pub slug: Option<String>,
    /// The name of the first member.
    pub name: String,
    /// Their e-mail address; that of somebody on the installation makes them a member here too.
    pub email: String,
    /// Their password: a new one, or their own if they are on the installation already.
    pub password: Secret,
}

/// A tenant that was made, and its first member signed in.
#[derive(Debug, Clone)]
pub struct SetUp {
    /// The tenant.
    pub tenant: TenantId,
    /// The word for it in addresses.
    pub slug: String,
    /// The session of the first member.
    pub session: Session,
}

/// The first member: one who is there already, or one to be made.
enum First {
    Known(PersonRow),
    New(NewPerson),
}

fn used() -> Problem {
    Problem::conflict("link_used", "This link was used. It works once; sign in instead, or ask the operator for a further one.")
}

/// The name under which the use of a link is remembered.
fn used_as(claims: &LinkClaims) -> String {
    hex::encode(claims.id)
}

const fn purpose_name(purpose: LinkPurpose) -> &'static str {
    match purpose {
        LinkPurpose::Setup => "setup",
        LinkPurpose::TenantInvite => "tenant_invite",
    }
}

/// The page of a link.
fn page_of(claims: &LinkClaims, keyring: &Keyring, public_url: &str) -> String {
    format!("{public_url}/setup/{}", sign_link(keyring, claims))
}

/// A link that makes one more tenant, for the operator to hand over; recorded when it is used. It takes the
/// installation's keys and no database, so that it can be made beside a running server.
pub fn tenant_invite(keyring: &Keyring, entropy: &dyn Entropy, now: Timestamp, public_url: &str) -> String {
    page_of(&LinkClaims::new(LinkPurpose::TenantInvite, entropy, now, FURTHER), keyring, public_url)
}

impl Platform {
    /// A link that makes the first tenant, to be printed where the server was started; nothing when there is a
    /// tenant. Each call makes another one; the first that is used ends them all.
    pub async fn setup_link(&self) -> Result<Option<String>> {
        let mut tx = self.parts().database.system_read().await?;
        let is_empty = tenants::all(&mut tx).await?.is_empty();
        let claims = LinkClaims::new(LinkPurpose::Setup, self.parts().entropy.as_ref(), self.now(), FIRST);
        Ok(is_empty.then(|| page_of(&claims, self.keyring(), &self.settings().public_url)))
    }

    /// As [`tenant_invite`], with what this platform was made with.
    pub fn tenant_invite(&self) -> String {
        tenant_invite(self.keyring(), self.parts().entropy.as_ref(), self.now(), &self.settings().public_url)
    }

    fn claims(&self, token: &str) -> Result<LinkClaims> {
        let read = |purpose| read_link(self.keyring(), purpose, token, self.now());
        let claims = match read(LinkPurpose::Setup) {
            Err(LinkError::Wrong) => read(LinkPurpose::TenantInvite),
            read => read,
        };
        claims.map_err(|error| {
            let code = match error {
                LinkError::Wrong => "link_wrong",
                LinkError::Expired => "link_expired",
            };
            Problem::new(404, code, error.to_string()).into()
        })
    }

    /// Whether a link may be used, for the page it opens. Changes nothing, however often it is asked.
    ///
    /// # Errors
    /// 404 `link_wrong` or `link_expired`; 409 `link_used`.
    pub async fn check_setup_link(&self, token: &str) -> Result<SetupLink> {
        let claims = self.claims(token)?;
        let is_first = claims.purpose == LinkPurpose::Setup;
        let mut tx = self.parts().database.system_read().await?;
        if links::was_used(&mut tx, &used_as(&claims)).await? || (is_first && !tenants::all(&mut tx).await?.is_empty()) {
            return Err(used().into());
        }
        Ok(SetupLink { is_first, expires_at: claims.expires_at })
    }

    /// Makes a tenant with its first member, an admin, and signs them in. All of it or nothing.
    ///
    /// # Errors
    /// As [`Platform::check_setup_link`]; 422 with every field that is wrong; 401 for a wrong password of somebody
    /// who is on the installation already; [`Error::Throttled`].
    pub async fn set_up(&self, token: &str, new: NewTenant, client: &Client) -> Result<SetUp> {
        self.check_setup_link(token).await?;
        let claims = self.claims(token)?;
        let mut fields = Fields::default();
        let tenant_name = fields.take("tenant_name", read_name(&new.tenant_name, 80));
        let chosen = new.slug.as_deref().map(str::trim).filter(|slug| !slug.is_empty());
        let wished = match chosen {
            Some(chosen) => fields.take("slug", slug::read(chosen)),
            None => tenant_name.as_deref().and_then(|name| {
                fields.take("slug", slug::of_name(name).ok_or("No address can be made of this name. Choose one of the letters a to z."))
            }),
        };
        let email = fields.take("email", read_email(&new.email));
        let name = fields.take("name", read_name(&new.name, 100));
        let (Some(tenant_name), Some(wished), Some(email), Some(name)) = (tenant_name, wished, email, name) else {
            return Err(fields.problem());
        };
        let first = self.first_member(name, email, new.password, &tenant_name, client).await?;
        let row = NewTenantRow {
            id: self.new_id(),
            slug: wished,
            name: tenant_name,
            policy_version: roles::fresh_version(self.parts().entropy.as_ref()),
            created_at: self.now(),
        };
        let key = TenantKey::generate().wrap(self.keyring(), row.id).map_err(|error| Error::Broken(error.to_string()))?;
        let mut tx = self.parts().database.system().await?;
        if !self.use_up(&mut tx, &claims, row.id).await? {
            return Err(used().into());
        }
        let row = create_tenant(&mut tx, row, chosen.is_some()).await?;
        tenants::create_key(&mut tx, row.id, &key, row.created_at).await?;
        let (person, email, is_new) = match &first {
            First::Known(person) => (person.id, person.email.as_str(), false),
            First::New(person) => {
                if !people::create(&mut tx, person).await? {
                    return Err(Problem::conflict("email_taken", "Somebody with this e-mail address was made meanwhile. Try again.").into());
                }
                (person.id, person.email.as_str(), true)
            }
        };
        let fresh = roles::fresh_version(self.parts().entropy.as_ref());
        invitations::join(&mut tx, row.id, person, Role::Admin.name(), None, row.created_at, fresh).await?;
        let session = self.open_session(&mut tx, person, client).await?;

        let actor = person_in_log(person, email, &client.request);
        let made = AuditEvent::done("tenant.created", "tenant", row.id, &row.name)
            .with("slug", row.slug.as_str())
            .with("link", purpose_name(claims.purpose));
        let intent = |chain, event| AuditIntent { chain, actor: actor.clone(), event };
        let here = Chain::Tenant(row.id);
        let more = vec![
            intent(here, made.clone()),
            intent(here, AuditEvent::done("user.created", "user", person, email).with("is_new_person", is_new)),
            intent(here, AuditEvent::done("user.role_assigned", "user", person, email).with("role", Role::Admin.name())),
            intent(here, AuditEvent::done("auth.login", "user", person, email)),
        ];
        tx.commit(intent(Chain::Installation, made), more).await?;
        Ok(SetUp { tenant: row.id, slug: row.slug, session })
    }

    async fn first_member(&self, name: String, email: String, password: Secret, tenant: &str, client: &Client) -> Result<First> {
        let known = people::find_by_email(&mut self.parts().database.system_read().await?, &email).await?;
        if known.is_some() {
            return self.verified(&email, password, client).await.map(First::Known);
        }
        let hash = self.new_password("password", password, &[&email, &name, tenant]).await?;
        Ok(First::New(NewPerson { id: self.new_id(), email, name, password_hash: hash.into_hash(), created_at: self.now() }))
    }

    /// Uses the link up; false when that happened before.
    async fn use_up(&self, tx: &mut SystemTx, claims: &LinkClaims, tenant: TenantId) -> Result<bool> {
        let (purpose, now) = (purpose_name(claims.purpose), self.now());
        if !links::use_once(tx, &used_as(claims), purpose, Some(tenant), now).await? {
            return Ok(false);
        }
        // Whoever makes a tenant uses this up as well, so that no link of a first start works after it.
        let is_first = links::use_once(tx, FIRST_TENANT, purpose, Some(tenant), now).await?;
        Ok(is_first || claims.purpose == LinkPurpose::TenantInvite)
    }
}

/// Makes the tenant, under another slug when nobody chose the one that is taken.
async fn create_tenant(tx: &mut SystemTx, mut row: NewTenantRow, was_chosen: bool) -> Result<NewTenantRow> {
    let wished = row.slug.clone();
    for number in 2..SLUGS {
        if tenants::create(tx, &row).await? {
            return Ok(row);
        }
        if was_chosen {
            break;
        }
        row.slug = slug::numbered(&wished, number);
    }
    Err(Problem::field("slug", format!("The address `{wished}` is taken. Choose another.")).into())
}
