//! Tenant variables, which workflows read as `vars.name`. A run records them when it starts.

use domain::{
    Authorized, Guarded, PersonId, Protected, Scope, Timestamp, VariableId,
    permission::{VariableRead, VariableWrite},
};
use serde_json::Value;

use crate::{
    Result,
    param::Json,
    read::Reads,
    row::{FromRow, Row},
    statement::Statement,
    words::words,
    write::WriteTx,
};

words! {
    /// What kind of value a variable has.
    VariableKind {
        /// A text.
        String = "string",
        /// A number.
        Number = "number",
        /// True or false.
        Boolean = "boolean",
    }
}

/// A tenant variable.
#[derive(Debug, Clone, PartialEq)]
pub struct VariableRow {
    /// The id.
    pub id: VariableId,
    /// The name after `vars.`.
    pub name: String,
    /// What kind of value it has.
    pub kind: VariableKind,
    /// The value, of that kind.
    pub value: Value,
    /// Who set it last.
    pub updated_by: Option<PersonId>,
    /// When it was set last.
    pub updated_at: Timestamp,
}

/// A variable to be set.
#[derive(Debug, Clone)]
pub struct NewVariable {
    /// The id, unless there is one of this name, which keeps its own.
    pub id: VariableId,
    /// The name after `vars.`.
    pub name: String,
    /// What kind of value it has.
    pub kind: VariableKind,
    /// The value, of that kind.
    pub value: Value,
    /// Now.
    pub updated_at: Timestamp,
}

impl Protected for VariableRow {
    type Read = VariableRead;
    const KIND: &'static str = "variable";

    fn public_id(&self) -> String {
        self.id.to_string()
    }
}

impl FromRow for VariableRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.id("id")?,
            name: row.text("name")?,
            kind: row.word("kind", VariableKind::WORDS)?,
            value: row.json("value")?,
            updated_by: row.opt_id("updated_by")?,
            updated_at: row.timestamp("updated_at")?,
        })
    }
}

static LIST: Statement = Statement::tenant(
    "variables.list",
    "select id, name, kind, value, updated_by, updated_at from variable where tenant_id = $1 order by name",
);
static FIND: Statement = Statement::tenant(
    "variables.find",
    "select id, name, kind, value, updated_by, updated_at from variable where tenant_id = $1 and id = $2",
);
static SET: Statement = Statement::tenant(
    "variables.set",
    "insert into variable (tenant_id, id, name, kind, value, updated_by, updated_at) values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (tenant_id, name) do update set
         kind = excluded.kind, value = excluded.value, updated_by = excluded.updated_by, updated_at = excluded.updated_at
     returning id, name, kind, value, updated_by, updated_at",
);
static REMOVE: Statement = Statement::tenant("variables.remove", "delete from variable where tenant_id = $1 and id = $2");

pub(crate) static ALL: &[&Statement] = &[&LIST, &FIND, &SET, &REMOVE];

/// The variables, by name.
pub async fn list<'a>(tx: &mut impl Reads<'a>, _scope: &Scope<'_, VariableRead>) -> Result<Vec<VariableRow>> {
    tx.query(&LIST).all().await
}

/// The variables as a run records them when it starts. Under no guard: who may start a workflow lets it read them.
pub async fn for_start<'a>(tx: &mut impl Reads<'a>) -> Result<Vec<VariableRow>> {
    tx.query(&LIST).all().await
}

/// The variable with an id.
pub async fn find<'a>(tx: &mut impl Reads<'a>, id: VariableId) -> Result<Option<Guarded<VariableRow>>> {
    Ok(tx.query(&FIND).bind(id).optional().await?.map(Guarded::new))
}

/// Sets a variable, anew or over the one of the same name, and gives what is kept.
pub async fn set(tx: &mut WriteTx<'_>, _scope: &Scope<'_, VariableWrite>, new: &NewVariable) -> Result<VariableRow> {
    let updated_by = tx.actor().person();
    tx.query(&SET)
        .bind(new.id)
        .bind(&new.name)
        .bind(new.kind)
        .bind(Json(new.value.clone()))
        .bind(updated_by)
        .bind(new.updated_at)
        .one()
        .await
}

/// Removes a variable. False when it was removed in between.
pub async fn remove(tx: &mut WriteTx<'_>, variable: &Authorized<'_, VariableWrite, VariableRow>) -> Result<bool> {
    Ok(tx.query(&REMOVE).bind(variable.id).execute().await? == 1)
}
