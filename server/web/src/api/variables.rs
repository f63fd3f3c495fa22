//! Tenant variables: listed, shown, set and removed.

use domain::{
    Problem,
    id::kind,
    permission::{VariableRead, VariableWrite},
};
use platform::{
    expected::Expected,
    variables::{VariableKind, VariableLine},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Body, Call, Conditions, Created, Done, IdText, Json, Moment, PageOf, Path, Result, Tagged};

/// A value: a text, a number, true or false.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "VariableValue")]
enum ValueJson {
    Text(String),
    Number(serde_json::Number),
    Boolean(bool),
}

/// A variable.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Variable")]
pub(crate) struct VariableJson {
    /// Its id.
    id: IdText<kind::Variable>,
    /// The name after `vars.`.
    name: String,
    /// Its value.
    value: Value,
    /// The address of who set it last, while they are a member.
    updated_by: Option<String>,
    /// When.
    updated_at: Moment,
}

/// A variable to be set for the first time.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewVariable")]
pub(crate) struct NewJson {
    /// The name after `vars.`.
    name: String,
    /// Its value.
    value: ValueJson,
}

/// Another value for a variable.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "VariableChange")]
pub(crate) struct ChangeJson {
    /// Its value.
    value: ValueJson,
}

impl ValueJson {
    /// The kind, and the text that a form would hold.
    fn read(self) -> (VariableKind, String) {
        match self {
            Self::Text(text) => (VariableKind::String, text),
            Self::Number(number) => (VariableKind::Number, number.to_string()),
            Self::Boolean(value) => (VariableKind::Boolean, value.to_string()),
        }
    }
}

impl From<VariableLine> for VariableJson {
    fn from(line: VariableLine) -> Self {
        Self { id: IdText(line.id), name: line.name, value: line.value, updated_by: line.updated_by, updated_at: Moment(line.updated_at) }
    }
}

async fn find<P>(call: &Call<P>, id: domain::VariableId) -> Result<VariableLine> {
    let lines = call.platform().variables(call.actor()).await?;
    lines.into_iter().find(|line| line.id == id).ok_or_else(|| Problem::not_found("variable").into())
}

/// `GET /api/v1/variables`.
pub(crate) async fn list(call: Call<VariableRead>, (): ()) -> Result<Json<PageOf<VariableJson>>> {
    let lines = call.platform().variables(call.actor()).await?;
    Ok(Json(PageOf::whole(lines.into_iter().map(VariableJson::from).collect())))
}

/// `POST /api/v1/variables`: sets one that there is not yet.
pub(crate) async fn create(call: Call<VariableWrite>, Body(new): Body<NewJson>) -> Result<Created<VariableJson>> {
    let (kind, text) = new.value.read();
    let set = call.platform().set_variable_as(call.actor(), &new.name, kind, &text, &Expected::Nothing).await;
    let id = set.map_err(|error| match error {
        platform::Error::Problem(problem) if problem.status == 412 => {
            Problem::conflict("variable_exists", "There is a variable of this name already. Change that one.").into()
        }
        other => other,
    })?;
    Ok(Created { location: format!("/api/v1/variables/{id}"), value: find(&call, id).await?.into() })
}

/// `GET /api/v1/variables/{variable}`.
pub(crate) async fn show(call: Call<VariableRead>, Path(id): Path<IdText<kind::Variable>>) -> Result<Tagged<VariableJson>> {
    let line = find(&call, id.0).await?;
    Ok(Tagged { tag: line.tag(), value: line.into() })
}

/// `PUT /api/v1/variables/{variable}`.
pub(crate) async fn change(
    call: Call<VariableWrite>,
    (Path(id), Conditions(expected), Body(change)): (Path<IdText<kind::Variable>>, Conditions, Body<ChangeJson>),
) -> Result<Tagged<VariableJson>> {
    let line = find(&call, id.0).await?;
    let (kind, text) = change.value.read();
    call.platform().set_variable_as(call.actor(), &line.name, kind, &text, &expected).await?;
    let line = find(&call, id.0).await?;
    Ok(Tagged { tag: line.tag(), value: line.into() })
}

/// `DELETE /api/v1/variables/{variable}`.
pub(crate) async fn remove(call: Call<VariableWrite>, Path(id): Path<IdText<kind::Variable>>) -> Result<Done> {
    call.platform().remove_variable(call.actor(), id.0).await?;
    Ok(Done)
}
