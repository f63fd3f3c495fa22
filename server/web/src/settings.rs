//! Settings of a tenant: its name, sessions, whom it invites, and quotas with what is used of them.

use askama::Template;
use domain::{
    Permission,
    permission::{SettingsRead, SettingsWrite},
};
use platform::tenants::{Quota, QuotaShown, QuotaText, SettingsShown, SettingsText};
use serde::Deserialize;

use crate::{
    format,
    mandate::Meter,
    page::Page,
    route::{Answer, Form, Grant, Result},
    view::{self, FormErrors, Outcome},
};

/// What the forms show themselves.
const IN_FORM: &[u16] = &[422];
/// Bytes of a MiB.
const MIB: i64 = 1 << 20;

#[derive(Template)]
#[template(path = "settings/page.html")]
struct View {
    page: Page,
    slug: String,
    href: String,
    form: Filled,
    errors: FormErrors,
    /// What the operator allows at most, in minutes.
    most_idle: i64,
    quotas: Vec<QuotaRow>,
    quota_errors: FormErrors,
    may_write: bool,
}

/// What stands in the form of the settings.
struct Filled {
    name: String,
    session_idle_minutes: String,
    invited_domains: String,
    time_zone: String,
}

/// One quota with its field.
struct QuotaRow {
    label: &'static str,
    words: &'static str,
    /// The name of its field.
    field: &'static str,
    typed: String,
    unit: &'static str,
    used: String,
    limit: String,
    most: String,
    /// The same as the field would have it.
    most_typed: String,
    is_own: bool,
    meter: Meter,
}

/// The settings, as they are sent.
#[derive(Deserialize)]
pub(crate) struct Sent {
    name: String,
    session_idle_minutes: String,
    invited_domains: String,
    time_zone: String,
}

/// The quotas, as they are sent.
#[derive(Deserialize)]
pub(crate) struct SentQuotas {
    members: String,
    open_runs: String,
    runs_a_day: String,
    stored_mib: String,
}

impl From<SentQuotas> for QuotaText {
    fn from(sent: SentQuotas) -> Self {
        Self { members: sent.members, open_runs: sent.open_runs, runs_a_day: sent.runs_a_day, stored_mib: sent.stored_mib }
    }
}

/// Label, explanation and field of a quota.
const fn words(quota: Quota) -> (&'static str, &'static str, &'static str) {
    match quota {
        Quota::Members => ("Members", "Active members and open invitations; service accounts do not count.", "members"),
        Quota::OpenRuns => ("Open runs", "Runs that have not ended, those that wait among them.", "open_runs"),
        Quota::RunsADay => ("Runs within 24 hours", "Counted back from each start, not from midnight.", "runs_a_day"),
        Quota::StoredBytes => ("Stored workflows and inputs", "Every saved version, and the inputs of every run.", "stored_mib"),
    }
}

/// An amount of a quota as it is shown.
fn amount(quota: Quota, number: i64) -> String {
    let number = u64::try_from(number).unwrap_or(0);
    if quota != Quota::StoredBytes {
        return format::count(number);
    }
    let mib = 1_u64 << 20;
    match number {
        0..1_024 => format!("{number} bytes"),
        _ if number < mib => format!("{} KiB", number >> 10),
        _ if number.is_multiple_of(mib) || number >= 100 * mib => format!("{} MiB", format::count(number >> 20)),
        _ => format!("{}.{} MiB", number >> 20, (number % mib) * 10 / mib),
    }
}

/// What is used of a limit, drawn.
fn meter(quota: &QuotaShown) -> Meter {
    let (used, limit) = (i128::from(quota.used.max(0)), i128::from(quota.limit()));
    let tenths = if limit == 0 { 1_000 } else { (used * 1_000 / limit).min(1_000) };
    let level = match tenths {
        1_000.. => "over",
        800.. => "near",
        _ => "",
    };
    let label = format!("{} of {} used", amount(quota.quota, quota.used), amount(quota.quota, quota.limit()));
    Meter { spent: format!("{}.{}", tenths / 10, tenths % 10), held: "0.0".to_owned(), level, label }
}

/// A limit as somebody would type it.
fn typed_as(quota: Quota, limit: i64) -> String {
    if quota == Quota::StoredBytes { (limit / MIB).to_string() } else { limit.to_string() }
}

fn quota_row(quota: &QuotaShown, typed: Option<&QuotaText>) -> QuotaRow {
    let (label, words, field) = words(quota.quota);
    let typed = match typed {
        None => quota.own.map(|own| typed_as(quota.quota, own)).unwrap_or_default(),
        Some(typed) => match quota.quota {
            Quota::Members => &typed.members,
            Quota::OpenRuns => &typed.open_runs,
            Quota::RunsADay => &typed.runs_a_day,
            Quota::StoredBytes => &typed.stored_mib,
        }
        .clone(),
    };
    QuotaRow {
        label,
        words,
        field,
        typed,
        unit: if quota.quota == Quota::StoredBytes { "MiB" } else { "" },
        used: amount(quota.quota, quota.used),
        limit: amount(quota.quota, quota.limit()),
        most: amount(quota.quota, quota.most),
        most_typed: typed_as(quota.quota, quota.most),
        is_own: quota.own.is_some_and(|own| own < quota.most),
        meter: meter(quota),
    }
}

/// The form that is shown again.
enum Again {
    Nothing,
    Settings(FormErrors, Sent),
    Quotas(FormErrors, QuotaText),
}

async fn shown<P>(grant: &Grant<P>, again: Again) -> Result<View> {
    let settings: SettingsShown = grant.platform().tenant_settings(grant.actor()).await?;
    let mut form = Filled {
        name: settings.name,
        session_idle_minutes: settings.session_idle_minutes.map(|minutes| minutes.to_string()).unwrap_or_default(),
        invited_domains: settings.invited_domains.join("\n"),
        time_zone: settings.time_zone,
    };
    let (mut errors, mut quota_errors, mut typed) = (FormErrors::none(), FormErrors::none(), None);
    match again {
        Again::Nothing => {}
        Again::Settings(wrong, sent) => {
            errors = wrong;
            form = Filled {
                name: sent.name,
                session_idle_minutes: sent.session_idle_minutes,
                invited_domains: sent.invited_domains,
                time_zone: sent.time_zone,
            };
        }
        Again::Quotas(wrong, text) => {
            quota_errors = wrong;
            typed = Some(text);
        }
    }
    Ok(View {
        page: grant.page().await?,
        slug: grant.slug().to_owned(),
        href: grant.path("/settings"),
        form,
        errors,
        most_idle: settings.most_idle_minutes,
        quotas: settings.quotas.iter().map(|quota| quota_row(quota, typed.as_ref())).collect(),
        quota_errors,
        may_write: grant.may(Permission::SettingsWrite),
    })
}

/// `GET /t/{slug}/settings`.
pub(crate) async fn page(grant: Grant<SettingsRead>) -> Answer {
    view::html(&shown(&grant, Again::Nothing).await?)
}

fn words_of(is_changed: bool) -> &'static str {
    if is_changed { "Saved, and in force from now on." } else { "It was so already: nothing was changed." }
}

/// `POST /t/{slug}/settings`: changes name, sessions and whom it invites.
pub(crate) async fn change(grant: Grant<SettingsWrite>, Form(sent): Form<Sent>) -> Answer {
    let text = SettingsText {
        name: sent.name.clone(),
        session_idle_minutes: sent.session_idle_minutes.clone(),
        invited_domains: sent.invited_domains.clone(),
        time_zone: sent.time_zone.clone(),
    };
    match view::outcome(grant.platform().change_settings(grant.actor(), &text).await, IN_FORM)? {
        Outcome::Done(is_changed) => Ok(grant.visit().done(&grant.path("/settings"), words_of(is_changed))),
        Outcome::Refused(refusal) => view::html_with(refusal.status, &shown(&grant, Again::Settings(refusal.errors, sent)).await?),
    }
}

/// `POST /t/{slug}/settings/quotas`: sets quotas below the operator's.
pub(crate) async fn set_quotas(grant: Grant<SettingsWrite>, Form(sent): Form<SentQuotas>) -> Answer {
    let text = QuotaText::from(sent);
    match view::outcome(grant.platform().set_quotas(grant.actor(), &text).await, IN_FORM)? {
        Outcome::Done(is_changed) => Ok(grant.visit().done(&grant.path("/settings"), words_of(is_changed))),
        Outcome::Refused(refusal) => view::html_with(refusal.status, &shown(&grant, Again::Quotas(refusal.errors, text)).await?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{page, view::FormError};

    fn quota(quota: Quota, used: i64, own: Option<i64>, most: i64) -> QuotaShown {
        QuotaShown { quota, used, own, most }
    }

    #[test]
    fn amounts_are_shown_in_units_that_people_read() {
        for (bytes, text) in [(0, "0 bytes"), (2_048, "2 KiB"), (3 * MIB / 2, "1.5 MiB"), (10 << 30, "10,240 MiB")] {
            assert_eq!(amount(Quota::StoredBytes, bytes), text);
        }
        assert_eq!(amount(Quota::OpenRuns, 20_000), "20,000");
    }

    #[test]
    fn a_meter_never_leaves_its_track_and_says_itself_in_words() {
        let of = |used, own| meter(&quota(Quota::Members, used, own, 1_000));
        assert_eq!((of(5, None).spent.as_str(), of(5, None).level), ("0.5", ""));
        assert_eq!((of(5, Some(6)).level, of(7, Some(6)).spent.as_str(), of(7, Some(6)).level), ("near", "100.0", "over"));
        assert_eq!(of(0, Some(0)).level, "over", "nothing is allowed");
        assert_eq!(of(5, None).label, "5 of 1,000 used");
    }

    #[test]
    fn a_refused_form_keeps_what_was_typed_and_whoever_only_reads_has_none() {
        let errors = FormErrors(vec![FormError { field: "members".to_owned(), message: "At most 1000.".to_owned() }]);
        let typed = QuotaText { members: "2000".to_owned(), ..QuotaText::default() };
        let view = |may_write| View {
            page: page::sample(),
            slug: "acme".to_owned(),
            href: "/t/acme/settings".to_owned(),
            form: Filled {
                name: "Acme".to_owned(),
                session_idle_minutes: String::new(),
                invited_domains: "<b>.example".to_owned(),
                time_zone: "UTC".to_owned(),
            },
            errors: FormErrors::none(),
            most_idle: 60,
            quotas: vec![quota_row(&quota(Quota::Members, 5, Some(10), 1_000), Some(&typed))],
            quota_errors: errors.clone(),
            may_write,
        };
        let html = view(true).render().unwrap();
        for part in ["value=\"2000\"", "At most 1000.", "action=\"/t/acme/settings/quotas\"", "&#60;b&#62;.example", "5 of 10 used"] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let html = view(false).render().unwrap();
        assert!(!html.contains("action=\"/t/acme/settings") && html.contains("settings:write"));
    }
}
