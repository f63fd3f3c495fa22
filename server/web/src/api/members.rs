//! Members, their roles, and invitations.

use std::borrow::Cow;

use domain::{
    id::kind,
    permission::{RoleWrite, UserManage, UserRead, UserWrite},
};
use platform::{
    invitations::{InvitationShown, Invite},
    members::{MemberSearch, MemberShown, Role},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Body, Call, Created, Done, IdText, Json, Moment, PageOf, Path, Query, Result, ask::PathPart};

/// A role by its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoleJson(Role);

/// A member.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Member")]
pub(crate) struct MemberJson {
    /// The id of the person.
    id: IdText<kind::Person>,
    /// Their e-mail address, or what stands for it at a service account.
    email: String,
    /// Their name.
    name: String,
    /// Whether they may work; who may not keeps their roles.
    is_active: bool,
    /// Since when they are a member.
    joined_at: Moment,
    /// Their roles, the weakest first.
    roles: Vec<RoleJson>,
}

/// A page of members.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PageOfMembers")]
pub(crate) struct MembersJson {
    /// The members, by e-mail address.
    items: Vec<MemberJson>,
    /// Ask for the next page with it as `cursor`; null on the last page.
    next: Option<IdText<kind::Person>>,
}

/// Which members.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListJson {
    /// Only those with this text in their name or e-mail address.
    #[schemars(length(max = 200))]
    text: Option<String>,
    /// Only those who hold this role.
    role: Option<RoleJson>,
    /// `true` for those who may work, `false` for those who may not.
    is_active: Option<bool>,
    /// What the page before gave as `next`.
    cursor: Option<IdText<kind::Person>>,
}

/// An invitation that is open or has expired.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Invitation")]
pub(crate) struct InvitationJson {
    /// Its id.
    id: IdText<kind::Invitation>,
    /// Whom.
    email: String,
    /// Their name, as the inviter wrote it.
    name: String,
    /// The role they will hold.
    role: RoleJson,
    /// When it was last sent.
    sent_at: Moment,
    /// Until when it can be accepted.
    expires_at: Moment,
    /// Whether that is over.
    is_expired: bool,
}

/// Somebody to be invited.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewInvitation")]
pub(crate) struct InviteJson {
    /// Their e-mail address.
    email: String,
    /// Their name.
    name: String,
    /// The role they will hold.
    role: RoleJson,
}

impl Serialize for RoleJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for RoleJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| de::Error::custom("there is no such role"))
    }
}

impl JsonSchema for RoleJson {
    fn schema_name() -> Cow<'static, str> {
        "Role".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Role::ALL.iter().map(|role| role.name()).collect();
        json_schema!({"type": "string", "enum": names, "description": "A role."})
    }
}

impl PathPart for RoleJson {
    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl From<MemberShown> for MemberJson {
    fn from(member: MemberShown) -> Self {
        Self {
            id: IdText(member.person),
            email: member.email,
            name: member.name,
            is_active: member.is_active,
            joined_at: Moment(member.joined_at),
            roles: member.roles.into_iter().map(RoleJson).collect(),
        }
    }
}

impl From<InvitationShown> for InvitationJson {
    fn from(invitation: InvitationShown) -> Self {
        Self {
            id: IdText(invitation.id),
            email: invitation.email,
            name: invitation.name,
            role: RoleJson(invitation.role),
            sent_at: Moment(invitation.sent_at),
            expires_at: Moment(invitation.expires_at),
            is_expired: invitation.is_expired,
        }
    }
}

/// `GET /api/v1/members`.
pub(crate) async fn list(call: Call<UserRead>, Query(asked): Query<ListJson>) -> Result<Json<MembersJson>> {
    let search = MemberSearch {
        text: asked.text.unwrap_or_default(),
        is_active: asked.is_active,
        role: asked.role.map(|role| role.0),
        after: asked.cursor.map(|cursor| cursor.0),
    };
    let page = call.platform().members(call.actor(), &search).await?;
    let items = page.items.into_iter().map(MemberJson::from).collect();
    Ok(Json(MembersJson { items, next: page.next.map(IdText) }))
}

/// `GET /api/v1/members/{member}`.
pub(crate) async fn show(call: Call<UserRead>, Path(id): Path<IdText<kind::Person>>) -> Result<Json<MemberJson>> {
    Ok(Json(call.platform().member(call.actor(), id.0).await?.into()))
}

/// `PUT /api/v1/members/{member}/roles/{role}`.
pub(crate) async fn give_role(call: Call<RoleWrite>, Path((id, role)): Path<(IdText<kind::Person>, RoleJson)>) -> Result<Done> {
    call.platform().grant_role(call.actor(), id.0, role.0).await?;
    Ok(Done)
}

/// `DELETE /api/v1/members/{member}/roles/{role}`.
pub(crate) async fn take_role(call: Call<RoleWrite>, Path((id, role)): Path<(IdText<kind::Person>, RoleJson)>) -> Result<Done> {
    call.platform().revoke_role(call.actor(), id.0, role.0).await?;
    Ok(Done)
}

/// `POST /api/v1/members/{member}/disabling`.
pub(crate) async fn disable(call: Call<UserManage>, Path(id): Path<IdText<kind::Person>>) -> Result<Done> {
    call.platform().disable_member(call.actor(), id.0).await?;
    Ok(Done)
}

/// `POST /api/v1/members/{member}/enabling`.
pub(crate) async fn enable(call: Call<UserManage>, Path(id): Path<IdText<kind::Person>>) -> Result<Done> {
    call.platform().enable_member(call.actor(), id.0).await?;
    Ok(Done)
}

/// `GET /api/v1/invitations`.
pub(crate) async fn list_invitations(call: Call<UserRead>, (): ()) -> Result<Json<PageOf<InvitationJson>>> {
    let invitations = call.platform().invitations(call.actor()).await?;
    Ok(Json(PageOf::whole(invitations.into_iter().map(InvitationJson::from).collect())))
}

/// `POST /api/v1/invitations`.
pub(crate) async fn invite(call: Call<UserWrite>, Body(asked): Body<InviteJson>) -> Result<Created<InvitationJson>> {
    let invite = Invite { email: asked.email, name: asked.name, role: asked.role.0 };
    let made = call.platform().invite(call.actor(), invite).await?;
    Ok(Created { location: "/api/v1/invitations".to_owned(), value: made.into() })
}

/// `POST /api/v1/invitations/{invitation}/resending`: sends a new link, and the one before works no longer.
pub(crate) async fn resend(call: Call<UserWrite>, Path(id): Path<IdText<kind::Invitation>>) -> Result<Json<InvitationJson>> {
    Ok(Json(call.platform().resend_invitation(call.actor(), id.0).await?.into()))
}

/// `DELETE /api/v1/invitations/{invitation}`.
pub(crate) async fn withdraw(call: Call<UserWrite>, Path(id): Path<IdText<kind::Invitation>>) -> Result<Done> {
    call.platform().withdraw_invitation(call.actor(), id.0).await?;
    Ok(Done)
}
