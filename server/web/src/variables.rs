//! Tenant variables: listed with their values, set and removed. They are no secrets.

use actix_web::http::StatusCode;
use askama::Template;
use domain::{
    Permission, Problem, VariableId,
    permission::{VariableRead, VariableWrite},
};
use platform::variables::{VariableKind, VariableLine};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    confirmation,
    format::{self, Time},
    page::Page,
    route::{Answer, Form, Grant, Path, Result},
    view::{self, FormErrors, Outcome},
};

/// What the forms show themselves.
const IN_FORM: &[u16] = &[409, 422];
/// Signs of a value that the list shows; its own page shows all of it.
const IN_LIST: usize = 160;

#[derive(Template)]
#[template(path = "variables/list.html")]
struct ListView {
    page: Page,
    variables: Vec<Row>,
    kinds: [Kind; 3],
    errors: FormErrors,
    form: Sent,
    may_write: bool,
    may_see_credentials: bool,
    credentials_href: String,
    action: String,
}

#[derive(Template)]
#[template(path = "variables/variable.html")]
struct VariableView {
    page: Page,
    list_href: String,
    variable: Row,
    /// The whole value.
    value: String,
    kinds: [Kind; 3],
    forms: Forms,
    may_write: bool,
}

struct Row {
    name: String,
    kind: &'static str,
    shown: String,
    changed: Time,
    by: String,
    href: String,
}

/// The two forms of a variable's page; at most one of them was refused.
struct Forms {
    change: FormErrors,
    removal: FormErrors,
    kind: Kind,
    value: String,
}

/// What kind of value a text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Text,
    Number,
    Boolean,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Text, Self::Number, Self::Boolean];

    /// The word in forms.
    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    /// What people read.
    const fn words(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Number => "Number",
            Self::Boolean => "True or false",
        }
    }
}

impl From<Kind> for VariableKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::String,
            Kind::Number => Self::Number,
            Kind::Boolean => Self::Boolean,
        }
    }
}

impl From<VariableKind> for Kind {
    fn from(kind: VariableKind) -> Self {
        match kind {
            VariableKind::String => Self::Text,
            VariableKind::Number => Self::Number,
            VariableKind::Boolean => Self::Boolean,
        }
    }
}

/// A variable as it is sent; shown again when it is refused.
#[derive(Deserialize)]
pub(crate) struct Sent {
    name: String,
    kind: Kind,
    value: String,
}

/// Another value, as it is sent.
#[derive(Deserialize)]
pub(crate) struct Change {
    kind: Kind,
    value: String,
}

/// A removal, as it is sent.
#[derive(Deserialize)]
pub(crate) struct Removal {
    typed: String,
}

/// A value as the text that makes it again.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(IN_LIST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or(text)),
        None => text.to_owned(),
    }
}

/// What browsers send for a text of several lines, with the line ends that texts have elsewhere.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

fn row<P>(grant: &Grant<P>, line: &VariableLine) -> Row {
    Row {
        name: line.name.clone(),
        kind: Kind::from(line.kind).name(),
        shown: cut(&text(&line.value)),
        changed: format::ago(line.updated_at, grant.platform().now()),
        by: line.updated_by.clone().unwrap_or_default(),
        href: grant.path(&format!("/variables/{}", line.id)),
    }
}

async fn list_view<P>(grant: &Grant<P>, form: Sent, errors: FormErrors) -> Result<ListView> {
    let variables = grant.platform().variables(grant.actor()).await?;
    Ok(ListView {
        page: grant.page().await?,
        variables: variables.iter().map(|line| row(grant, line)).collect(),
        kinds: Kind::ALL,
        errors,
        form,
        may_write: grant.may(Permission::VariableWrite),
        may_see_credentials: grant.may(Permission::CredentialRead),
        credentials_href: grant.path("/credentials"),
        action: grant.path("/variables"),
    })
}

async fn find<P>(grant: &Grant<P>, id: VariableId) -> Result<VariableLine> {
    let variables = grant.platform().variables(grant.actor()).await?;
    Ok(variables.into_iter().find(|line| line.id == id).ok_or_else(|| Problem::not_found("variable"))?)
}

async fn variable_view<P>(grant: &Grant<P>, line: &VariableLine, forms: Option<Forms>) -> Result<VariableView> {
    let value = text(&line.value);
    let forms = forms.unwrap_or_else(|| Forms {
        change: FormErrors::none(),
        removal: FormErrors::none(),
        kind: line.kind.into(),
        value: value.clone(),
    });
    Ok(VariableView {
        page: grant.page().await?,
        list_href: grant.path("/variables"),
        variable: row(grant, line),
        value,
        kinds: Kind::ALL,
        forms,
        may_write: grant.may(Permission::VariableWrite),
    })
}

/// `GET /t/{slug}/variables`: all of them.
pub(crate) async fn list(grant: Grant<VariableRead>) -> Answer {
    let empty = Sent { name: String::new(), kind: Kind::Text, value: String::new() };
    view::html(&list_view(&grant, empty, FormErrors::none()).await?)
}

/// `POST /t/{slug}/variables`: sets one by its name.
pub(crate) async fn set(grant: Grant<VariableWrite>, Form(sent): Form<Sent>) -> Answer {
    let sent = Sent { value: lines(&sent.value), ..sent };
    let set = grant.platform().set_variable(grant.actor(), &sent.name, sent.kind.into(), &sent.value).await;
    match view::outcome(set, IN_FORM)? {
        Outcome::Done(_) => Ok(grant.visit().done(&grant.path("/variables"), &format!("The variable {} is set.", sent.name.trim()))),
        Outcome::Refused(refusal) => view::html_with(refusal.status, &list_view(&grant, sent, refusal.errors).await?),
    }
}

/// `GET /t/{slug}/variables/{id}`: one of them with its whole value.
pub(crate) async fn variable(grant: Grant<VariableRead>, Path(id): Path<VariableId>) -> Answer {
    let line = find(&grant, id).await?;
    view::html(&variable_view(&grant, &line, None).await?)
}

async fn again(grant: &Grant<VariableWrite>, line: &VariableLine, status: StatusCode, forms: Forms) -> Answer {
    view::html_with(status, &variable_view(grant, line, Some(forms)).await?)
}

/// `POST /t/{slug}/variables/{id}/value`: gives it another value.
pub(crate) async fn change(grant: Grant<VariableWrite>, Path(id): Path<VariableId>, Form(sent): Form<Change>) -> Answer {
    let line = find(&grant, id).await?;
    let value = lines(&sent.value);
    let set = grant.platform().set_variable(grant.actor(), &line.name, sent.kind.into(), &value).await;
    match view::outcome(set, IN_FORM)? {
        Outcome::Done(_) => Ok(grant.visit().done(&grant.path("/variables"), &format!("The variable {} has its new value.", line.name))),
        Outcome::Refused(refusal) => {
            again(&grant, &line, refusal.status, Forms { change: refusal.errors, removal: FormErrors::none(), kind: sent.kind, value })
                .await
        }
    }
}

/// `POST /t/{slug}/variables/{id}/removal`: takes it away, when its name was typed.
pub(crate) async fn remove(grant: Grant<VariableWrite>, Path(id): Path<VariableId>, Form(sent): Form<Removal>) -> Answer {
    let line = find(&grant, id).await?;
    let removed = match confirmation::typed(&sent.typed, &line.name) {
        Ok(()) => grant.platform().remove_variable(grant.actor(), id).await,
        Err(error) => Err(error),
    };
    match view::outcome(removed, IN_FORM)? {
        Outcome::Done(()) => Ok(grant.visit().done(&grant.path("/variables"), &format!("The variable {} is removed.", line.name))),
        Outcome::Refused(refusal) => {
            let forms = Forms { change: FormErrors::none(), removal: refusal.errors, kind: line.kind.into(), value: text(&line.value) };
            again(&grant, &line, refusal.status, forms).await
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{page, view::FormError};

    fn errors(field: &str, message: &str) -> FormErrors {
        FormErrors(vec![FormError { field: field.to_owned(), message: message.to_owned() }])
    }

    fn sample_row() -> Row {
        Row {
            name: "erp_url".to_owned(),
            kind: "text",
            shown: "https://erp.example/<x>".to_owned(),
            changed: format::clock(Timestamp::from_micros(0)),
            by: "ada@acme.example".to_owned(),
            href: "/t/acme/variables/var_1".to_owned(),
        }
    }

    fn list(variables: Vec<Row>, may_write: bool) -> String {
        ListView {
            page: page::sample(),
            variables,
            kinds: Kind::ALL,
            errors: errors("name", "A name has no blanks."),
            form: Sent { name: "a b".to_owned(), kind: Kind::Number, value: "12".to_owned() },
            may_write,
            may_see_credentials: true,
            credentials_href: "/t/acme/credentials".to_owned(),
            action: "/t/acme/variables".to_owned(),
        }
        .render()
        .unwrap()
    }

    fn variable(forms: Forms, may_write: bool) -> String {
        let view = VariableView {
            page: page::sample(),
            list_href: "/t/acme/variables".to_owned(),
            variable: sample_row(),
            value: "https://erp.example/<x>".to_owned(),
            kinds: Kind::ALL,
            forms,
            may_write,
        };
        view.render().unwrap()
    }

    #[test]
    fn the_list_shows_values_and_keeps_what_was_typed() {
        let html = list(vec![sample_row()], true);
        for part in [
            "erp_url",
            "https://erp.example/&#60;x&#62;",
            "ada@acme.example",
            "value=\"a b\"",
            "<option value=\"number\" selected>",
            "href=\"#f-name\"",
            "action=\"/t/acme/variables\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(list(Vec::new(), true).contains("No variables yet"));
        let html = list(vec![sample_row()], false);
        assert!(!html.contains("action=\"/t/acme/variables\"") && html.contains("variable:write"));
    }

    #[test]
    fn a_variable_is_changed_and_removed_on_its_own_page() {
        let forms = || Forms {
            change: FormErrors::none(),
            removal: errors("typed", "Type erp_url."),
            kind: Kind::Text,
            value: "typed before".to_owned(),
        };
        let html = variable(forms(), true);
        for part in ["/t/acme/variables/var_1/value", "/t/acme/variables/var_1/removal", "typed before", "href=\"#f-typed\""] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let html = variable(forms(), false);
        assert!(!html.contains("method=\"post\" action=\"/t/") && html.contains("https://erp.example/&#60;x&#62;"));
    }

    #[test]
    fn a_value_is_shown_as_the_text_that_makes_it_again() {
        assert_eq!((text(&json!("a b")), text(&json!(0.25)), text(&json!(true))), ("a b".to_owned(), "0.25".to_owned(), "true".to_owned()));
        assert_eq!(cut(&"ä".repeat(161)), format!("{}…", "ä".repeat(160)));
        assert_eq!(cut(&"ä".repeat(160)), "ä".repeat(160));
        assert_eq!(lines("a\r\nb"), "a\nb");
        for kind in Kind::ALL {
            assert_eq!(Kind::from(VariableKind::from(kind)), kind);
        }
    }
}
