//! One's own account: the address, the password, light and dark, and where one is signed in.

use askama::Template;
use domain::{Secret, SessionId};
use platform::identity::SessionShown;
use serde::Deserialize;

use crate::{
    format::{self, Time},
    page::Page,
    route::{Account, Answer, Form, Path, Result},
    sign_in,
    view::{self, FormErrors, Outcome},
    visit::with_cookie,
};

#[derive(Template)]
#[template(path = "account/page.html")]
struct View {
    page: Page,
    email: String,
    errors: FormErrors,
    /// What is wrong with a new address, and the one that was typed.
    email_errors: FormErrors,
    new_email: String,
    sessions: Vec<SessionRow>,
}

struct SessionRow {
    id: String,
    browser: String,
    is_this_one: bool,
    since: Time,
    seen: Time,
    address: String,
}

/// A change of the password.
#[derive(Deserialize)]
pub(crate) struct Change {
    current: String,
    new: String,
}

/// A new address.
#[derive(Deserialize)]
pub(crate) struct Address {
    email: String,
    password: String,
}

/// A choice of light and dark.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Theme {
    System,
    Light,
    Dark,
}

/// A choice of light and dark.
#[derive(Deserialize)]
pub(crate) struct Choice {
    theme: Theme,
}

/// What a browser is, in two words, from what it calls itself. The order matters: each calls itself by its forebears' names
/// too.
pub(crate) fn browser(agent: Option<&str>) -> String {
    let Some(agent) = agent else { return "Unknown".to_owned() };
    let find = |names: &[(&str, &'static str)]| names.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| *name);
    let name = find(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (name, system) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        (None, _) => agent.chars().take(40).collect(),
    }
}

async fn shown(account: &Account, errors: FormErrors) -> Result<View> {
    let now = account.platform().now();
    let row = |session: SessionShown| SessionRow {
        id: session.id.to_string(),
        browser: browser(session.agent.as_deref()),
        is_this_one: session.is_this_one,
        since: format::moment(session.signed_in_at, now),
        seen: format::ago(session.last_seen_at, now),
        address: session.address.unwrap_or_else(|| "unknown".to_owned()),
    };
    let sessions = account.platform().own_sessions(account.session().person()).await?;
    Ok(View {
        page: account.page().await?,
        email: account.session().email().to_owned(),
        errors,
        email_errors: FormErrors::none(),
        new_email: String::new(),
        sessions: sessions.into_iter().map(row).collect(),
    })
}

/// `GET /account`.
pub(crate) async fn page(account: Account) -> Answer {
    view::html(&shown(&account, FormErrors::none()).await?)
}

/// `POST /account/password`: changes it and ends the other sessions.
pub(crate) async fn change_password(account: Account, Form(sent): Form<Change>) -> Answer {
    let client = account.visit().client();
    let changed =
        account.platform().change_password(account.session().person(), Secret::new(sent.current), Secret::new(sent.new), &client).await;
    match view::outcome(changed, &[422, 429])? {
        Outcome::Done(0) => Ok(account.visit().done("/account", "The password is changed.")),
        Outcome::Done(_) => Ok(account.visit().done("/account", "The password is changed, and your other sessions are signed out.")),
        Outcome::Refused(refusal) => view::html_later(refusal.status, refusal.retry_after, &shown(&account, refusal.errors).await?),
    }
}

/// `POST /account/email`: sends a link to the new address, which changes nothing before it is followed.
pub(crate) async fn change_email(account: Account, Form(sent): Form<Address>) -> Answer {
    let (platform, visit) = (account.platform(), account.visit());
    let asked = platform.request_email_change(account.session().person(), &sent.email, Secret::new(sent.password), &visit.client()).await;
    match view::outcome(asked, &[422, 429])? {
        Outcome::Done(email) => {
            Ok(visit.done("/account", &format!("A mail is on its way to {email}. Open the link in it here, within an hour.")))
        }
        Outcome::Refused(refusal) => {
            let view = shown(&account, FormErrors::none()).await?;
            let view = View { email_errors: refusal.errors, new_email: sent.email, ..view };
            view::html_later(refusal.status, refusal.retry_after, &view)
        }
    }
}

/// `POST /account/theme`: keeps the choice on this browser.
pub(crate) async fn choose_theme(account: Account, Form(sent): Form<Choice>) -> Answer {
    let theme = match sent.theme {
        Theme::System => "",
        Theme::Light => "light",
        Theme::Dark => "dark",
    };
    let visit = account.visit();
    Ok(with_cookie(visit.done("/account", "Kept on this browser."), &visit.site().cookies.choose_theme(theme)))
}

/// `POST /account/sessions/{id}/ending`: signs one browser out.
pub(crate) async fn end_session(account: Account, Path(id): Path<SessionId>) -> Answer {
    if id == account.session().id() {
        return sign_in::sign_out(account).await;
    }
    account.platform().revoke_session(account.session().person(), id, account.visit().facts()).await?;
    Ok(account.visit().done("/account", "That browser is signed out."))
}

/// `POST /account/sessions/ending`: signs every other browser out.
pub(crate) async fn end_other_sessions(account: Account) -> Answer {
    account.platform().revoke_other_sessions(account.session().person(), account.visit().facts()).await?;
    Ok(account.visit().done("/account", "Every other browser is signed out."))
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::page;

    #[test]
    fn a_browser_is_told_in_two_words() {
        for (agent, words) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36 Edg/150.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1",
                "Safari on iPhone",
            ),
            ("curl/8.5.0", "curl"),
            ("<script>", "<script>"),
        ] {
            assert_eq!(browser(Some(agent)), words);
        }
        assert_eq!(browser(None), "Unknown");
    }

    #[test]
    fn one_s_own_session_has_no_button() {
        let row = |is_this_one| SessionRow {
            id: "ses_1".to_owned(),
            browser: "<script>".to_owned(),
            is_this_one,
            since: format::clock(Timestamp::from_micros(0)),
            seen: format::clock(Timestamp::from_micros(0)),
            address: "127.0.0.1".to_owned(),
        };
        let view = |sessions| {
            let (email, new_email) = ("ada@acme.example".to_owned(), "new\"@acme.example".to_owned());
            let (errors, email_errors) = (FormErrors::none(), FormErrors::none());
            View { page: page::sample(), email, errors, email_errors, new_email, sessions }.render().unwrap()
        };
        let html = view(vec![row(true), row(false)]);
        assert_eq!(html.matches("/account/sessions/ses_1/ending").count(), 1);
        assert!(html.contains("/account/sessions/ending") && !html.contains("<small><script>") && html.contains("&#60;script&#62;"));
        assert!(html.contains("value=\"dark\" checked") && html.contains("new&#34;@acme.example"));
        assert!(!view(vec![row(true)]).contains("/ending"));
    }
}
