//! Members of a tenant, and the roles that each of them holds.
//!
//! A change of who may what gives the tenant's policy a new state in the same transaction, so that rights recorded
//! before it no longer open a transaction. That also takes the lock on the tenant's row: of two changes at once the
//! second one counts what the first one left.

use domain::{
    Authorized, Guarded, PersonId, PolicyVersion, Protected, Scope, Timestamp,
    permission::{RoleWrite, UserManage, UserRead},
};

use crate::{
    Result,
    announce::Topic,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    words::words,
    write::WriteTx,
};

words! {
    /// Whether a membership holds.
    MemberStatus {
        /// The member may do what their roles say.
        Active = "active",
        /// The member may do nothing; what they did stays on record.
        Disabled = "disabled",
    }
}

/// A member with the roles they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// The person.
    pub person: PersonId,
    /// Their e-mail address, in lower case.
    pub email: String,
    /// Their name.
    pub name: String,
    /// Whether the membership holds.
    pub status: MemberStatus,
    /// Since when.
    pub joined_at: Timestamp,
    /// The names of their roles, in order.
    pub roles: Vec<String>,
}

impl Protected for MemberRow {
    type Read = UserRead;
    const KIND: &'static str = "member";

    fn public_id(&self) -> String {
        self.person.to_string()
    }
}

/// One member and one of their roles: what the statements give, in the order of e-mail addresses.
struct MemberAndRole {
    member: MemberRow,
    role: Option<String>,
}

impl FromRow for MemberAndRole {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            member: MemberRow {
                person: row.id("person_id")?,
                email: row.text("email")?,
                name: row.text("name")?,
                status: row.word("status", MemberStatus::WORDS)?,
                joined_at: row.timestamp("joined_at")?,
                roles: Vec::new(),
            },
            role: row.opt_text("role")?,
        })
    }
}

/// Which members a page shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Search<'a> {
    /// A part of the name or of the e-mail address, in whatever case; nothing for everybody.
    pub text: &'a str,
    /// Only those whose membership is like this.
    pub status: Option<MemberStatus>,
    /// Only those who hold the role with this name.
    pub role: Option<&'a str>,
    /// The last member of the page before.
    pub after: Option<PersonId>,
}

/// A page of members, by e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberPage {
    /// The members.
    pub items: Vec<MemberRow>,
    /// The last of them, when there are more.
    pub next: Option<PersonId>,
}

macro_rules! member_select {
    ($rest:literal) => {
        concat!(
            "select m.person_id, p.email, p.name, m.status, m.joined_at, b.role
             from membership m
             join person p on p.id = m.person_id
             left join role_binding b on b.tenant_id = m.tenant_id and b.person_id = m.person_id
             where m.tenant_id = $1",
            $rest,
            " order by p.email, b.role"
        )
    };
}

// The last member of the page before must be one of this tenant: whose address comes after a stranger's tells of theirs.
// The sign before what a pattern would read as its own is `!`: a backslash means something else to each engine.
static PAGE: Statement = Statement::tenant(
    "members.page",
    "select found.person_id, found.email, found.name, found.status, found.joined_at, b.role
     from (
         select m.tenant_id, m.person_id, p.email, p.name, m.status, m.joined_at
         from membership m
         join person p on p.id = m.person_id
         where m.tenant_id = $1 and p.tenant_id is null
           and (p.email like $2 escape '!' or lower(p.name) like $2 escape '!')
           and (m.status = $5 or $5 is null)
           and (exists (select 1 from role_binding held
                        where held.tenant_id = m.tenant_id and held.person_id = m.person_id and held.role = $6) or $6 is null)
           and (p.email > (select last.email
                           from membership of_last
                           join person last on last.id = of_last.person_id
                           where of_last.tenant_id = $1 and of_last.person_id = $3) or $3 is null)
         order by p.email
         limit $4
     ) as found
     left join role_binding b on b.tenant_id = found.tenant_id and b.person_id = found.person_id
     order by found.email, b.role",
);
static FIND: Statement = Statement::tenant("members.find", member_select!(" and m.person_id = $2"));
static FIND_BY_EMAIL: Statement = Statement::tenant("members.find_by_email", member_select!(" and p.email = $2"));
static SET_STATUS: Statement =
    Statement::tenant("members.set_status", "update membership set status = $3 where tenant_id = $1 and person_id = $2 and status <> $3");
static GRANT: Statement = Statement::tenant(
    "members.grant",
    "insert into role_binding (tenant_id, person_id, role, granted_by, granted_at) values ($1, $2, $3, $4, $5)
     on conflict do nothing",
);
static REVOKE: Statement =
    Statement::tenant("members.revoke", "delete from role_binding where tenant_id = $1 and person_id = $2 and role = $3");
static COUNT_ACTIVE_HOLDERS: Statement = Statement::tenant(
    "members.count_active_holders",
    "select count(*) as holders
     from role_binding b
     join membership m on m.tenant_id = b.tenant_id and m.person_id = b.person_id
     join person p on p.id = b.person_id
     where b.tenant_id = $1 and b.role = $2 and m.status = 'active' and p.status = 'active' and p.tenant_id is null",
);
static SET_POLICY: Statement = Statement::tenant("members.set_policy", "update tenant set policy_version = $2 where id = $1");

pub(crate) static ALL: &[&Statement] = &[&PAGE, &FIND, &FIND_BY_EMAIL, &SET_STATUS, &GRANT, &REVOKE, &COUNT_ACTIVE_HOLDERS, &SET_POLICY];

/// Makes one row of a member out of one row for each role.
fn gather(rows: Vec<MemberAndRole>) -> Vec<MemberRow> {
    let mut members: Vec<MemberRow> = Vec::new();
    for MemberAndRole { member, role } in rows {
        match members.last_mut() {
            Some(last) if last.person == member.person => last.roles.extend(role),
            _ => {
                members.push(member);
                if let Some(last) = members.last_mut() {
                    last.roles.extend(role);
                }
            }
        }
    }
    members
}

/// What finds a text anywhere, as a pattern in lower case.
fn pattern(text: &str) -> String {
    let mut pattern = "%".to_owned();
    for sign in text.to_lowercase().chars() {
        if matches!(sign, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(sign);
    }
    pattern.push('%');
    pattern
}

/// A page of members, disabled ones among them and service accounts not, by e-mail address.
pub async fn page<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, UserRead>, search: Search<'_>, limit: u32) -> Result<MemberPage> {
    let rows = tx
        .query(&PAGE)
        .bind(pattern(search.text))
        .bind(search.after)
        .bind(i64::from(limit) + 1)
        .bind(search.status)
        .bind(search.role)
        .all()
        .await?;
    let mut items = gather(rows);
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = if more { items.last().map(|member| member.person) } else { None };
    Ok(MemberPage { items, next })
}

/// The member who is this person.
pub async fn find<'a>(tx: &mut impl Reads<'a>, person: PersonId) -> Result<Option<Guarded<MemberRow>>> {
    let rows = tx.query(&FIND).bind(person).all().await?;
    Ok(gather(rows).pop().map(Guarded::new))
}

/// The member with an e-mail address, which must be in lower case.
pub async fn find_by_email<'a>(tx: &mut impl Reads<'a>, email: &str) -> Result<Option<Guarded<MemberRow>>> {
    let rows = tx.query(&FIND_BY_EMAIL).bind(email).all().await?;
    Ok(gather(rows).pop().map(Guarded::new))
}

/// Whether the membership of a run's starter still holds; nothing when they were never a member.
pub async fn status<'a>(tx: &mut impl Reads<'a>, person: PersonId) -> Result<Option<MemberStatus>> {
    let rows = tx.query(&FIND).bind(person).all().await?;
    Ok(gather(rows).pop().map(|member| member.status))
}

/// How many people hold a role and may use it; a service account is none. Asked after a change in the same transaction, it tells whether anybody is left.
pub async fn count_active_holders<'a>(tx: &mut impl Reads<'a>, role: &str) -> Result<i64> {
    tx.query(&COUNT_ACTIVE_HOLDERS).bind(role).one::<Count>().await.map(|count| count.0)
}

struct Count(i64);

impl FromRow for Count {
    fn from_row(row: &Row) -> Result<Self> {
        row.i64("holders").map(Self)
    }
}

/// Disables or enables a member; `fresh` becomes the state of the policy. False, and nothing done, when the member
/// has this status already.
pub async fn set_status(
    tx: &mut WriteTx<'_>,
    member: &Authorized<'_, UserManage, MemberRow>,
    status: MemberStatus,
    fresh: PolicyVersion,
) -> Result<bool> {
    set_policy(tx, fresh).await?;
    Ok(tx.query(&SET_STATUS).bind(member.person).bind(status).execute().await? == 1)
}

/// Gives a member a role; `fresh` becomes the state of the policy. False when they hold it already.
pub async fn grant(
    tx: &mut WriteTx<'_>,
    member: &Authorized<'_, RoleWrite, MemberRow>,
    role: &str,
    now: Timestamp,
    fresh: PolicyVersion,
) -> Result<bool> {
    set_policy(tx, fresh).await?;
    let granted_by = tx.actor().person();
    Ok(tx.query(&GRANT).bind(member.person).bind(role).bind(granted_by).bind(now).execute().await? == 1)
}

/// Takes a role from a member; `fresh` becomes the state of the policy. False when they do not hold it.
pub async fn revoke(tx: &mut WriteTx<'_>, member: &Authorized<'_, RoleWrite, MemberRow>, role: &str, fresh: PolicyVersion) -> Result<bool> {
    set_policy(tx, fresh).await?;
    Ok(tx.query(&REVOKE).bind(member.person).bind(role).execute().await? == 1)
}

/// Gives the policy a new state, which first locks the tenant's row.
async fn set_policy(tx: &mut WriteTx<'_>, fresh: PolicyVersion) -> Result<()> {
    tx.query(&SET_POLICY).bind(fresh.0).execute().await?;
    tx.announce(Topic::Access);
    Ok(())
}
