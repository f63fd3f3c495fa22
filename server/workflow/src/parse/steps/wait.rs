//! `wait`: for a while, until a moment, or for something from outside.

use serde_json::Value;

use super::{Reader, approval, form};
use crate::{
    expression::{Moment, Template},
    parse::{
        context::Context,
        diagnostic::Report,
        fields::{Fields, required},
        scalar::{self, is_template, short},
        source::Place,
        template,
        yaml::Entry,
    },
    plan::{AfterExpiry, Approver, Expiry, StepKind, TemplateValue, WaitStep},
};

/// What is waited for, and the key that says it.
const MODES: &[(&str, Mode)] =
    &[("duration", Mode::Duration), ("until", Mode::Until), ("webhook", Mode::Webhook), ("form", Mode::Form), ("signal", Mode::Signal)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Duration,
    Until,
    Webhook,
    Form,
    Signal,
}

impl Mode {
    const fn word(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Until => "until",
            Self::Webhook => "webhook",
            Self::Form => "form",
            Self::Signal => "signal",
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Until => "until",
            Self::Webhook => "webhook_path",
            Self::Form => "fields",
            Self::Signal => "signal",
        }
    }

    const fn expires(self) -> bool {
        matches!(self, Self::Webhook | Self::Form | Self::Signal)
    }
}

impl Reader<'_> {
    pub(super) fn wait(&mut self, fields: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let mode = self.mode(fields, place)?;
        self.outline.tests = Some(mode.word().to_owned());
        let report = &mut self.context.report;
        let why = format!("this waits with `mode: {}`", mode.word());
        for (_, other) in MODES.iter().filter(|(_, other)| *other != mode) {
            fields.refuse_meaningless(report, &[other.key()], &why, None);
        }
        if mode != Mode::Form {
            fields.refuse_meaningless(report, &["approvers"], &why, None);
        }
        if !mode.expires() {
            fields.refuse_meaningless(report, &["expires_in", "on_expiry"], &why, None);
        }
        let help = match mode {
            Mode::Duration => "add `duration:`, such as `duration: 5m`",
            Mode::Until => "add `until:`, such as `until: 2026-01-31T09:00:00Z`",
            Mode::Webhook => "add `webhook_path:`, such as `webhook_path: deliveries`",
            Mode::Form => "add `fields:` with what is to be filled in",
            Mode::Signal => "add `signal:` with the name of what is waited for",
        };
        let entry = fields.take_required(report, mode.key(), ("this wait", place), help);
        let approvers = fields.take(report, "approvers", &[]);
        let approvers = match approvers {
            Some(entry) => approval::read_approvers(self.context, entry),
            None => Some(vec![Approver::Anyone]),
        };
        let expiry = expiry(self.context, fields);
        let context = &mut *self.context;
        let entry = entry?;
        let wait = match mode {
            Mode::Duration => WaitStep::Duration { duration: length(context, entry)? },
            Mode::Until => WaitStep::Until { until: moment(context, entry)? },
            Mode::Webhook => WaitStep::Webhook { path: path(context, entry)?, expiry },
            Mode::Signal => WaitStep::Signal { signal: signal(context, entry)?, expiry },
            Mode::Form => {
                let approvers = approvers?;
                self.outline.approvers = approval::words(&approvers);
                WaitStep::Form { fields: form::read(context, entry)?, approvers, expiry }
            }
        };
        Some(StepKind::Wait(wait))
    }

    /// What is waited for: what `mode` says, else the one key that there is.
    fn mode(&mut self, fields: &mut Fields<'_>, place: Place) -> Option<Mode> {
        let report = &mut self.context.report;
        if let Some(entry) = fields.take(report, "mode", &[]) {
            let mode = scalar::word(report, "mode", &entry.node, MODES, &[]);
            if mode.is_none() {
                Self::pass_over(report, fields);
            }
            return mode;
        }
        let mut said = MODES.iter().map(|(_, mode)| *mode).filter(|mode| fields.has(mode.key()));
        if let (Some(mode), None) = (said.next(), said.next()) {
            let word = mode.word();
            report.hint(place, "mode_missing", format!("no mode is given: this waits with `mode: {word}`"), format!("add `mode: {word}`"));
            return Some(mode);
        }
        let listed = MODES.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        required(report, place, "mode", "a `wait`", format!("it is one of {listed}"));
        Self::pass_over(report, fields);
        None
    }

    /// Without a mode nothing is known about the keys that depend on it.
    fn pass_over(report: &mut Report, fields: &mut Fields<'_>) {
        for key in MODES.iter().map(|(_, mode)| mode.key()).chain(["approvers", "expires_in", "on_expiry"]) {
            let _ = fields.take(report, key, &[]);
        }
    }
}

fn expiry(context: &mut Context, fields: &mut Fields<'_>) -> Expiry {
    let report = &mut context.report;
    let after = fields.take(report, "expires_in", &[]);
    let then = fields.take(report, "on_expiry", &[]);
    if let Some(entry) = then.filter(|_| after.is_none()) {
        let help = "add `expires_in:`, how long it waits".to_owned();
        report.error_with(entry.key_place, "no_meaning", "`on_expiry` has no meaning here: this waits as long as it takes", help);
    }
    let words = [("stop", AfterExpiry::Stop), ("continue", AfterExpiry::Continue)];
    Expiry {
        after: after.and_then(|entry| scalar::positive_duration(report, "expires_in", &entry.node)),
        then: then.and_then(|entry| scalar::word(report, "on_expiry", &entry.node, &words, &[])).unwrap_or_default(),
    }
}

/// A length of time: one that is written out is checked.
pub(super) fn length(context: &mut Context, entry: &Entry) -> Option<TemplateValue> {
    if entry.node.scalar().is_some_and(|scalar| is_template(&scalar.text)) {
        return template::value(context, &entry.node);
    }
    scalar::positive_duration(&mut context.report, &entry.key, &entry.node)?;
    entry.node.scalar().map(|scalar| TemplateValue::Literal(Value::from(scalar.text.trim())))
}

fn moment(context: &mut Context, entry: &Entry) -> Option<Template> {
    let text = template::template(context, &entry.key, &entry.node)?;
    if text.is_literal() && Moment::of(&Value::from(text.source().trim())).is_err() {
        let message = format!("`{}` is a moment such as `2026-01-31T09:00:00Z`, not `{}`", entry.key, short(text.source()));
        context.report.error(entry.node.place, "wrong_type", message);
        return None;
    }
    Some(text)
}

/// The name of a signal. A colon stands in the names that the run gives itself.
fn signal(context: &mut Context, entry: &Entry) -> Option<Template> {
    let text = template::template(context, &entry.key, &entry.node)?;
    if text.is_literal() && (text.source().trim().is_empty() || text.source().contains(':')) {
        context.report.error(entry.node.place, "invalid_name", "the name of a signal is a text without a colon");
        return None;
    }
    Some(text)
}

fn path(context: &mut Context, entry: &Entry) -> Option<Template> {
    let text = template::template(context, &entry.key, &entry.node)?;
    let fits = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_' | '/' | '.');
    if text.is_literal() && (text.source().is_empty() || !text.source().chars().all(fits)) {
        context.report.error(entry.node.place, "invalid_path", "a path is made of letters, digits, `-`, `_`, `.` and `/`");
        return None;
    }
    Some(text)
}
