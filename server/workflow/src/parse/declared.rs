//! What the front matter declares beside inputs and outputs: triggers, requirements, permissions, tools, agents, secrets.

use croner::parser::{CronParser, Seconds, Year};
use domain::Permission;
use serde_json::Value;

use super::{
    context::Context,
    diagnostic::{Report, nearest},
    fields::{Fields, required, take_from_either},
    scalar::{self, short},
    steps, template,
    yaml::{Content, Entry, Node},
};
use crate::{
    inputs::fits,
    plan::{Declared, Feature, FileChange, InputField, Need, Requirements, Support, TemplateValue, Tool, Trigger, TriggerKind, numbers},
};

/// The most triggers, tools and agents that a file may declare, and the most requirements of one kind.
const MOST: usize = 100;

const SUPPORT: &[(&str, Support)] = &[
    ("recommended", Support::Recommended),
    ("supported", Support::Supported),
    ("partial", Support::Partial),
    ("experimental", Support::Experimental),
];

const NEEDS: [(&str, Need); 3] = [("required", Need::Required), ("recommended", Need::Recommended), ("optional", Need::Optional)];

const CHANGES: &[(&str, FileChange)] =
    &[("created", FileChange::Created), ("modified", FileChange::Modified), ("deleted", FileChange::Deleted), ("moved", FileChange::Moved)];

/// The kinds of triggers, as files write them.
const KINDS: &[&str] = &["manual", "schedule", "webhook", "event", "file_watch", "queue", "email"];

/// The names that a trigger's expressions see: no step has run, and nothing was given yet.
const SEEN: [&str; 3] = ["trigger", "vars", "tenant"];

/// Reads the keys; the triggers are read with [`triggers`].
pub(super) fn read(context: &mut Context, fields: &mut Fields<'_>) -> Declared {
    let mut declared = Declared::default();
    let report = &mut context.report;
    if let Some(entry) = fields.take(report, "default_agent", &["agent"]) {
        declared.default_agent = scalar::name(report, "default_agent", &entry.node).map(str::to_owned);
    }
    if let Some(entry) = fields.take(report, "requirements", &[]) {
        declared.requirements = requirements(report, entry);
    }
    if let Some(entry) = fields.take(report, "compatibility", &[]) {
        compatibility(report, entry, &mut declared);
    }
    if let Some(entry) = fields.take(report, "permissions", &[]) {
        declared.permissions = steps::permissions(report, entry);
    }
    if let Some(entry) = fields.take(report, "tools", &[]) {
        declared.tools = tools(report, entry);
    }
    if let Some(entry) = fields.take(report, "secrets", &[]) {
        declared.secrets = scalar::json(report, &entry.node);
    }
    declared
}

fn requirements(report: &mut Report, entry: &Entry) -> Requirements {
    let mut found = Requirements::default();
    let Some(mut fields) = Fields::of(report, "requirements", &entry.node) else { return found };
    if let Some(entry) = fields.take(report, "tools", &[]) {
        found.tools = names(report, entry).into_iter().map(|(name, _)| name.to_owned()).collect();
    }
    if let Some(entry) = fields.take(report, "permissions", &[]) {
        for (name, node) in names(report, entry) {
            if let Ok(permission) = name.parse::<Permission>() {
                found.permissions.push(permission.name().to_owned());
                continue;
            }
            let near = nearest(name, Permission::ALL.iter().map(|permission| permission.name()));
            let help = near.map(|near| format!("did you mean `{near}`?"));
            report.error_with(node.place, "unknown_permission", format!("there is no permission `{}`", short(name)), help);
        }
    }
    if let Some(entry) = fields.take(report, "features", &[]) {
        found.features = features(report, entry);
    }
    fields.finish(report, "`requirements`");
    found
}

fn features(report: &mut Report, entry: &Entry) -> Vec<Feature> {
    // A plain list is of what is required.
    if matches!(entry.node.content, Content::List(_)) {
        return names(report, entry).into_iter().map(|(name, _)| Feature { name: name.to_owned(), need: Need::Required }).collect();
    }
    let mut found = Vec::new();
    let Some(mut fields) = Fields::of(report, "features", &entry.node) else { return found };
    for (key, need) in NEEDS {
        if let Some(entry) = fields.take(report, key, &[]) {
            found.extend(names(report, entry).into_iter().map(|(name, _)| Feature { name: name.to_owned(), need }));
        }
    }
    fields.finish(report, "`features`");
    found
}

fn compatibility(report: &mut Report, entry: &Entry, declared: &mut Declared) {
    let Some(mut fields) = Fields::of(report, "compatibility", &entry.node) else { return };
    if let Some(entry) = fields.take(report, "min_version", &[]) {
        let version = scalar::name(report, "min_version", &entry.node);
        if let Some(text) = version.filter(|text| numbers(text).is_none()) {
            let message = format!("`min_version` is a version such as `0.1.0`, not `{}`", short(text));
            report.error(entry.node.place, "wrong_type", message);
        }
        declared.min_version = version.map(str::to_owned);
    }
    if let Some(entry) = fields.take(report, "agents", &[])
        && let Some(mut fields) = Fields::of(report, "agents", &entry.node)
    {
        for entry in bounded(report, fields.rest()) {
            let support = scalar::word(report, &entry.key, &entry.node, SUPPORT, &[]);
            declared.agents.extend(support.map(|support| (entry.key.clone(), support)));
        }
    }
    fields.finish(report, "`compatibility`");
}

fn tools(report: &mut Report, entry: &Entry) -> Vec<(String, Tool)> {
    let Some(mut fields) = Fields::of(report, "tools", &entry.node) else { return Vec::new() };
    let entries = bounded(report, fields.rest());
    entries.into_iter().filter_map(|entry| Some((entry.key.clone(), tool(report, entry)?))).collect()
}

fn tool(report: &mut Report, entry: &Entry) -> Option<Tool> {
    let mut fields = Fields::of(report, "a tool", &entry.node)?;
    let help = "add `tool:` with the name of one that there is";
    let named = fields.take(report, "tool", &["sdk"]);
    if named.is_none() {
        required(report, entry.key_place, "tool", "a tool", help.to_owned());
    }
    let auth = fields.take(report, "auth", &[]).and_then(|entry| template::handle(report, entry));
    let options = match fields.take(report, "options", &[]) {
        Some(entry) => {
            let entries = Fields::of(report, "options", &entry.node)?.rest();
            details(report, entries)
        }
        None => Vec::new(),
    };
    fields.finish(report, "a tool");
    Some(Tool { tool: scalar::name(report, "tool", &named?.node)?.to_owned(), auth, options })
}

/// Further keys as they are written.
fn details(report: &mut Report, entries: Vec<&Entry>) -> Vec<(String, Value)> {
    entries.into_iter().filter_map(|entry| Some((entry.key.clone(), scalar::json(report, &entry.node)?))).collect()
}

/// A list of words, or one.
fn names<'n>(report: &mut Report, entry: &'n Entry) -> Vec<(&'n str, &'n Node)> {
    let items = match &entry.node.content {
        Content::List(items) => items.as_slice(),
        Content::Refused => return Vec::new(),
        _ => std::slice::from_ref(&entry.node),
    };
    let items = bounded(report, items.iter().collect());
    items.into_iter().filter_map(|item| Some((scalar::name(report, &entry.key, item)?, item))).collect()
}

/// No more than a file may declare.
fn bounded<'n, T: Placed>(report: &mut Report, mut items: Vec<&'n T>) -> Vec<&'n T> {
    if let Some(item) = items.get(MOST) {
        report.error(item.place(), "too_many_declarations", format!("a file declares at most {MOST} of these"));
        items.truncate(MOST);
    }
    items
}

/// Something that stands at a place.
trait Placed {
    fn place(&self) -> super::source::Place;
}

impl Placed for Node {
    fn place(&self) -> super::source::Place {
        self.place
    }
}

impl Placed for Entry {
    fn place(&self) -> super::source::Place {
        self.key_place
    }
}

/// What triggers are held against.
pub(super) struct Inputs<'i> {
    /// Those that could be read.
    pub(super) fields: &'i [InputField],
    /// The names of all, also of those that could not be read.
    pub(super) names: &'i [String],
}

/// Reads a list of triggers, or one, and adds them.
pub(super) fn triggers(context: &mut Context, node: &Node, inputs: &Inputs<'_>, into: &mut Vec<Trigger>) {
    let items: &[Node] = match &node.content {
        Content::List(items) => items,
        Content::Map(_) => std::slice::from_ref(node),
        Content::Refused => return,
        Content::Scalar(_) => {
            let message = format!("`triggers` is a list such as `[{{type: manual}}]`, not {}", node.description());
            context.report.error(node.place, "wrong_type", message);
            return;
        }
    };
    for item in bounded(&mut context.report, items.iter().collect()) {
        into.extend(trigger(context, item, inputs));
    }
}

fn trigger(context: &mut Context, node: &Node, inputs: &Inputs<'_>) -> Option<Trigger> {
    let report = &mut context.report;
    let mut fields = Fields::of(report, "a trigger", node)?;
    let Some(kind) = fields.take(report, "type", &[]) else {
        required(report, node.place, "type", "a trigger", "add `type: manual`, `type: schedule` or `type: webhook`".to_owned());
        return None;
    };
    let word = scalar::name(report, "type", &kind.node)?;
    let Some(word) = KINDS.iter().copied().find(|known| *known == word) else {
        let help = nearest(word, KINDS.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        report.error_with(kind.node.place, "unknown_value", format!("there is no trigger of type `{}`", short(word)), help);
        return None;
    };
    let config = fields.take(report, "config", &[]);
    let mut nested = match config {
        Some(entry) => Fields::of(report, "config", &entry.node)?,
        None => Fields::none(),
    };
    let enabled = take_from_either(report, [&mut fields, &mut nested], "enabled", &[]);
    let enabled = enabled.map_or(Some(true), |entry| scalar::boolean(report, "enabled", &entry.node));
    // What comes from outside is mapped; what a person or the clock starts is given.
    let (ours, other) = if matches!(word, "manual" | "schedule") { ("inputs", "input_mapping") } else { ("input_mapping", "inputs") };
    let mapping = take_from_either(report, [&mut fields, &mut nested], ours, &[other]);
    let found = match word {
        "manual" => Some(TriggerKind::Manual),
        "schedule" => schedule(report, &mut fields, &mut nested, kind),
        "webhook" => webhook(report, &mut fields, &mut nested, kind),
        _ => further(context, word, &mut Keys { fields: &mut fields, nested: &mut nested }, kind),
    };
    let report = &mut context.report;
    let whose = format!("a trigger of type `{word}`");
    fields.finish(report, &whose);
    nested.finish(report, &whose);
    if word != "manual" && enabled == Some(true) {
        report.hint(kind.node.place, "starts_nothing_yet", format!("{whose} is kept, and starts no runs yet"), None);
    }
    let given = match mapping {
        Some(entry) => Some(input_mapping(context, entry, inputs)?),
        None => None,
    };
    let found = found?;
    lacking(&mut context.report, kind, &found, given.as_deref(), inputs)?;
    Some(Trigger { kind: found, enabled: enabled?, inputs: given.unwrap_or_default(), line: node.place.line })
}

/// Reports inputs that a run would lack. What comes in is the inputs, unless a mapping says otherwise; nothing comes in with the clock.
fn lacking(
    report: &mut Report,
    kind: &Entry,
    trigger: &TriggerKind,
    given: Option<&[(String, TemplateValue)]>,
    inputs: &Inputs<'_>,
) -> Option<()> {
    let (says_all, key) = match trigger {
        TriggerKind::Manual => (false, "inputs"),
        TriggerKind::Schedule { .. } => (true, "inputs"),
        _ => (given.is_some(), "input_mapping"),
    };
    let has = |name: &str| given.unwrap_or_default().iter().any(|(given, _)| given == name);
    let missing = inputs.fields.iter().filter(|field| says_all && field.required && !has(&field.name));
    let missing: Vec<String> = missing.map(|field| format!("`{}`", field.name)).collect();
    if missing.is_empty() {
        return Some(());
    }
    let message = format!("a run that this starts would lack {}", missing.join(", "));
    let help = format!("add them below `{key}:`, or give them defaults");
    report.error_with(kind.node.place, "trigger_inputs_missing", message, help);
    None
}

/// The keys of a trigger, flat or below `config`.
struct Keys<'k, 'n> {
    fields: &'k mut Fields<'n>,
    nested: &'k mut Fields<'n>,
}

impl<'n> Keys<'_, 'n> {
    fn take(&mut self, report: &mut Report, key: &'static str, others: &[&'static str]) -> Option<&'n Entry> {
        take_from_either(report, [&mut *self.fields, &mut *self.nested], key, others)
    }

    fn name(&mut self, report: &mut Report, key: &'static str, others: &[&'static str]) -> Option<String> {
        let entry = self.take(report, key, others)?;
        scalar::name(report, key, &entry.node).map(str::to_owned)
    }

    fn needed(&mut self, report: &mut Report, key: &'static str, others: &[&'static str], of: (&str, &Node, &str)) -> Option<&'n Entry> {
        let entry = self.take(report, key, others);
        let (whose, node, help) = of;
        if entry.is_none() {
            required(report, node.place, key, whose, help.to_owned());
        }
        entry
    }

    fn texts(&mut self, report: &mut Report, key: &'static str, others: &[&'static str]) -> Option<Vec<String>> {
        match self.take(report, key, others) {
            Some(entry) => steps::texts(report, entry),
            None => Some(Vec::new()),
        }
    }
}

/// Triggers that are told of by name, by folder, by queue and by address.
fn further(context: &mut Context, word: &str, keys: &mut Keys<'_, '_>, kind: &Entry) -> Option<TriggerKind> {
    let report = &mut context.report;
    let whose = format!("a trigger of type `{word}`");
    let needed = |help: &'static str| (whose.as_str(), &kind.node, help);
    Some(match word {
        "event" => {
            let event = keys.needed(report, "event", &["event_type", "name", "topic"], needed("add `event:` with its name"));
            let event = event.and_then(|entry| scalar::name(report, "event", &entry.node)).map(str::to_owned);
            let source = keys.name(report, "source", &[]);
            let filter = match keys.take(report, "filter", &["condition"]) {
                Some(entry) => Some(seen(context, |context| template::all_of(context, "filter", &entry.node))?),
                None => None,
            };
            TriggerKind::Event { event: event?, source, filter }
        }
        "file_watch" => {
            let path = keys.needed(report, "path", &["watch_path"], needed("add `path:` with the folder that is watched"));
            let path = path.and_then(|entry| scalar::name(report, "path", &entry.node)).map(str::to_owned);
            let patterns = keys.texts(report, "patterns", &["pattern"]);
            let ignore = keys.texts(report, "ignore", &["ignore_patterns", "exclude"]);
            let events = keys.take(report, "events", &[]).map(|entry| changes(report, entry));
            let recursive = keys.take(report, "recursive", &[]).and_then(|entry| scalar::boolean(report, "recursive", &entry.node));
            let debounce = keys.take(report, "debounce", &[]).and_then(|entry| scalar::duration(report, "debounce", &entry.node));
            let events = match events {
                Some(events) => events?,
                None => Vec::new(),
            };
            let recursive = recursive.unwrap_or(false);
            TriggerKind::FileWatch { path: path?, patterns: patterns?, ignore: ignore?, events, recursive, debounce }
        }
        "queue" => {
            let queue = keys.needed(report, "queue", &["queue_name", "name"], needed("add `queue:` with its name"));
            let queue = queue.and_then(|entry| scalar::name(report, "queue", &entry.node)).map(str::to_owned);
            TriggerKind::Queue { provider: keys.name(report, "provider", &["backend"]), queue: queue? }
        }
        _ => {
            let address = keys.name(report, "address", &["to", "mailbox"]);
            let from = keys.texts(report, "from", &[]);
            TriggerKind::Email { subject: keys.name(report, "subject", &[]), address, from: from? }
        }
    })
}

fn changes(report: &mut Report, entry: &Entry) -> Option<Vec<FileChange>> {
    let items = match &entry.node.content {
        Content::List(items) => items.as_slice(),
        _ => std::slice::from_ref(&entry.node),
    };
    let changes: Vec<_> = items.iter().map(|item| scalar::word(report, "events", item, CHANGES, &[])).collect();
    changes.into_iter().collect()
}

fn schedule<'n>(report: &mut Report, fields: &mut Fields<'n>, nested: &mut Fields<'n>, kind: &Entry) -> Option<TriggerKind> {
    let cron = take_from_either(report, [&mut *fields, &mut *nested], "cron", &["schedule"]);
    let timezone = take_from_either(report, [fields, nested], "timezone", &["zone"]);
    let Some(cron) = cron else {
        required(
            report,
            kind.node.place,
            "cron",
            "a schedule",
            "add `cron: \"0 7 * * MON-FRI\"`: minute, hour, day, month, day of the week".to_owned(),
        );
        return None;
    };
    let text = scalar::name(report, "cron", &cron.node)?;
    if let Some(why) = no_schedule(text) {
        report.error(cron.node.place, "invalid_cron", why);
        return None;
    }
    let zone = match timezone {
        Some(entry) => {
            let name = scalar::name(report, "timezone", &entry.node)?;
            if jiff::tz::TimeZone::get(name).is_err() {
                let message = format!("there is no time zone `{}`", short(name));
                report.error_with(
                    entry.node.place,
                    "unknown_timezone",
                    message,
                    "write one of the IANA database, such as `Europe/Berlin`".to_owned(),
                );
                return None;
            }
            Some(name.to_owned())
        }
        None => None,
    };
    Some(TriggerKind::Schedule { cron: text.to_owned(), timezone: zone })
}

/// The most days of each month.
const LENGTHS: [u16; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Why a text is none of five fields that come some day.
fn no_schedule(text: &str) -> Option<String> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let cron = match parser.parse(text) {
        Ok(cron) => cron,
        Err(why) => return Some(format!("`{}` is no schedule of minute, hour, day, month and day of the week: {why}", short(text))),
    };
    let (days, months) = (cron.pattern.days.values(), cron.pattern.months.values());
    let has_day = |month: &u16| {
        let length = usize::from(*month).checked_sub(1).and_then(|index| LENGTHS.get(index)).copied().unwrap_or_default();
        days.iter().any(|day| *day <= length)
    };
    let by_day = !cron.pattern.is_dom_wildcard() && cron.pattern.is_dow_wildcard() && !cron.pattern.days.has_modifiers();
    (by_day && !months.iter().any(has_day)).then(|| format!("`{}` would never come: no month that it names has such a day", short(text)))
}

fn webhook<'n>(report: &mut Report, fields: &mut Fields<'n>, nested: &mut Fields<'n>, kind: &Entry) -> Option<TriggerKind> {
    let mut take = |report: &mut Report, key| take_from_either(report, [&mut *fields, &mut *nested], key, &[]);
    let path = take(report, "path");
    let method = take(report, "method");
    let secret = take(report, "secret");
    let provider = take(report, "provider");
    let Some(path) = path else {
        required(report, kind.node.place, "path", "a webhook", "add `path:`, such as `path: incidents`".to_owned());
        return None;
    };
    let text = scalar::name(report, "path", &path.node)?;
    let is_path = text.len() <= 200
        && text
            .split('/')
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')))
        && !text.split('/').any(|part| part == "." || part == "..");
    if !is_path {
        let message = format!("`{}` is no path: words of letters, digits, `-`, `_` and `.`, with `/` between them", short(text));
        report.error(path.node.place, "invalid_path", message);
        return None;
    }
    const METHODS: &[(&str, &str)] = &[("POST", "POST"), ("PUT", "PUT"), ("GET", "GET"), ("PATCH", "PATCH"), ("DELETE", "DELETE")];
    let method = match method {
        Some(entry) => scalar::word(report, "method", &entry.node, METHODS, &[])?,
        None => "POST",
    };
    let secret = match secret {
        Some(entry) => Some(template::handle(report, entry)?),
        None => None,
    };
    let provider = provider.and_then(|entry| scalar::name(report, "provider", &entry.node)).map(str::to_owned);
    Some(TriggerKind::Webhook { path: text.to_owned(), method: method.to_owned(), secret, provider })
}

/// Reads something that is evaluated when a trigger fires: before there is a run.
fn seen<T>(context: &mut Context, read: impl FnOnce(&mut Context) -> Option<T>) -> Option<T> {
    let before = context.uses.len();
    let value = read(context);
    let mut sound = true;
    for used in context.uses.split_off(before) {
        if SEEN.contains(&used.root.as_str()) {
            continue;
        }
        sound = false;
        let message =
            format!("nothing is called `{}` where a trigger starts a run: there are `trigger`, `vars` and `tenant`", short(&used.root));
        let is_part = matches!(used.root.as_str(), "body" | "headers" | "query" | "payload");
        let help = is_part.then(|| format!("did you mean `trigger.{}`?", used.root));
        context.report.error_with(used.place, "undefined_name", message, help);
    }
    value.filter(|_| sound)
}

/// What a run is given: known inputs, by expressions that see what started it.
fn input_mapping(context: &mut Context, entry: &Entry, inputs: &Inputs<'_>) -> Option<Vec<(String, TemplateValue)>> {
    let entries = Fields::of(&mut context.report, &entry.key, &entry.node)?.rest();
    let entries = bounded(&mut context.report, entries);
    let pairs: Vec<_> = entries.into_iter().map(|entry| mapped(context, entry, inputs)).collect();
    pairs.into_iter().collect()
}

fn mapped(context: &mut Context, entry: &Entry, inputs: &Inputs<'_>) -> Option<(String, TemplateValue)> {
    let is_input = inputs.names.contains(&entry.key);
    if !is_input {
        let help = nearest(&entry.key, inputs.names.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
        let message = format!("`{}` is no input of this workflow", short(&entry.key));
        context.report.error_with(entry.key_place, "unknown_input", message, help);
    }
    let value = seen(context, |context| template::value(context, &entry.node))?;
    let field = inputs.fields.iter().find(|field| field.name == entry.key);
    // What is written out is known to fit, or not to.
    if let (TemplateValue::Literal(literal), Some(field)) = (&value, field)
        && !literal.is_null()
        && let Err(problem) = fits(&field.check, literal)
    {
        context.report.error(entry.node.place, "wrong_type", format!("the input `{}` {problem}", entry.key));
        return None;
    }
    is_input.then(|| (entry.key.clone(), value))
}
