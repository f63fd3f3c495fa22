//! What every transaction of a tenant asks first: is the tenant in use, and do the actor's rights belong to the state of
//! its policy that holds now.

use domain::{Actor, PolicyVersion};

use crate::{batch::TenantFacts, error::Error, executor::Session, row::FromRow as _, statement::Statement};

static GATE: Statement = Statement::tenant("gate.tenant", "select status, policy_version from tenant where id = $1");

pub(crate) static ALL: &[&Statement] = &[&GATE];

/// Lets a transaction through, or says why not.
///
/// # Errors
/// [`Error::TenantClosed`], [`Error::StalePolicy`], or what the engine refused.
pub(crate) async fn pass(session: &mut Session, actor: &Actor) -> Result<(), Error> {
    let rows = session.all(&GATE, vec![actor.tenant().into()]).await?;
    let tenant = rows.first().map(TenantFacts::from_row).transpose()?.filter(|tenant| tenant.active).ok_or(Error::TenantClosed)?;
    let current: PolicyVersion = tenant.policy_version;
    if current == actor.grants().version() { Ok(()) } else { Err(Error::StalePolicy { current }) }
}
