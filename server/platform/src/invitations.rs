//! Inviting somebody to a tenant, and accepting.
//!
//! The link in the mail is the only way to accept: its token is known to whoever reads the mail and nobody else,
//! the database keeps its hash. Opening the link changes nothing.

use std::time::Duration;

use database::{
    AuditIntent, Chain,
    invitations::{self as rows, InvitationRow, InvitedTo},
    members::{self, MemberStatus},
    people::{self, NewPerson},
    quotas, roles,
    sessions::SignedIn,
    settings, tenants,
};
use domain::{
    Actor, InvitationId, PersonId, Problem, Scope, Secret, Timestamp,
    audit::{AuditEvent, AuditEvents},
    permission::{RoleWrite, UserRead, UserWrite},
};
use policy::Role;
use vault::Token;

use crate::{
    Error, Platform, Result,
    identity::{self, Client, Fields, Session, for_each_tenant, person_in_log},
    mail::Letter,
    tenants::{quotas::demand_room, settings::may_be_invited},
};

/// How long an invitation can be accepted.
const LIFETIME: Duration = Duration::from_hours(7 * 24);

/// Somebody to be invited.
#[derive(Debug, Clone)]
pub struct Invite {
    /// Their e-mail address.
    pub email: String,
    /// Their name, as the inviter knows it.
    pub name: String,
    /// The role they will hold.
    pub role: Role,
}

/// An invitation that nobody accepted yet, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationShown {
    /// Its id.
    pub id: InvitationId,
    /// Whom.
    pub email: String,
    /// Their name.
    pub name: String,
    /// The role they will hold.
    pub role: Role,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// Whether that time is over.
    pub is_expired: bool,
}

/// What an invitation's link leads to, for the one who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// The tenant's name.
    pub tenant_name: String,
    /// Whom it is for.
    pub email: String,
    /// Their name, as the inviter wrote it.
    pub name: String,
    /// The role they will hold.
    pub role: Role,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// Whether there is a person with this address already, who then signs in instead of choosing a password.
    pub has_password: bool,
}

/// How somebody accepts.
#[derive(Debug, Clone)]
pub enum Acceptance {
    /// With a password: a new one, or their own if they are on the installation already.
    Password {
        /// The name they want to go by; of no meaning for one who is there already.
        name: String,
        /// The password.
        password: Secret,
    },
    /// As the person who is signed in.
    SignedIn(SignedIn),
}

/// What came of accepting.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The word in addresses for the tenant they are a member of now.
    pub slug: String,
    /// The new session of one who accepted with a password.
    pub session: Option<Session>,
}

/// Who accepts: one who is there already, or one to be made.
enum Joining {
    Known { person: PersonId, email: String },
    New(NewPerson),
}

fn not_found() -> Problem {
    Problem::not_found("invitation")
}

fn role_of(row: &InvitationRow) -> Result<Role> {
    row.role.parse().map_err(|_| Error::Broken(format!("{} names the unknown role `{}`", row.id, row.role)))
}

/// The invitation, if it can be accepted now.
fn still_open(invited: Option<InvitedTo>, now: Timestamp) -> Result<InvitedTo> {
    let invited = invited.ok_or_else(not_found)?;
    let row = &invited.invitation;
    if row.is_open(now) {
        return Ok(invited);
    }
    Err(if row.accepted_at.is_some() {
        Problem::conflict("invitation_accepted", "This invitation was accepted. Sign in instead.")
    } else if row.withdrawn_at.is_some() {
        Problem::new(404, "invitation_withdrawn", "This invitation was withdrawn, or a newer one took its place. Look for a newer mail.")
    } else {
        Problem::new(404, "invitation_expired", "This invitation has expired. Ask whoever invited you for a new one.")
    }
    .into())
}

impl Platform {
    /// Invites somebody by mail to become a member with a role. An earlier invitation of the same address ends.
    ///
    /// # Errors
    /// 422 with every field that is wrong; 409 `already_member` or `member_disabled`.
    pub async fn invite(&self, actor: &Actor, invite: Invite) -> Result<InvitationShown> {
        let mut fields = Fields::default();
        let email = fields.take("email", identity::email(&invite.email));
        let name = fields.take("name", identity::name(&invite.name, 100));
        let (Some(email), Some(name)) = (email, name) else { return Err(fields.problem()) };
        self.send_invitation(actor, email, name, invite.role, false).await
    }

    /// Sends a new mail with a new link in the place of an invitation; the old link ends.
    ///
    /// # Errors
    /// Not found; 409 `invitation_ended` when it was accepted or withdrawn.
    pub async fn resend_invitation(&self, actor: &Actor, id: InvitationId) -> Result<InvitationShown> {
        let mut tx = self.parts().database.read(actor).await?;
        let invitation = rows::find(&mut tx, id).await?.ok_or_else(not_found)?.authorize::<UserWrite>(actor)?;
        drop(tx);
        if invitation.accepted_at.is_some() || invitation.withdrawn_at.is_some() {
            return Err(Problem::conflict("invitation_ended", "This invitation was accepted or withdrawn.").into());
        }
        let role = role_of(&invitation)?;
        let invitation = invitation.into_inner();
        self.send_invitation(actor, invitation.email, invitation.name, role, true).await
    }

    async fn send_invitation(&self, actor: &Actor, email: String, name: String, role: Role, again: bool) -> Result<InvitationShown> {
        let scope = Scope::<UserWrite>::of(actor, "invitation")?;
        // An invitation gives a role away: it takes the right to do so, whoever may invite.
        Scope::<RoleWrite>::of(actor, "role")?;
        let (token, now) = (Token::generate(self.parts().entropy.as_ref()), self.now());
        let new = rows::NewInvitation {
            id: self.new_id(),
            email,
            name,
            role: role.name().to_owned(),
            token_hash: token.hash(),
            created_at: now,
            expires_at: now.after(LIFETIME),
        };
        let mut tx = self.parts().database.write(actor).await?;
        if let Some(member) = members::find_by_email(&mut tx, &new.email).await? {
            let member = member.authorize::<UserWrite>(actor)?;
            return Err(match member.status {
                MemberStatus::Active => Problem::conflict("already_member", format!("{} is a member already.", new.email)),
                MemberStatus::Disabled => {
                    Problem::conflict("member_disabled", format!("{} is a member who was disabled. Enable them instead.", new.email))
                }
            }
            .into());
        }
        let tenant = tenants::current(&mut tx).await?;
        let decided = settings::in_force(&mut tx).await?;
        if !may_be_invited(&new.email, &decided.invited_domains) {
            let domains = decided.invited_domains.replace(' ', ", ");
            return Err(Problem::field("email", format!("This tenant invites only addresses of {domains}: see Settings.")).into());
        }
        rows::create(&mut tx, &scope, &new).await?;
        demand_room!(self, actor, tx, self.room_for_invitation(&mut tx).await?);
        let url = self.page_url(&format!("/invitations/{}", token.text().expose()));
        let letter = Letter::new(&new.email, &format!("[{}] You are invited to Mandate", tenant.name), new.id)
            .paragraph(&format!("Hello {},", new.name))
            .paragraph(&format!("{} invites you to become a member of {} on Mandate.", actor.label(), tenant.name))
            .fact("Role", &format!("{role}. {}", role.describe()))
            .fact_at("Until", new.expires_at)
            .action("Accept the invitation", &url)
            .paragraph("The link works once. Do not pass it on: whoever opens it first can accept in your name. If you do not expect this invitation, leave it; then nothing happens.")
            .list("members", &tenant.slug, &self.mail_host());
        self.post(&mut tx, letter).await?;
        let mut event = AuditEvent::done("user.invited", "invitation", new.id, &new.email).with("role", role.name());
        if again {
            event = event.with("again", true);
        }
        tx.commit(AuditEvents::one(event)).await?;
        Ok(InvitationShown {
            id: new.id,
            email: new.email,
            name: new.name,
            role,
            sent_at: new.created_at,
            expires_at: new.expires_at,
            is_expired: false,
        })
    }

    /// The invitations that were neither accepted nor withdrawn, by e-mail address.
    pub async fn invitations(&self, actor: &Actor) -> Result<Vec<InvitationShown>> {
        let (scope, now) = (Scope::<UserRead>::of(actor, "invitations")?, self.now());
        let mut tx = self.parts().database.read(actor).await?;
        let shown = |row: InvitationRow| {
            Ok(InvitationShown {
                id: row.id,
                role: role_of(&row)?,
                sent_at: row.created_at,
                expires_at: row.expires_at,
                is_expired: !row.is_open(now),
                email: row.email,
                name: row.name,
            })
        };
        rows::list_open(&mut tx, &scope).await?.into_iter().map(shown).collect()
    }

    /// Withdraws an invitation: its link leads nowhere from now on.
    ///
    /// # Errors
    /// Not found; 409 `invitation_ended` when it was accepted or withdrawn before.
    pub async fn withdraw_invitation(&self, actor: &Actor, id: InvitationId) -> Result<()> {
        let mut tx = self.parts().database.write(actor).await?;
        let invitation = rows::find(&mut tx, id).await?.ok_or_else(not_found)?.authorize::<UserWrite>(actor)?;
        if !rows::withdraw(&mut tx, &invitation, self.now()).await? {
            return Err(Problem::conflict("invitation_ended", "This invitation was accepted or withdrawn before.").into());
        }
        let event = AuditEvent::done("user.invitation_withdrawn", "invitation", id, &invitation.email);
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }

    /// What an invitation's link leads to. Changes nothing, however often it is asked.
    ///
    /// # Errors
    /// Not found; 404 `invitation_expired` or `invitation_withdrawn`; 409 `invitation_accepted`.
    pub async fn invited(&self, token: &str) -> Result<Invited> {
        let invited = self.open_invitation(token).await?;
        let mut tx = self.parts().database.system_read().await?;
        let has_password = people::find_by_email(&mut tx, &invited.invitation.email).await?.is_some();
        Ok(Invited {
            role: role_of(&invited.invitation)?,
            tenant_name: invited.tenant_name,
            email: invited.invitation.email,
            name: invited.invitation.name,
            expires_at: invited.invitation.expires_at,
            has_password,
        })
    }

    async fn open_invitation(&self, token: &str) -> Result<InvitedTo> {
        let token = Token::parse(token).ok_or_else(not_found)?;
        let mut tx = self.parts().database.system_read().await?;
        still_open(rows::find_by_token(&mut tx, &token.hash()).await?, self.now())
    }

    /// Accepts an invitation, and signs in whoever did so with a password.
    ///
    /// # Errors
    /// As [`Platform::invited`]; 403 `invited_another` for one who is signed in with another address, and
    /// `member_disabled` for one who was disabled here; 422 for a name or a new password that is not accepted; 401
    /// for a wrong one; [`Error::Throttled`].
    pub async fn accept_invitation(&self, token: &str, acceptance: Acceptance, client: &Client) -> Result<Accepted> {
        let invited = self.open_invitation(token).await?;
        role_of(&invited.invitation)?;
        let signs_in = matches!(acceptance, Acceptance::Password { .. });
        let joining = self.joining(&invited, acceptance, client).await?;
        let now = self.now();
        let mut tx = self.parts().database.system().await?;
        let (person, email, is_new) = match &joining {
            Joining::Known { person, email } => (*person, email.as_str(), false),
            Joining::New(new) => {
                if !people::create(&mut tx, new).await? {
                    return Err(Problem::conflict("email_taken", "Somebody with this e-mail address was made meanwhile. Try again.").into());
                }
                (new.id, new.email.as_str(), true)
            }
        };
        let before = tenants::of_person(&mut tx, person).await?;
        if before.iter().any(|tenancy| tenancy.tenant.id == invited.tenant && tenancy.membership == MemberStatus::Disabled) {
            return Err(Problem::new(403, "member_disabled", "You were disabled in this tenant. Ask an admin to enable you.").into());
        }
        let fresh = roles::fresh_version(self.parts().entropy.as_ref());
        if !rows::accept(&mut tx, &invited, person, now, fresh).await? {
            return Err(Problem::conflict("invitation_ended", "This invitation was accepted or withdrawn in this very moment.").into());
        }
        let actor = person_in_log(person, email, &client.request);
        let here = |event| AuditIntent { chain: Chain::Tenant(invited.tenant), actor: actor.clone(), event };
        if let Err(full) = self.room_for_joining(quotas::members_of(&mut tx, invited.tenant).await?) {
            drop(tx);
            identity::commit(self.parts().database.system().await?, vec![here(full.event())]).await?;
            return Err(full.problem().into());
        }
        let session = if signs_in { Some(self.open_session(&mut tx, person, client).await?) } else { None };
        let mut intents = vec![
            here(
                AuditEvent::done("user.created", "user", person, email)
                    .with("invitation", invited.invitation.id.to_string())
                    .with("is_new_person", is_new),
            ),
            here(AuditEvent::done("user.role_assigned", "user", person, email).with("role", invited.invitation.role.as_str())),
        ];
        if signs_in {
            let tenancies = tenants::of_person(&mut tx, person).await?;
            intents.extend(for_each_tenant(&tenancies, &actor, &AuditEvent::done("auth.login", "user", person, email)));
        }
        identity::commit(tx, intents).await?;
        Ok(Accepted { slug: invited.tenant_slug, session })
    }

    async fn joining(&self, invited: &InvitedTo, acceptance: Acceptance, client: &Client) -> Result<Joining> {
        let email = &invited.invitation.email;
        match acceptance {
            Acceptance::SignedIn(signed_in) if signed_in.email == *email => {
                Ok(Joining::Known { person: signed_in.session.person, email: signed_in.email })
            }
            Acceptance::SignedIn(signed_in) => Err(Problem::new(
                403,
                "invited_another",
                format!("This invitation is for {email}, but you are signed in as {}. Sign out first.", signed_in.email),
            )
            .into()),
            Acceptance::Password { name, password } => {
                let known = people::find_by_email(&mut self.parts().database.system_read().await?, email).await?;
                if known.is_some() {
                    let person = self.verified(email, password, client).await?;
                    return Ok(Joining::Known { person: person.id, email: person.email });
                }
                let mut fields = Fields::default();
                let Some(name) = fields.take("name", identity::name(&name, 100)) else { return Err(fields.problem()) };
                let hash = self.new_password("password", password, &[email, &name, &invited.tenant_name]).await?;
                let new =
                    NewPerson { id: self.new_id(), email: email.clone(), name, password_hash: hash.into_hash(), created_at: self.now() };
                Ok(Joining::New(new))
            }
        }
    }
}
