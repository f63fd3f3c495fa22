//! What a tenant decides for itself, shown and changed: its name, how long its members' sessions may be idle, whom it invites,
//! and quotas below the operator's.

use database::settings::{self as rows, QuotaRow, SettingsRow};
use domain::{
    Actor, Scope,
    audit::{AuditEvent, AuditEvents},
    permission::{SettingsRead, SettingsWrite},
};
use serde_json::{Value, json};

use super::quotas::{Quota, Quotas};
use crate::{
    Platform, Result,
    budgets::period::Zone,
    identity::{Fields, name as read_name},
};

/// The shortest time, in minutes, that a session may be idle: below it nobody could read a page to its end.
pub const SHORTEST_IDLE: i64 = 5;
/// The most domains that are named.
const MOST_DOMAINS: usize = 50;

/// The settings of a tenant, to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsShown {
    /// Its name for people.
    pub name: String,
    /// Minutes after which a session of a member that nobody uses ends, where the tenant says so.
    pub session_idle_minutes: Option<i64>,
    /// What the operator allows at most, in minutes; holds where the tenant says nothing.
    pub most_idle_minutes: i64,
    /// The domains of the addresses that may be invited; none for all.
    pub invited_domains: Vec<String>,
    /// The name of the time zone in which its days begin.
    pub time_zone: String,
    /// Each quota with what is used of it.
    pub quotas: Vec<QuotaShown>,
}

/// One quota, to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaShown {
    /// Which.
    pub quota: Quota,
    /// What is used.
    pub used: i64,
    /// What the tenant set for itself.
    pub own: Option<i64>,
    /// What the operator allows at most.
    pub most: i64,
}

impl QuotaShown {
    /// The limit that holds.
    pub fn limit(&self) -> i64 {
        self.own.map_or(self.most, |own| own.min(self.most))
    }
}

/// Settings as somebody typed them.
#[derive(Debug, Clone, Default)]
pub struct SettingsText {
    /// The name.
    pub name: String,
    /// Minutes, or nothing.
    pub session_idle_minutes: String,
    /// Domains, apart by spaces, commas or line ends, or nothing.
    pub invited_domains: String,
    /// The name of a time zone.
    pub time_zone: String,
}

/// Quotas as somebody typed them; nothing for what the operator allows.
#[derive(Debug, Clone, Default)]
pub struct QuotaText {
    /// Members.
    pub members: String,
    /// Open runs.
    pub open_runs: String,
    /// Runs within 24 hours.
    pub runs_a_day: String,
    /// Bytes, in MiB.
    pub stored_mib: String,
}

/// The domains in a text, in lower case and in order.
fn domains(text: &str) -> Result<Vec<String>, String> {
    let mut domains = Vec::new();
    for word in text.split([' ', ',', ';', '\n', '\r', '\t']).filter(|word| !word.is_empty()) {
        let domain = word.trim_start_matches('@').to_ascii_lowercase();
        crate::identity::email(&format!("x@{domain}")).map_err(|_| format!("`{word}` is not a domain such as example.com."))?;
        domains.push(domain);
    }
    domains.sort_unstable();
    domains.dedup();
    if domains.len() > MOST_DOMAINS {
        return Err(format!("At most {MOST_DOMAINS} domains can be named."));
    }
    Ok(domains)
}

/// A time zone by its name, as the database of time zones writes it.
fn time_zone(text: &str) -> Result<String, String> {
    let zone = Zone::named(text.trim()).ok_or("Enter the name of a time zone such as Europe/Berlin, or UTC.")?;
    Ok(zone.name().to_owned())
}

/// A whole number between two others, or nothing.
fn number(text: &str, least: i64, most: i64, unit: &str) -> Result<Option<i64>, String> {
    let digits = text.trim().replace(',', "");
    if digits.is_empty() {
        return Ok(None);
    }
    match digits.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
        Ok(number) if number > most => Err(format!("The operator allows at most {most}{unit}.")),
        _ => Err(format!("Enter a whole number from {least} to {most}{unit}, or leave it empty.")),
    }
}

/// The facts of a change for the log: what was and what is, for what differs.
fn changed(event: AuditEvent, facts: &[(&str, Value, Value)]) -> Option<AuditEvent> {
    let mut changed = facts.iter().filter(|(_, before, after)| before != after).peekable();
    changed.peek()?;
    Some(changed.fold(event, |event, (name, before, after)| event.with(name, json!({"from": before, "to": after}))))
}

impl Platform {
    /// The operator's limit of an idle session, in minutes.
    fn most_idle_minutes(&self) -> i64 {
        i64::try_from(self.settings().session_idle.as_secs() / 60).unwrap_or(i64::MAX).max(SHORTEST_IDLE)
    }

    /// The settings of the actor's tenant.
    ///
    /// # Errors
    /// 403 without `settings:read`.
    pub async fn tenant_settings(&self, actor: &Actor) -> Result<SettingsShown> {
        let scope = Scope::<SettingsRead>::of(actor, "settings")?;
        let mut tx = self.parts().database.read(actor).await?;
        let row = rows::find(&mut tx, &scope).await?;
        let used = self.used(&mut tx).await?;
        let own = |quota| match quota {
            Quota::Members => row.quotas.members,
            Quota::OpenRuns => row.quotas.open_runs,
            Quota::RunsADay => row.quotas.runs_a_day,
            Quota::StoredBytes => row.quotas.stored_bytes,
        };
        let shown = |quota: &Quota| QuotaShown {
            quota: *quota,
            used: used.get(quota).copied().unwrap_or_default(),
            own: own(*quota),
            most: self.settings().quotas.of(*quota),
        };
        Ok(SettingsShown {
            most_idle_minutes: self.most_idle_minutes(),
            invited_domains: row.invited_domains.split_whitespace().map(str::to_owned).collect(),
            quotas: Quota::ALL.iter().map(shown).collect(),
            session_idle_minutes: row.session_idle_minutes,
            time_zone: row.time_zone,
            name: row.name,
        })
    }

    /// Changes the settings of the actor's tenant. False, and nothing done, when they are so already.
    ///
    /// # Errors
    /// 403 without `settings:write`; 422 with every field that is wrong.
    pub async fn change_settings(&self, actor: &Actor, text: &SettingsText) -> Result<bool> {
        let scope = Scope::<SettingsWrite>::of(actor, "settings")?;
        let mut fields = Fields::default();
        let name = fields.take("name", read_name(&text.name, 80));
        let idle =
            fields.take("session_idle_minutes", number(&text.session_idle_minutes, SHORTEST_IDLE, self.most_idle_minutes(), " minutes"));
        let domains = fields.take("invited_domains", domains(&text.invited_domains));
        let zone = fields.take("time_zone", time_zone(&text.time_zone));
        let (Some(name), Some(session_idle_minutes), Some(domains), Some(time_zone)) = (name, idle, domains, zone) else {
            return Err(fields.problem());
        };
        let mut tx = self.parts().database.write(actor).await?;
        let before = rows::in_force(&mut tx).await?;
        let after = SettingsRow { name, session_idle_minutes, invited_domains: domains.join(" "), time_zone, quotas: before.quotas };
        let event = AuditEvent::done("config.changed", "settings", actor.tenant(), &after.name);
        let facts = [
            ("name", json!(before.name), json!(after.name)),
            ("session_idle_minutes", json!(before.session_idle_minutes), json!(after.session_idle_minutes)),
            ("invited_domains", json!(before.invited_domains), json!(after.invited_domains)),
            ("time_zone", json!(before.time_zone), json!(after.time_zone)),
        ];
        let Some(event) = changed(event, &facts) else { return Ok(false) };
        rows::change(&mut tx, &scope, &after).await?;
        tx.commit(AuditEvents::one(event)).await?;
        Ok(true)
    }

    /// Sets the quotas of the actor's tenant. What is over one already stays; nothing is added to it. False, and nothing done,
    /// when they are so already.
    ///
    /// # Errors
    /// 403 without `settings:write`; 422 for what is no number or above what the operator allows.
    pub async fn set_quotas(&self, actor: &Actor, text: &QuotaText) -> Result<bool> {
        let scope = Scope::<SettingsWrite>::of(actor, "settings")?;
        let most: Quotas = self.settings().quotas;
        let mut fields = Fields::default();
        let members = fields.take("members", number(&text.members, 1, most.members, ""));
        let open_runs = fields.take("open_runs", number(&text.open_runs, 0, most.open_runs, ""));
        let runs_a_day = fields.take("runs_a_day", number(&text.runs_a_day, 0, most.runs_a_day, ""));
        let stored = fields.take("stored_mib", number(&text.stored_mib, 0, most.stored_bytes >> 20, " MiB"));
        let (Some(members), Some(open_runs), Some(runs_a_day), Some(stored)) = (members, open_runs, runs_a_day, stored) else {
            return Err(fields.problem());
        };
        let after = QuotaRow { members, open_runs, runs_a_day, stored_bytes: stored.map(|mib| mib << 20) };
        let mut tx = self.parts().database.write(actor).await?;
        let before = rows::in_force(&mut tx).await?;
        let event = AuditEvent::done("config.changed", "quotas", actor.tenant(), &before.name);
        let facts = [
            (Quota::Members.name(), json!(before.quotas.members), json!(after.members)),
            (Quota::OpenRuns.name(), json!(before.quotas.open_runs), json!(after.open_runs)),
            (Quota::RunsADay.name(), json!(before.quotas.runs_a_day), json!(after.runs_a_day)),
            (Quota::StoredBytes.name(), json!(before.quotas.stored_bytes), json!(after.stored_bytes)),
        ];
        let Some(event) = changed(event, &facts) else { return Ok(false) };
        rows::set_quotas(&mut tx, &scope, &after).await?;
        tx.commit(AuditEvents::one(event)).await?;
        Ok(true)
    }
}

/// Whether an address may be invited to a tenant that names these domains, apart by spaces.
pub(crate) fn may_be_invited(email: &str, invited_domains: &str) -> bool {
    let host = email.rsplit_once('@').map_or("", |(_, host)| host);
    invited_domains.is_empty() || invited_domains.split_whitespace().any(|domain| domain == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_read_however_they_are_apart() {
        assert_eq!(
            domains(" @Acme.example,globex.example\nacme.example "),
            Ok(vec!["acme.example".to_owned(), "globex.example".to_owned()])
        );
        assert_eq!(domains(""), Ok(Vec::new()));
        assert!(domains("acme.example somebody@acme.example").is_err());
        let many: Vec<String> = (0..60).map(|number| format!("d{number}.example")).collect();
        assert!(domains(&many.join(" ")).is_err());
    }

    #[test]
    fn a_number_is_within_what_the_operator_allows() {
        assert_eq!(number("", 5, 60, ""), Ok(None));
        assert_eq!(number(" 1,000 ", 0, 1_000, ""), Ok(Some(1_000)));
        assert!(number("61", 5, 60, " minutes").unwrap_err().contains("at most 60 minutes"));
        for wrong in ["4", "-1", "x", "1.5", "99999999999999999999"] {
            assert!(number(wrong, 5, 60, "").is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_invited_by_its_whole_domain() {
        assert!(may_be_invited("a@acme.example", "") && may_be_invited("a@acme.example", "x.example acme.example"));
        for other in ["a@evil-acme.example", "a@sub.acme.example", "acme.example"] {
            assert!(!may_be_invited(other, "acme.example"), "{other}");
        }
    }
}
