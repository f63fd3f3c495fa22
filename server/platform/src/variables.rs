//! Tenant variables, which workflows read as `vars.name`: listed, set and removed.
//!
//! They are no secrets: every run records them at its start, and the log keeps what a change put in the place of what.

use database::variables::{self as rows, NewVariable, VariableRow};
use domain::{
    Actor, Problem, Scope, Timestamp, VariableId,
    audit::{AuditEvent, AuditEvents},
    permission::{VariableRead, VariableWrite},
};
use serde_json::Value;

use crate::{Platform, Result, execution::directory::Directory, expected::Expected, identity::Fields, mail::text::cut, names};

pub use database::variables::VariableKind;

/// The longest text, in bytes.
const LONGEST: usize = 16 * 1024;
/// What the log keeps of a value, in signs.
const IN_LOG: usize = 500;

/// A variable, to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct VariableLine {
    /// The id.
    pub id: VariableId,
    /// The name after `vars.`.
    pub name: String,
    /// What kind of value it has.
    pub kind: VariableKind,
    /// The value.
    pub value: Value,
    /// The address of who set it last, while they are a member.
    pub updated_by: Option<String>,
    /// When.
    pub updated_at: Timestamp,
}

impl VariableLine {
    /// The tag that tells this state from every other one.
    pub fn tag(&self) -> String {
        tag(self.updated_at)
    }
}

fn tag(updated_at: Timestamp) -> String {
    updated_at.micros().to_string()
}

/// The value that a text stands for.
fn value(kind: VariableKind, text: &str) -> Result<Value, String> {
    match kind {
        VariableKind::String => {
            if text.len() > LONGEST {
                return Err("The text is longer than 16 KiB.".to_owned());
            }
            if text.chars().any(|sign| sign.is_control() && !matches!(sign, '\n' | '\r' | '\t')) {
                return Err("The text has signs in it that nobody can see or print.".to_owned());
            }
            Ok(Value::from(text))
        }
        VariableKind::Number => match serde_json::from_str(text.trim()) {
            Ok(Value::Number(number)) => Ok(Value::Number(number)),
            _ => Err("This is not a number such as 1000 or 0.25.".to_owned()),
        },
        VariableKind::Boolean => match text.trim() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err("This is neither true nor false.".to_owned()),
        },
    }
}

fn in_log(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::from(cut(text, IN_LOG)),
        other => other.clone(),
    }
}

/// What the log says of a variable that was set.
pub(crate) fn changed(row: &VariableRow, before: Option<&VariableRow>) -> AuditEvent {
    AuditEvent::done("config.changed", "variable", row.id, &row.name)
        .with("before", before.map_or(Value::Null, |before| in_log(&before.value)))
        .with("value", in_log(&row.value))
}

impl Platform {
    /// The variables, by name.
    pub async fn variables(&self, actor: &Actor) -> Result<Vec<VariableLine>> {
        let scope = Scope::<VariableRead>::of(actor, "variables")?;
        let directory = Directory::read(self, actor.tenant()).await?;
        let mut tx = self.parts().database.read(actor).await?;
        let line = |row: VariableRow| VariableLine {
            id: row.id,
            name: row.name,
            kind: row.kind,
            value: row.value,
            updated_by: row.updated_by.and_then(|person| directory.email(person)).map(str::to_owned),
            updated_at: row.updated_at,
        };
        Ok(rows::list(&mut tx, &scope).await?.into_iter().map(line).collect())
    }

    /// Sets a variable, anew or over the one of this name, from the text of a form. Runs that were started keep the
    /// value they started with.
    ///
    /// # Errors
    /// 422 with every field that is wrong.
    pub async fn set_variable(&self, actor: &Actor, name: &str, kind: VariableKind, text: &str) -> Result<VariableId> {
        self.set_variable_as(actor, name, kind, text, &Expected::Anything).await
    }

    /// The same for one who says what they expect to find under this name.
    ///
    /// # Errors
    /// 412 when something else is there; else as [`Platform::set_variable`].
    pub async fn set_variable_as(
        &self,
        actor: &Actor,
        name: &str,
        kind: VariableKind,
        text: &str,
        expected: &Expected,
    ) -> Result<VariableId> {
        let scope = Scope::<VariableWrite>::of(actor, "variables")?;
        let mut fields = Fields::default();
        let name = fields.take("name", names::identifier(name));
        let value = fields.take("value", value(kind, text));
        let (Some(name), Some(value)) = (name, value) else { return Err(fields.problem()) };
        let mut tx = self.parts().database.write(actor).await?;
        let before = rows::for_start(&mut tx).await?.into_iter().find(|row| row.name == name);
        expected.check(before.as_ref().map(|before| tag(before.updated_at)).as_deref())?;
        if let Some(same) = before.as_ref().filter(|before| before.kind == kind && before.value == value) {
            return Ok(same.id);
        }
        let new = NewVariable { id: self.new_id(), name, kind, value, updated_at: self.now() };
        let row = rows::set(&mut tx, &scope, &new).await?;
        tx.commit(AuditEvents::one(changed(&row, before.as_ref()))).await?;
        Ok(row.id)
    }

    /// Removes a variable. A workflow that reads it cannot be started any more.
    ///
    /// # Errors
    /// 404 when there is none.
    pub async fn remove_variable(&self, actor: &Actor, id: VariableId) -> Result<()> {
        let mut tx = self.parts().database.write(actor).await?;
        let found = rows::find(&mut tx, id).await?.ok_or_else(|| Problem::not_found("variable"))?;
        let variable = found.authorize::<VariableWrite>(actor)?;
        if !rows::remove(&mut tx, &variable).await? {
            return Err(Problem::not_found("variable").into());
        }
        let event = AuditEvent::done("config.changed", "variable", id, &variable.name)
            .with("before", in_log(&variable.value))
            .with("removed", true);
        Ok(tx.commit(AuditEvents::one(event)).await?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_read_as_the_kind_that_was_chosen_and_as_nothing_else() {
        assert_eq!(value(VariableKind::String, " 12 "), Ok(json!(" 12 ")));
        assert_eq!(value(VariableKind::Number, " 12 "), Ok(json!(12)));
        assert_eq!(value(VariableKind::Number, "-0.5"), Ok(json!(-0.5)));
        assert_eq!(value(VariableKind::Boolean, "true"), Ok(json!(true)));
        for (kind, wrong) in [
            (VariableKind::Number, ""),
            (VariableKind::Number, "1,000"),
            (VariableKind::Number, "1e999"),
            (VariableKind::Number, "NaN"),
            (VariableKind::Number, "\"1\""),
            (VariableKind::Boolean, "yes"),
            (VariableKind::String, "a\u{0}b"),
        ] {
            assert!(value(kind, wrong).is_err(), "{wrong}");
        }
    }
}
