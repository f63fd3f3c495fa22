//! The audit log: searched page by page, each row with all of its facts (`facts`), checked in place (`verification`), and taken
//! away as a file.

mod facts;
pub(crate) mod verification;

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName},
    web::Bytes,
};
use askama::Template;
use domain::{
    Cursor, Permission, Problem, Timestamp,
    permission::{AuditExport, AuditRead},
    time::Civil,
};
use futures_util::{Stream, stream};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use platform::audit::{AuditLine, AuditState, Export, Filter};
use serde::Deserialize;
use serde_json::json;

use facts::Fact;
use verification::Verdict;

use crate::{
    day,
    format::{self, ShownId, Time},
    page::Page,
    route::{Answer, Grant, Query, Result},
    text, things,
    view::{self, FormErrors, Outcome},
};

/// Rows on one page.
const ROWS: u32 = 50;
/// Signs of a row's facts that are shown before it is opened.
const GIST: usize = 90;
/// Signs of one fact among them.
const IN_GIST: usize = 40;
/// Rows that are checked for each page of the log: the newest.
const CHECKED: u32 = 200;
/// Tells htmx which address to show.
const REPLACE_URL: HeaderName = HeaderName::from_static("hx-replace-url");
/// What is written out in a query: everything but what RFC 3986 leaves as it is (2.3, 3.4).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'@').remove(b'/');

#[derive(Template)]
#[template(path = "audit/page.html", blocks = ["rows"])]
struct View {
    page: Page,
    href: String,
    filter: Sent,
    errors: FormErrors,
    chips: Vec<Chip>,
    rows: Vec<Row>,
    /// What is shown, in words.
    count: String,
    newest: String,
    older: String,
    state: State,
    /// Whether the newest rows are whole.
    verdict: Verdict,
    verification_href: String,
    may_export: bool,
    export_href: String,
    table_href: String,
}

/// A filter that is on, and the address without it.
struct Chip {
    label: String,
    href: String,
}

struct State {
    rows: String,
    hash: String,
    short: String,
}

struct Row {
    number: String,
    at: Time,
    actor: String,
    actor_href: String,
    door: &'static str,
    run: Option<ShownId>,
    run_href: String,
    action: String,
    action_href: String,
    target_name: String,
    target_kind: String,
    target: Option<ShownId>,
    target_href: String,
    page_href: String,
    /// `done`, `denied` or `failed`, and the state it looks like.
    outcome: String,
    tone: &'static str,
    address: String,
    request: ShownId,
    gist: String,
    facts: Vec<Fact>,
    /// The row as it was recorded.
    recorded: String,
}

/// The filters as they stand in the address; all of them may be missing.
#[derive(Clone, Default, Deserialize)]
pub(crate) struct Sent {
    text: Option<String>,
    action: Option<String>,
    actor: Option<String>,
    target: Option<String>,
    since: Option<String>,
    until: Option<String>,
    before: Option<i64>,
}

/// The filters by name, in the order of the form.
const FILTERS: [&str; 6] = ["text", "action", "actor", "target", "since", "until"];

/// What people call a filter.
fn word(filter: &str) -> &'static str {
    match filter {
        "text" => "text",
        "action" => "act",
        "actor" => "who",
        "target" => "id",
        "since" => "from",
        _ => "to",
    }
}

impl Sent {
    fn of(&self, name: &str) -> &str {
        let value = match name {
            "text" => &self.text,
            "action" => &self.action,
            "actor" => &self.actor,
            "target" => &self.target,
            "since" => &self.since,
            "until" => &self.until,
            _ => return "",
        };
        value.as_deref().map(str::trim).unwrap_or_default()
    }

    /// Whether one of the filters is on that are folded away otherwise.
    fn is_narrow(&self) -> bool {
        ["actor", "target", "since", "until"].iter().any(|name| !self.of(name).is_empty())
    }

    /// The same with one filter set anew, from the newest row on.
    fn with(&self, name: &str, value: &str) -> Self {
        let mut other = Self { before: None, ..self.clone() };
        let field = match name {
            "text" => &mut other.text,
            "action" => &mut other.action,
            "actor" => &mut other.actor,
            "target" => &mut other.target,
            "since" => &mut other.since,
            _ => &mut other.until,
        };
        *field = Some(value.to_owned()).filter(|value| !value.is_empty());
        other
    }

    fn is_filtered(&self) -> bool {
        FILTERS.iter().any(|name| !self.of(name).is_empty())
    }

    /// The address of the page with these filters and nothing else.
    fn address(&self, path: &str, before: Option<i64>) -> String {
        let mut parts: Vec<String> = FILTERS
            .iter()
            .filter(|name| !self.of(name).is_empty())
            .map(|name| format!("{name}={}", utf8_percent_encode(self.of(name), QUERY)))
            .collect();
        parts.extend(before.map(|before| format!("before={before}")));
        if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
    }

    fn filter(&self) -> Result<Filter> {
        let (since, until) = day::range(self.of("since"), self.of("until")).map_err(Problem::invalid)?;
        let text = |name| Some(self.of(name).to_owned()).filter(|text| !text.is_empty());
        Ok(Filter { text: text("text"), action: text("action"), actor: text("actor"), target: text("target"), since, until })
    }
}

/// What is said of the facts of a row before it is opened.
fn gist(facts: &[Fact]) -> String {
    let words: Vec<String> = facts.iter().map(|fact| format!("{}: {}", fact.label, cut(&fact.value, IN_GIST))).collect();
    cut(&words.join(" · "), GIST)
}

/// At most so many signs of a text.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// All that is known of a row, as it was recorded.
fn recorded(line: &AuditLine) -> String {
    text::pretty(&json!({
        "seq": line.seq,
        "at": line.at.to_string(),
        "actor": {"label": line.actor, "door": line.door, "run": line.run, "address": line.address, "request": line.request},
        "action": line.action,
        "target": {"kind": line.target_kind, "id": line.target_id, "name": line.target_name},
        "outcome": line.outcome,
        "detail": line.detail,
    }))
}

fn door(name: &str) -> &'static str {
    match name {
        "page" => "at a page",
        "mail_link" => "by a link in a mail",
        "api" => "through the API",
        "run" => "through a run",
        "operator" => "on the machine",
        "system" => "by itself",
        _ => "by another door",
    }
}

/// A row to be shown; `page` finds the page of a thing by kind and id. A workflow's page is found by its slug, which another
/// workflow may have today, so rows about workflows lead to no page.
fn row(sent: &Sent, path: &str, line: &AuditLine, page: impl Fn(&str, &str) -> String) -> Row {
    let by = |name: &str, value: &str| sent.with(name, value).address(path, None);
    let facts = facts::facts(line, &page);
    Row {
        number: format::count(u64::try_from(line.seq).unwrap_or_default()),
        at: format::clock(line.at),
        actor: text::in_line(&line.actor),
        actor_href: by("actor", &line.actor),
        door: door(&line.door),
        run: line.run.as_ref().map(format::id),
        run_href: line.run.as_deref().map(|run| page("run", run)).unwrap_or_default(),
        action: line.action.clone(),
        action_href: by("action", &line.action),
        // Some things are called by their id alone.
        target_name: if line.target_name == line.target_id { String::new() } else { text::in_line(&line.target_name) },
        target_kind: line.target_kind.clone(),
        target: Some(&line.target_id).filter(|id| !id.is_empty()).map(format::id),
        target_href: by("target", &line.target_id),
        page_href: if line.target_kind == "workflow" { String::new() } else { page(&line.target_kind, &line.target_id) },
        outcome: line.outcome.clone(),
        tone: match line.outcome.as_str() {
            "done" => "completed",
            "denied" => "cancelled",
            _ => "failed",
        },
        address: line.address.clone().unwrap_or_default(),
        request: format::id(&line.request),
        gist: gist(&facts),
        facts,
        recorded: recorded(line),
    }
}

fn chips(sent: &Sent, path: &str) -> Vec<Chip> {
    let chip = |name: &&str| {
        let value = sent.of(name);
        (!value.is_empty()).then(|| Chip { label: format!("{}: {value}", word(name)), href: sent.with(name, "").address(path, None) })
    };
    FILTERS.iter().filter_map(chip).collect()
}

fn count(sent: &Sent, rows: &[AuditLine], state: &AuditState) -> String {
    let number = |seq: i64| format::count(u64::try_from(seq).unwrap_or_default());
    match (rows.first(), rows.last()) {
        (Some(first), Some(last)) if !sent.is_filtered() => {
            format!("Rows {} to {} of {}", number(first.seq), number(last.seq), number(state.seq))
        }
        _ => match rows.len() {
            0 => "No rows".to_owned(),
            1 => "1 row".to_owned(),
            many => format!("{many} rows"),
        },
    }
}

/// `GET /t/{slug}/audit`: the log with the filters of the address; its rows alone when htmx asks for them.
pub(crate) async fn list(grant: Grant<AuditRead>, Query(sent): Query<Sent>) -> Answer {
    let (platform, actor) = (grant.platform(), grant.actor());
    let found = match sent.filter() {
        Ok(filter) => platform.audit(actor, &filter, sent.before.map(Cursor), ROWS).await,
        Err(error) => Err(error),
    };
    let (status, lines, next, errors) = match view::outcome(found, &[422])? {
        Outcome::Done(page) => (actix_web::http::StatusCode::OK, page.items, page.next, FormErrors::none()),
        Outcome::Refused(refusal) => (refusal.status, Vec::new(), None, refusal.errors),
    };
    let state = platform.audit_state(actor).await?;
    let verdict = verification::verdict(&platform.audit_check(actor, None, CHECKED).await?);
    let path = grant.path("/audit");
    let address = sent.address(&path, sent.before);
    let view = View {
        page: grant.page().await?,
        errors,
        chips: chips(&sent, &path),
        count: count(&sent, &lines, &state),
        rows: lines.iter().map(|line| row(&sent, &path, line, |kind, id| things::href(&grant, kind, id))).collect(),
        newest: sent.before.map(|_| sent.address(&path, None)).unwrap_or_default(),
        older: next.map(|Cursor(before)| sent.address(&path, Some(before))).unwrap_or_default(),
        state: State {
            rows: format::count(u64::try_from(state.seq).unwrap_or_default()),
            short: state.hash.get(..16).unwrap_or(&state.hash).to_owned(),
            hash: state.hash,
        },
        verdict,
        verification_href: grant.path("/audit/verification"),
        may_export: grant.may(Permission::AuditExport),
        export_href: grant.path("/audit/export.jsonl"),
        table_href: grant.path("/audit/export.csv"),
        href: path,
        filter: sent,
    };
    if !grant.visit().wants_fragment() {
        return view::html_with(status, &view);
    }
    let mut response = view::html_with(status, &view.as_rows())?;
    // The address is made of our own path and escaped values, so it is always a header's value.
    if let Ok(address) = address.parse() {
        response.headers_mut().insert(REPLACE_URL, address);
    }
    Ok(response)
}

/// The name of a file that holds the log as it was at a moment: `mandate-audit-acme-20261124T094103Z.jsonl`.
pub(crate) fn file_name(slug: &str, at: Timestamp, ending: &str) -> String {
    let Civil { year, month, day, hour, minute, second, .. } = at.civil();
    format!("mandate-audit-{slug}-{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z.{ending}")
}

/// The lines of an export, as they are read; the id of the request is for the log.
pub(crate) fn lines(export: Export, request: String) -> impl Stream<Item = std::result::Result<Bytes, actix_web::Error>> {
    stream::try_unfold((export, request), |(mut export, request): (Export, String)| async move {
        match export.next().await {
            Ok(Some(lines)) => Ok(Some((Bytes::from(lines), (export, request)))),
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::warn!(%request, %error, "request {request}: an export of an audit log broke off: {error}");
                Err(actix_web::error::ErrorInternalServerError("the export broke off"))
            }
        }
    })
}

/// `GET /t/{slug}/audit/export.jsonl`: the whole log as a file, oldest row first. That it was taken is recorded first, so
/// the file ends before that row.
pub(crate) async fn export(grant: Grant<AuditExport>) -> Answer {
    let export = grant.platform().audit_export(grant.actor()).await?;
    Ok(file(&grant, export, "jsonl", "application/x-ndjson"))
}

/// `GET /t/{slug}/audit/export.csv`: the same as a table for a spreadsheet.
pub(crate) async fn table(grant: Grant<AuditExport>) -> Answer {
    let export = grant.platform().audit_export_csv(grant.actor()).await?;
    Ok(file(&grant, export, "csv", "text/csv; charset=utf-8; header=present"))
}

/// An export as a file. One that breaks off is cut, so that the browser does not call it whole.
fn file(grant: &Grant<AuditExport>, export: Export, ending: &str, content_type: &'static str) -> HttpResponse {
    let name = file_name(grant.slug(), grant.platform().now(), ending);
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, content_type))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(lines(export, grant.visit().facts().id.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{page, view::FormError};

    const PATH: &str = "/t/acme/audit";

    fn line() -> AuditLine {
        let detail = json!({"hosts": ["payments.example"], "kind": "token", "before": null}).as_object().unwrap().clone();
        AuditLine {
            seq: 1204,
            at: Timestamp::from_micros(1_795_257_663_112_000),
            actor: "ada@acme.example".to_owned(),
            door: "run".to_owned(),
            run: Some("run_00000000000000000000000001".to_owned()),
            address: Some("203.0.113.7".to_owned()),
            request: "req_00000000000000000000000001".to_owned(),
            action: "credential.created".to_owned(),
            target_kind: "credential".to_owned(),
            target_id: "crd_00000000000000000000000001".to_owned(),
            target_name: "pay\u{202e}ment <desk>".to_owned(),
            outcome: "denied".to_owned(),
            detail,
        }
    }

    fn sent(text: &str) -> Sent {
        Sent { text: Some(text.to_owned()), ..Sent::default() }
    }

    fn view(filter: Sent, lines: &[AuditLine], may_export: bool) -> View {
        let state = AuditState { chain: "ten_1".to_owned(), seq: 1204, hash: "4f1c".repeat(16) };
        View {
            page: page::sample(),
            href: PATH.to_owned(),
            errors: FormErrors(vec![FormError { field: "since".to_owned(), message: "Enter a day.".to_owned() }]),
            chips: chips(&filter, PATH),
            count: count(&filter, lines, &state),
            rows: lines.iter().map(|line| row(&filter, PATH, line, |kind, id| format!("/{kind}/{id}"))).collect(),
            newest: PATH.to_owned(),
            older: filter.address(PATH, Some(1155)),
            state: State { rows: "1,204".to_owned(), short: "4f1c4f1c4f1c4f1c".to_owned(), hash: state.hash },
            verdict: Verdict { state: "completed", word: "Whole", sentence: "Rows 1,005 to 1,204 are as they were written.".to_owned() },
            verification_href: "/t/acme/audit/verification".to_owned(),
            may_export,
            export_href: "/t/acme/audit/export.jsonl".to_owned(),
            table_href: "/t/acme/audit/export.csv".to_owned(),
            filter,
        }
    }

    #[test]
    fn a_row_tells_who_when_by_which_door_what_to_what_and_from_where() {
        let html = view(sent("pay & <x>"), &[line()], true).render().unwrap();
        for part in [
            "21 Nov 10:41:03",
            "ada@acme.example",
            "through a run",
            "credential.created",
            "pay\\u{202e}ment &#60;desk&#62;",
            "denied",
            "203.0.113.7",
            "req_…000001",
            "/run/run_00000000000000000000000001",
            "text=pay%20%26%20%3Cx%3E",
            "before=1155",
            "value=\"pay &#38; &#60;x&#62;\"",
            "href=\"#f-since\"",
            "&#34;kind&#34;: &#34;token&#34;",
            "Kind: token",
            "<dt>Hosts</dt><dd>payments.example</dd>",
            "Rows 1,005 to 1,204 are as they were written.",
            "mandate audit verify",
            "export.jsonl",
            "export.csv",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        let html = view(Sent::default(), &[], false).render().unwrap();
        assert!(html.contains("audit:export") && !html.contains("href=\"/t/acme/audit/export.jsonl\""));
    }

    #[test]
    fn the_rows_can_be_sent_alone() {
        let html = view(sent("x"), &[line()], true).as_rows().render().unwrap();
        assert!(html.contains("id=\"rows\"") && html.contains("credential.created") && !html.contains("<html") && !html.contains("<form"));
    }

    #[test]
    fn filters_live_in_the_address() {
        let sent = Sent { action: Some("approval.".to_owned()), before: Some(7), ..sent("a b") };
        assert_eq!(sent.address(PATH, sent.before), "/t/acme/audit?text=a%20b&action=approval.&before=7");
        assert_eq!(sent.with("text", "").address(PATH, None), "/t/acme/audit?action=approval.");
        assert_eq!(Sent::default().address(PATH, None), PATH);
        assert_eq!(chips(&sent, PATH).len(), 2);
    }

    #[test]
    fn a_row_says_in_a_line_what_it_is_about() {
        let of = |detail: Value| {
            let line = AuditLine { detail: detail.as_object().unwrap().clone(), ..line() };
            gist(&facts::facts(&line, |_, _| String::new()))
        };
        assert_eq!(of(json!({"hosts": ["payments.example"], "before": null})), "Hosts: payments.example · Before: none");
        let long = "ä".repeat(200);
        assert_eq!(of(json!({"note": long})), format!("Note: {}…", "ä".repeat(IN_GIST)));
        assert_eq!(of(json!({"a": long, "b": long, "c": long})).chars().count(), GIST + 1);
    }

    #[test]
    fn a_file_is_named_after_its_tenant_and_its_moment() {
        assert_eq!(file_name("acme", line().at, "jsonl"), "mandate-audit-acme-20261121T104103Z.jsonl");
    }
}
