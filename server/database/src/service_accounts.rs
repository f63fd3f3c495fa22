//! Service accounts: members of a tenant without a person behind them, for programs.
//!
//! One is a row of `person` that names its tenant and has no password, and a membership like any other: roles, runs and
//! the log know it as a member. Making one writes to `person`, which belongs to no tenant, so its texts are in
//! `system.rs`. Giving roles and disabling is in `members.rs`.

use domain::{
    Guarded, PersonId, PolicyVersion, Protected, Scope, TenantId, Timestamp,
    permission::{UserRead, UserWrite},
};

use crate::{
    Result,
    announce::Topic,
    members::MemberStatus,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    system,
    system_tx::SystemTx,
};

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccountRow {
    /// The id, as of every member.
    pub person: PersonId,
    /// What stands in the place of an e-mail address: never one that mail could reach.
    pub email: String,
    /// What it is for.
    pub name: String,
    /// Whether it may do anything.
    pub status: MemberStatus,
    /// Since when.
    pub joined_at: Timestamp,
    /// The names of its roles, in order.
    pub roles: Vec<String>,
}

/// A service account to be made.
#[derive(Debug, Clone)]
pub struct NewServiceAccount {
    /// The id.
    pub person: PersonId,
    /// The tenant.
    pub tenant: TenantId,
    /// What stands in the place of an e-mail address, one of its kind on the installation.
    pub email: String,
    /// What it is for.
    pub name: String,
    /// Now.
    pub created_at: Timestamp,
}

impl Protected for ServiceAccountRow {
    type Read = UserRead;
    const KIND: &'static str = "service account";

    fn public_id(&self) -> String {
        self.person.to_string()
    }
}

/// One account and one of its roles: what the statements give.
struct AccountAndRole {
    account: ServiceAccountRow,
    role: Option<String>,
}

impl FromRow for AccountAndRole {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            account: ServiceAccountRow {
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

macro_rules! account_select {
    ($($rest:literal)?) => {
        concat!(
            "select m.person_id, p.email, p.name, m.status, m.joined_at, b.role
             from membership m
             join person p on p.id = m.person_id and p.tenant_id = m.tenant_id
             left join role_binding b on b.tenant_id = m.tenant_id and b.person_id = m.person_id
             where m.tenant_id = $1",
            $($rest,)?
            " order by p.email, b.role"
        )
    };
}

static LIST: Statement = Statement::tenant("service_accounts.list", account_select!());
static FIND: Statement = Statement::tenant("service_accounts.find", account_select!(" and m.person_id = $2"));

pub(crate) static ALL: &[&Statement] = &[&LIST, &FIND];

fn gather(rows: Vec<AccountAndRole>) -> Vec<ServiceAccountRow> {
    let mut accounts: Vec<ServiceAccountRow> = Vec::new();
    for AccountAndRole { mut account, role } in rows {
        match accounts.last_mut() {
            Some(last) if last.person == account.person => last.roles.extend(role),
            _ => {
                account.roles.extend(role);
                accounts.push(account);
            }
        }
    }
    accounts
}

/// The service accounts, disabled ones among them, by what stands for their address.
pub async fn list<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, UserRead>) -> Result<Vec<ServiceAccountRow>> {
    tx.query(&LIST).all().await.map(gather)
}

/// The service account with an id.
pub async fn find<'a>(tx: &mut impl Reads<'a>, person: PersonId) -> Result<Option<Guarded<ServiceAccountRow>>> {
    Ok(gather(tx.query(&FIND).bind(person).all().await?).pop().map(Guarded::new))
}

/// Makes a service account without any role; `fresh` becomes the state of the policy. False, and nothing done, when the
/// tenant's policy is no longer in the state that the maker's rights belong to, or when the address is taken.
pub async fn create(tx: &mut SystemTx, scope: &Scope<'_, UserWrite>, new: &NewServiceAccount, fresh: PolicyVersion) -> Result<bool> {
    let held = scope.actor().grants().version();
    let moved = tx.query(&system::TENANT_MOVE_POLICY).bind(new.tenant).bind(fresh.0).bind(held.0).execute().await?;
    if moved == 0 {
        return Ok(false);
    }
    let made = tx
        .query(&system::SERVICE_ACCOUNT_CREATE)
        .bind(new.person)
        .bind(new.tenant)
        .bind(&new.email)
        .bind(&new.name)
        .bind(new.created_at)
        .execute()
        .await?;
    if made == 0 {
        return Ok(false);
    }
    tx.query(&system::MEMBERSHIP_CREATE).bind(new.tenant).bind(new.person).bind(new.created_at).execute().await?;
    tx.announce(new.tenant, Topic::Access);
    Ok(true)
}
