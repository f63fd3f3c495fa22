//! Scripts, files, mail and other workflows.

use super::Reader;
use crate::{
    expression::Template,
    parse::{
        bundle,
        context::Context,
        fields::{Fields, required},
        scalar::{self, short},
        source::Place,
        template,
        yaml::{Content, Entry, Node},
    },
    plan::{FileReadStep, FileWriteStep, MailStep, ScriptStep, StepKind, SubWorkflowStep, TemplateValue},
};

/// The most people that one mail goes to.
const MOST_RECIPIENTS: usize = 50;

/// A text with expressions below a key that may be missing: `Err` when it is there and cannot be read.
fn optional(context: &mut Context, entry: Option<&Entry>) -> Result<Option<Template>, ()> {
    entry.map(|entry| template::template(context, &entry.key, &entry.node).ok_or(())).transpose()
}

impl Reader<'_> {
    /// `script` on the step: the code itself, or a mapping with the keys; they may stand on the step too.
    pub(super) fn script(&mut self, fields: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let entry = fields.take(&mut self.context.report, "script", &[]);
        match entry.map(|entry| &entry.node.content) {
            Some(Content::Map(entries)) => {
                let mut nested = Fields::new(entries);
                let step = self.script_keys(None, &mut nested, place);
                nested.finish(&mut self.context.report, "`script`");
                step
            }
            Some(Content::Refused) => None,
            _ => self.script_keys(entry, fields, place),
        }
    }

    /// `script.execute`.
    pub(super) fn script_action(&mut self, inputs: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        self.script_keys(None, inputs, place)
    }

    fn script_keys(&mut self, code: Option<&Entry>, keys: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let report = &mut self.context.report;
        let code = code.or_else(|| keys.take(report, "code", &[]));
        let language = keys.take(report, "language", &["lang"]).and_then(|entry| scalar::name(report, "language", &entry.node));
        let operation = keys.take(report, "operation", &[]).and_then(|entry| scalar::name(report, "operation", &entry.node));
        let args = keys.take(report, "args", &["arguments"]);
        let preset = keys.take(report, "preset", &[]).and_then(|entry| scalar::name(report, "preset", &entry.node));
        let network = keys.take(report, "network", &[]).and_then(|entry| scalar::boolean(report, "network", &entry.node));
        if code.is_none() && operation.is_none() {
            required(report, place, "code", "a script", "add `code:`, or `operation:` for one that is there already".to_owned());
            return None;
        }
        if code.is_some() && language.is_none() {
            let help = "add `language:`, such as `language: python`".to_owned();
            required(report, place, "language", "a script", help);
        }
        let code = optional(self.context, code);
        let args = args.map(|entry| template::value(self.context, &entry.node).ok_or(())).transpose();
        Some(StepKind::Script(ScriptStep {
            language: language.map(str::to_owned),
            code: code.ok()?,
            operation: operation.map(str::to_owned),
            args: args.ok()?,
            preset: preset.map(str::to_owned),
            network: network.unwrap_or(false),
        }))
    }

    pub(super) fn file_read(&mut self, inputs: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let report = &mut self.context.report;
        let path = inputs.take_required(report, "path", ("`file.read`", place), "add `path:` below `inputs`");
        let encoding = inputs.take(report, "encoding", &[]).and_then(|entry| scalar::name(report, "encoding", &entry.node));
        let path = template::template(self.context, "path", &path?.node)?;
        Some(StepKind::FileRead(FileReadStep { path, encoding: encoding.map(str::to_owned) }))
    }

    pub(super) fn file_write(&mut self, inputs: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let report = &mut self.context.report;
        let path = inputs.take_required(report, "path", ("`file.write`", place), "add `path:` below `inputs`");
        let content = inputs.take_required(report, "content", ("`file.write`", place), "add `content:` below `inputs`");
        let path = path.and_then(|entry| template::template(self.context, "path", &entry.node));
        let content = content.and_then(|entry| template::value(self.context, &entry.node));
        Some(StepKind::FileWrite(FileWriteStep { path: path?, content: content? }))
    }

    pub(super) fn mail(&mut self, inputs: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let report = &mut self.context.report;
        let to = inputs.take_required(report, "to", ("`mail.send`", place), "add `to:` below `inputs`, with an e-mail address");
        let subject = inputs.take_required(report, "subject", ("`mail.send`", place), "add `subject:` below `inputs`");
        let text = inputs.take(report, "text", &["body"]);
        let html = inputs.take(report, "html", &[]);
        if text.is_none() && html.is_none() {
            required(report, place, "text", "`mail.send`", "add `text:` below `inputs`".to_owned());
        }
        let to = to.and_then(|entry| self.recipients(entry));
        let subject = subject.and_then(|entry| template::template(self.context, "subject", &entry.node));
        let (text, html) = (optional(self.context, text), optional(self.context, html));
        Some(StepKind::Mail(MailStep { to: to?, subject: subject?, text: text.ok()?, html: html.ok()? }))
    }

    fn recipients(&mut self, entry: &Entry) -> Option<Vec<Template>> {
        let items: &[Node] = match &entry.node.content {
            Content::List(items) => items,
            _ => std::slice::from_ref(&entry.node),
        };
        if items.is_empty() || items.len() > MOST_RECIPIENTS {
            self.context.report.error(entry.node.place, "out_of_range", format!("a mail goes to 1 to {MOST_RECIPIENTS} addresses"));
            return None;
        }
        let all: Vec<_> = items.iter().map(|item| self.recipient(item)).collect();
        all.into_iter().collect()
    }

    fn recipient(&mut self, node: &Node) -> Option<Template> {
        let text = template::template(self.context, "to", node)?;
        if text.is_literal() && !text.source().trim().split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.')) {
            self.context.report.error(node.place, "unknown_value", format!("`{}` is no e-mail address", short(text.source())));
            return None;
        }
        Some(text)
    }

    /// Another workflow.
    pub(super) fn workflow(&mut self, fields: &mut Fields<'_>, place: Place) -> Option<StepKind> {
        let help = "add `workflow:` with its id, or with its path beside this file, such as `./other.md`";
        let report = &mut self.context.report;
        let workflow = fields.take_required(report, "workflow", ("a step of kind `workflow`", place), help);
        let version = fields.take(report, "version", &[]).and_then(|entry| scalar::name(report, "version", &entry.node)).map(str::to_owned);
        let inputs = fields.take(report, "inputs", &[]);
        let workflow = workflow.and_then(|entry| self.workflow_name(entry));
        let inputs = match inputs {
            Some(entry) => self.pairs(entry)?,
            None => Vec::new(),
        };
        Some(StepKind::Workflow(SubWorkflowStep { workflow: workflow?, version, inputs }))
    }

    fn workflow_name(&mut self, entry: &Entry) -> Option<String> {
        let report = &mut self.context.report;
        let text = scalar::name(report, "workflow", &entry.node)?;
        if bundle::is_path(text) {
            return bundle::link(self.context, &entry.node, text).map(|path| format!("./{path}"));
        }
        let part = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_');
        if text.chars().all(part) && text.len() <= 64 {
            return Some(text.to_owned());
        }
        let message = format!("`{}` is neither the id of a workflow nor a path that begins with `./`", short(text));
        report.error_with(entry.node.place, "invalid_id", message, "write the id that the other file gives".to_owned());
        None
    }

    /// Names with values.
    pub(super) fn pairs(&mut self, entry: &Entry) -> Option<Vec<(String, TemplateValue)>> {
        let mut fields = Fields::of(&mut self.context.report, &entry.key, &entry.node)?;
        let pairs: Vec<_> = fields
            .rest()
            .into_iter()
            .map(|entry| template::value(self.context, &entry.node).map(|value| (entry.key.clone(), value)))
            .collect();
        pairs.into_iter().collect()
    }
}
