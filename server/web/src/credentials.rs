//! Credentials: which there are, where they may be sent, when they were; set, replaced and removed. A value comes in by a
//! form and is shown by none, not even by the one that was refused.

use askama::Template;
use domain::{
    CredentialId, Cursor, Permission, Problem, Secret,
    permission::{CredentialRead, CredentialWrite},
};
use platform::credentials::{CredentialLine, CredentialShown, KINDS, NewCredential, UseLine};
use serde::Deserialize;

use crate::{
    confirmation,
    format::{self, Time},
    page::Page,
    route::{Answer, Form, Grant, Path, Query, Result},
    things,
    view::{self, FormErrors, Outcome, Refusal},
};

/// What the forms show themselves.
const IN_FORM: &[u16] = &[409, 422];
/// Uses on one page.
const USES: u32 = 50;

#[derive(Template)]
#[template(path = "credentials/list.html")]
struct ListView {
    page: Page,
    credentials: Vec<Row>,
    kinds: &'static [&'static str],
    errors: FormErrors,
    form: Filled,
    may_write: bool,
    action: String,
}

#[derive(Template)]
#[template(path = "credentials/credential.html")]
struct CredentialView {
    page: Page,
    list_href: String,
    credential: Row,
    uses: Vec<UseRow>,
    newest: String,
    older: String,
    forms: Forms,
    may_write: bool,
}

struct Row {
    name: String,
    kind: String,
    description: String,
    hosts: Vec<String>,
    version: i64,
    /// When it was set, and who did; empty for nobody in particular.
    set: Time,
    set_by: String,
    /// When the present value was put in the place of another, and who did.
    replaced: Option<Time>,
    replaced_by: String,
    used: Option<Time>,
    href: String,
}

struct UseRow {
    at: Time,
    run: i64,
    run_href: String,
    step: String,
    attempt: i64,
    host: String,
    version: i64,
}

/// What the form of a new credential shows again; never the value.
#[derive(Default)]
struct Filled {
    name: String,
    kind: String,
    hosts: String,
    description: String,
}

/// The three forms of a credential's page; at most one of them was refused.
#[derive(Default)]
struct Forms {
    replacement: FormErrors,
    change: FormErrors,
    removal: FormErrors,
    hosts: String,
    description: String,
}

/// A new credential as it is sent.
#[derive(Deserialize)]
pub(crate) struct New {
    name: String,
    kind: String,
    allowed_hosts: String,
    description: Option<String>,
    value: Option<String>,
    lines: Option<String>,
}

/// A value in the place of another, as it is sent.
#[derive(Deserialize)]
pub(crate) struct Replacement {
    value: Option<String>,
    lines: Option<String>,
}

/// Hosts and purpose, as they are sent.
#[derive(Deserialize)]
pub(crate) struct Change {
    allowed_hosts: String,
    description: Option<String>,
}

/// A removal, as it is sent.
#[derive(Deserialize)]
pub(crate) struct Removal {
    typed: String,
}

/// Where a page of uses begins.
#[derive(Deserialize)]
pub(crate) struct Before {
    before: Option<i64>,
}

/// A value by the field it was sent in: the one of a single line, or the one of several.
struct Value {
    secret: Secret,
    field: &'static str,
}

/// The value out of the two fields there are for it. Browsers end lines with a carriage return, keys do not.
fn value(single: Option<String>, lines: Option<String>) -> Result<Value> {
    match (single, lines) {
        (Some(_), Some(_)) => Err(Problem::field("value", "Enter the value in one of the two fields, not in both.").into()),
        (None, Some(lines)) => Ok(Value { secret: Secret::new(lines.replace("\r\n", "\n")), field: "lines" }),
        (single, None) => Ok(Value { secret: Secret::new(single.unwrap_or_default()), field: "value" }),
    }
}

/// What is wrong with a value is told at the field it came in.
fn at_field(mut refusal: Refusal, field: &str) -> Refusal {
    for error in refusal.errors.0.iter_mut().filter(|error| error.field == "value") {
        field.clone_into(&mut error.field);
    }
    refusal
}

fn row<P>(grant: &Grant<P>, line: CredentialLine) -> Row {
    let now = grant.platform().now();
    Row {
        href: grant.path(&format!("/credentials/{}", line.id)),
        name: line.name,
        kind: line.kind,
        description: line.description,
        hosts: line.allowed_hosts,
        version: line.version,
        set: format::ago(line.created_at, now),
        set_by: line.created_by.unwrap_or_default(),
        replaced: line.replaced_at.map(|at| format::ago(at, now)),
        replaced_by: line.replaced_by.unwrap_or_default(),
        used: line.last_used_at.map(|at| format::ago(at, now)),
    }
}

fn use_row<P>(grant: &Grant<P>, line: UseLine) -> UseRow {
    UseRow {
        at: format::clock(line.at),
        run: line.run_number,
        run_href: things::href(grant, "run", &line.run.to_string()),
        step: line.step,
        attempt: line.attempt,
        host: line.host,
        version: line.version,
    }
}

async fn list_view<P>(grant: &Grant<P>, form: Filled, errors: FormErrors) -> Result<ListView> {
    let credentials = grant.platform().credentials(grant.actor()).await?;
    Ok(ListView {
        page: grant.page().await?,
        credentials: credentials.into_iter().map(|line| row(grant, line)).collect(),
        kinds: KINDS,
        errors,
        form,
        may_write: grant.may(Permission::CredentialWrite),
        action: grant.path("/credentials"),
    })
}

async fn credential_view<P>(grant: &Grant<P>, shown: CredentialShown, before: Option<i64>, mut forms: Forms) -> Result<CredentialView> {
    if forms.change.0.is_empty() {
        forms.hosts = shown.line.allowed_hosts.join("\n");
        forms.description.clone_from(&shown.line.description);
    }
    let credential = row(grant, shown.line);
    Ok(CredentialView {
        page: grant.page().await?,
        list_href: grant.path("/credentials"),
        newest: before.map(|_| credential.href.clone()).unwrap_or_default(),
        older: shown.uses.next.map(|Cursor(before)| format!("{}?before={before}", credential.href)).unwrap_or_default(),
        uses: shown.uses.items.into_iter().map(|line| use_row(grant, line)).collect(),
        credential,
        forms,
        may_write: grant.may(Permission::CredentialWrite),
    })
}

/// `GET /t/{slug}/credentials`: their names and facts.
pub(crate) async fn list(grant: Grant<CredentialRead>) -> Answer {
    view::html(&list_view(&grant, Filled::default(), FormErrors::none()).await?)
}

/// `POST /t/{slug}/credentials`: sets one for the first time.
pub(crate) async fn create(grant: Grant<CredentialWrite>, Form(sent): Form<New>) -> Answer {
    let form = Filled {
        name: sent.name.clone(),
        kind: sent.kind.clone(),
        hosts: sent.allowed_hosts.clone(),
        description: sent.description.clone().unwrap_or_default(),
    };
    let (name, mut field) = (sent.name.trim().to_owned(), "value");
    let created = match value(sent.value, sent.lines) {
        Ok(value) => {
            field = value.field;
            let new = NewCredential {
                name: sent.name,
                kind: sent.kind,
                value: value.secret,
                allowed_hosts: vec![sent.allowed_hosts],
                description: form.description.clone(),
            };
            grant.platform().create_credential(grant.actor(), new).await
        }
        Err(error) => Err(error),
    };
    match view::outcome(created, IN_FORM)? {
        Outcome::Done(_) => Ok(grant
            .visit()
            .done(&grant.path("/credentials"), &format!("The credential {name} is set. Workflows use it as cred://{name}."))),
        Outcome::Refused(refusal) => {
            let refusal = at_field(refusal, field);
            view::html_with(refusal.status, &list_view(&grant, form, refusal.errors).await?)
        }
    }
}

/// `GET /t/{slug}/credentials/{id}`: one of them, and when it was sent out.
pub(crate) async fn credential(
    grant: Grant<CredentialRead>,
    Path(id): Path<CredentialId>,
    Query(Before { before }): Query<Before>,
) -> Answer {
    let shown = grant.platform().credential(grant.actor(), id, before.map(Cursor), USES).await?;
    view::html(&credential_view(&grant, shown, before, Forms::default()).await?)
}

/// The page of a credential with the form that was refused.
async fn again(grant: &Grant<CredentialWrite>, id: CredentialId, status: actix_web::http::StatusCode, forms: Forms) -> Answer {
    let shown = grant.platform().credential(grant.actor(), id, None, USES).await?;
    view::html_with(status, &credential_view(grant, shown, None, forms).await?)
}

/// `POST /t/{slug}/credentials/{id}/replacement`: another value in the place of the present one.
pub(crate) async fn replace(grant: Grant<CredentialWrite>, Path(id): Path<CredentialId>, Form(sent): Form<Replacement>) -> Answer {
    let mut field = "value";
    let replaced = match value(sent.value, sent.lines) {
        Ok(value) => {
            field = value.field;
            grant.platform().replace_credential(grant.actor(), id, &value.secret).await
        }
        Err(error) => Err(error),
    };
    match view::outcome(replaced, IN_FORM)? {
        Outcome::Done(version) => {
            let notice = format!(
                "The value is replaced; it is version {version} now. Approvals that were given for the one before are asked for again."
            );
            Ok(grant.visit().done(&grant.path(&format!("/credentials/{id}")), &notice))
        }
        Outcome::Refused(refusal) => {
            let refusal = at_field(refusal, field);
            again(&grant, id, refusal.status, Forms { replacement: refusal.errors, ..Forms::default() }).await
        }
    }
}

/// `POST /t/{slug}/credentials/{id}/hosts`: where it may be sent, and what it is for.
pub(crate) async fn change(grant: Grant<CredentialWrite>, Path(id): Path<CredentialId>, Form(sent): Form<Change>) -> Answer {
    let description = sent.description.unwrap_or_default();
    let hosts = [sent.allowed_hosts];
    match view::outcome(grant.platform().change_credential(grant.actor(), id, &hosts, &description).await, IN_FORM)? {
        Outcome::Done(()) => {
            Ok(grant.visit().done(&grant.path(&format!("/credentials/{id}")), "Saved. From now on it is sent to these hosts alone."))
        }
        Outcome::Refused(refusal) => {
            let [hosts] = hosts;
            again(&grant, id, refusal.status, Forms { change: refusal.errors, hosts, description, ..Forms::default() }).await
        }
    }
}

/// `POST /t/{slug}/credentials/{id}/removal`: takes it away, when its name was typed.
pub(crate) async fn remove(grant: Grant<CredentialWrite>, Path(id): Path<CredentialId>, Form(sent): Form<Removal>) -> Answer {
    let platform = grant.platform();
    let known = platform.credential(grant.actor(), id, None, 1).await?;
    let removed = match confirmation::typed(&sent.typed, &known.line.name) {
        Ok(()) => platform.remove_credential(grant.actor(), id).await,
        Err(error) => Err(error),
    };
    match view::outcome(removed, IN_FORM)? {
        Outcome::Done(()) => {
            Ok(grant.visit().done(&grant.path("/credentials"), &format!("The credential {} is removed.", known.line.name)))
        }
        Outcome::Refused(refusal) => again(&grant, id, refusal.status, Forms { removal: refusal.errors, ..Forms::default() }).await,
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::{page, view::FormError};

    fn errors(field: &str, message: &str) -> FormErrors {
        FormErrors(vec![FormError { field: field.to_owned(), message: message.to_owned() }])
    }

    fn sample_row(used: bool) -> Row {
        let at = || format::clock(Timestamp::from_micros(0));
        Row {
            name: "payment-desk".to_owned(),
            kind: "token".to_owned(),
            description: "The desk <b>".to_owned(),
            hosts: vec!["payments.example".to_owned(), "*.desk.example:8443".to_owned()],
            version: 2,
            set: at(),
            set_by: "ada@acme.example".to_owned(),
            replaced: used.then(at),
            replaced_by: "olga@acme.example".to_owned(),
            used: used.then(at),
            href: "/t/acme/credentials/crd_1".to_owned(),
        }
    }

    fn list(credentials: Vec<Row>, errors: FormErrors, may_write: bool) -> String {
        let form = Filled {
            name: "taken".to_owned(),
            kind: "api_key".to_owned(),
            hosts: "a.example\nb.example".to_owned(),
            description: String::new(),
        };
        ListView { page: page::sample(), credentials, kinds: KINDS, errors, form, may_write, action: "/t/acme/credentials".to_owned() }
            .render()
            .unwrap()
    }

    fn credential(forms: Forms, may_write: bool) -> String {
        let uses = vec![UseRow {
            at: format::clock(Timestamp::from_micros(0)),
            run: 12,
            run_href: "/t/acme/runs/run_1".to_owned(),
            step: "pay".to_owned(),
            attempt: 2,
            host: "payments.example".to_owned(),
            version: 1,
        }];
        let view = CredentialView {
            page: page::sample(),
            list_href: "/t/acme/credentials".to_owned(),
            credential: sample_row(true),
            uses,
            newest: "/t/acme/credentials/crd_1".to_owned(),
            older: "/t/acme/credentials/crd_1?before=7".to_owned(),
            forms,
            may_write,
        };
        view.render().unwrap()
    }

    #[test]
    fn the_list_tells_names_and_facts_and_keeps_what_was_typed() {
        let html = list(vec![sample_row(true), sample_row(false)], errors("lines", "Too long."), true);
        for part in [
            "href=\"/t/acme/credentials/crd_1\"",
            "*.desk.example:8443",
            "version 2",
            "by ada@acme.example",
            "by olga@acme.example",
            "never</span>",
            "value=\"taken\"",
            "a.example\nb.example",
            "<option value=\"api_key\" selected>",
            "href=\"#f-lines\"",
            "<details class=\"more\" open>",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        assert!(!html.contains("desk <b>") && html.contains("type=\"password\"") && html.contains("autocomplete=\"off\""));
        assert!(list(Vec::new(), FormErrors::none(), true).contains("No credentials yet"));
    }

    #[test]
    fn one_who_may_only_look_is_told_what_it_takes() {
        let html = list(vec![sample_row(true)], FormErrors::none(), false);
        assert!(!html.contains("action=\"/t/acme/credentials\"") && html.contains("credential:write") && html.contains("disabled"));
        let html = credential(Forms::default(), false);
        assert!(!html.contains("method=\"post\" action=\"/t/") && html.contains("credential:write"));
        assert!(html.contains("/t/acme/runs/run_1") && html.contains("?before=7"));
    }

    #[test]
    fn a_form_that_was_refused_says_why_at_its_place() {
        let html = credential(Forms { removal: errors("typed", "Type payment-desk to remove it."), ..Forms::default() }, true);
        assert_eq!(html.matches("id=\"errors\"").count(), 1);
        assert!(html.contains("href=\"#f-typed\"") && html.contains("action=\"/t/acme/credentials/crd_1/removal\""));
        let html =
            credential(Forms { change: errors("allowed_hosts", "Name a host."), hosts: "https://x".to_owned(), ..Forms::default() }, true);
        assert!(html.contains("https://x") && html.contains("aria-invalid=\"true\""));
    }

    #[test]
    fn a_value_is_taken_from_the_field_it_was_typed_in() {
        let read = |single: Option<&str>, lines: Option<&str>| {
            value(single.map(str::to_owned), lines.map(str::to_owned)).map(|value| (value.secret.expose().to_owned(), value.field)).ok()
        };
        assert_eq!(read(Some("s3cret"), None), Some(("s3cret".to_owned(), "value")));
        assert_eq!(read(None, Some("a\r\nb\r\n")), Some(("a\nb\n".to_owned(), "lines")));
        assert_eq!(read(None, None), Some((String::new(), "value")));
        assert_eq!(read(Some("a"), Some("b")), None);
        let refusal = at_field(Problem::field("value", "Too short.").into(), "lines");
        assert_eq!(refusal.errors.of("lines"), "Too short.");
    }
}
