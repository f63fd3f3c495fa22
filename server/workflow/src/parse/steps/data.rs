//! Data steps: read by their descriptions in [`crate::data::describe`].

use serde_json::Value;

use super::Reader;
use crate::{
    data::{
        Argument, DataStep, LARGEST_RESULT,
        describe::{Description, Form, Forms, OneOf, Parameter, Takes},
        each, zone,
    },
    expression::Template,
    parse::{
        diagnostic::Report,
        fields::{Fields, required},
        names,
        scalar::{self, is_identifier, is_template, short},
        source::Place,
        template,
        yaml::{Content, Entry, Node},
    },
    plan::TemplateValue,
};

impl Reader<'_> {
    /// The step that these keys make: those below `inputs` of an action, those of the step for a type.
    pub(super) fn data(&mut self, description: &'static Description, keys: &mut Fields<'_>, place: Place) -> Option<DataStep> {
        let whose = format!("`{}`", description.action.name());
        match description.forms {
            Forms::OwnNames => self.own_names(description, keys, place),
            Forms::One(form) => self.form(description, form, keys, (&whose, place), Vec::new()),
            Forms::Chosen { key, default, forms } => {
                let chosen = self.chosen(keys, (&whose, place), (key, default, forms))?;
                let whose = format!("{whose} with `{key}: {}`", chosen.word);
                let first = vec![(key.to_owned(), Argument::Word(chosen.word.to_owned()))];
                // Keys of other forms are known by name, so that the message can say where they belong.
                let elsewhere = forms.iter().flat_map(|form| form.parameters).map(|parameter| parameter.name);
                let meaningless: Vec<&'static str> =
                    elsewhere.filter(|name| !chosen.parameters.iter().any(|parameter| has_name(parameter, name))).collect();
                let step = self.form(description, *chosen, keys, (&whose, place), first);
                keys.refuse_meaningless(&mut self.context.report, &meaningless, &format!("{whose} does not take it"), None);
                step
            }
        }
    }

    fn own_names(&mut self, description: &Description, keys: &mut Fields<'_>, place: Place) -> Option<DataStep> {
        let entries = keys.rest();
        if entries.is_empty() {
            let help = "name a value below `inputs`".to_owned();
            let message = format!("`{}` gives nothing", description.action.name());
            self.context.report.error_with(place, "value_missing", message, help);
            return None;
        }
        let mut arguments = Vec::new();
        let mut complete = true;
        for entry in entries {
            match template::value(self.context, &entry.node) {
                Some(value) => arguments.push((entry.key.clone(), Argument::Value(value))),
                None => complete = false,
            }
        }
        complete.then_some(DataStep { action: description.action, arguments })
    }

    /// The form that its word chooses.
    fn chosen(
        &mut self,
        keys: &mut Fields<'_>,
        (whose, place): (&str, Place),
        (key, default, forms): (&'static str, Option<&'static str>, &'static [Form]),
    ) -> Option<&'static Form> {
        let report = &mut self.context.report;
        let named = |word: &str| forms.iter().find(|form| form.word == word);
        let Some(entry) = keys.take(report, key, &[]) else {
            if let Some(default) = default {
                return named(default);
            }
            let listed = forms.iter().map(|form| format!("`{}`", form.word)).collect::<Vec<_>>().join(", ");
            required(report, place, key, whose, format!("it is one of {listed}"));
            let _ = keys.rest();
            return None;
        };
        let words: Vec<(&str, &str)> = forms.iter().map(|form| (form.word, form.word)).collect();
        let word = scalar::word(report, key, &entry.node, &words, &[]);
        if word.is_none() {
            // Which keys there are depends on it.
            let _ = keys.rest();
        }
        named(word?)
    }

    fn form(
        &mut self,
        description: &Description,
        form: Form,
        keys: &mut Fields<'_>,
        (whose, place): (&str, Place),
        mut arguments: Vec<(String, Argument)>,
    ) -> Option<DataStep> {
        let mut complete = true;
        self.context.bound.clear();
        self.bind(form, keys);
        let mut given: Vec<(&'static str, &Entry)> = Vec::new();
        for parameter in form.parameters {
            let Some(entry) = keys.take(&mut self.context.report, parameter.name, parameter.others) else {
                if parameter.required {
                    let help = format!("add `{}:`", parameter.name);
                    required(&mut self.context.report, place, parameter.name, whose, help);
                    complete = false;
                }
                continue;
            };
            given.push((parameter.name, entry));
            match self.argument(parameter, entry) {
                Some(argument) => arguments.push((parameter.name.to_owned(), argument)),
                None => complete = false,
            }
        }
        self.context.bound.clear();
        let report = &mut self.context.report;
        if let Some(one_of) = form.one_of {
            complete &= at_most_one(report, one_of, &given, (whose, place));
        }
        complete &= beside_each_other(report, &given);
        if form.later {
            report.not_supported(place, whose);
            complete = false;
        }
        complete.then_some(DataStep { action: description.action, arguments })
    }

    /// Says which names the expressions of the step bind themselves.
    fn bind(&mut self, form: Form, keys: &Fields<'_>) {
        let evaluated = |parameter: &Parameter| matches!(parameter.takes, Takes::Each | Takes::EachCondition);
        if !form.parameters.iter().any(evaluated) {
            return;
        }
        let written = |key: &str| {
            let entry = keys.left().into_iter().find(|entry| crate::parse::fields::snake_case(&entry.key) == key);
            entry.and_then(|entry| entry.node.scalar()).map(|scalar| scalar.text.trim().to_owned())
        };
        self.context.bound.push(written("item_variable").unwrap_or_else(|| each::ITEM.to_owned()));
        self.context.bound.push(each::INDEX.to_owned());
        if form.parameters.iter().any(|parameter| parameter.name == "accumulator_variable") {
            self.context.bound.push(written("accumulator_variable").unwrap_or_else(|| each::ACCUMULATOR.to_owned()));
        }
    }

    fn argument(&mut self, parameter: &Parameter, entry: &Entry) -> Option<Argument> {
        let (name, node) = (parameter.name, &entry.node);
        match parameter.takes {
            Takes::Each => template::expression(self.context, name, node).map(Argument::Expression),
            Takes::EachCondition => template::all_of(self.context, name, node).map(Argument::Expression),
            Takes::Once => {
                // It is read before any item is.
                let bound = std::mem::take(&mut self.context.bound);
                let argument = self.once(name, node);
                self.context.bound = bound;
                argument
            }
            Takes::Word(words) => word(&mut self.context.report, name, node, words).map(|word| Argument::Word(word.to_owned())),
            Takes::Variable => self.variable(name, node).map(Argument::Word),
            Takes::Code => code(&mut self.context.report, name, node).map(Argument::Word),
            Takes::Credential => {
                credential(&mut self.context.report, node);
                None
            }
            Takes::Sources => self.sources(name, node).map(Argument::Value),
            takes => {
                let bound = std::mem::take(&mut self.context.bound);
                let value = match takes {
                    // Where a text is expected, `no` and `1.10` are what is written.
                    Takes::Text | Takes::Path | Takes::Zone => template::template(self.context, name, node).map(text_or_template),
                    _ => template::value(self.context, node),
                };
                self.context.bound = bound;
                let value = value?;
                fits(&mut self.context.report, name, node, takes, &value)?;
                Some(Argument::Value(value))
            }
        }
    }

    /// A list, as an expression without braces or as it is written.
    fn once(&mut self, name: &str, node: &Node) -> Option<Argument> {
        if matches!(node.content, Content::List(_)) {
            return template::value(self.context, node).map(Argument::Value);
        }
        template::expression(self.context, name, node).map(Argument::Expression)
    }

    /// Two or more lists, each an expression without braces or as it is written.
    fn sources(&mut self, name: &str, node: &Node) -> Option<TemplateValue> {
        let Content::List(items) = &node.content else {
            let help = "write a list of two or more, such as `[\"{{ ours }}\", \"{{ theirs }}\"]`".to_owned();
            if !matches!(node.content, Content::Refused) {
                self.context.report.error_with(node.place, "wrong_type", format!("`{name}` is a list of lists"), help);
            }
            return None;
        };
        if items.len() < 2 {
            self.context.report.error(node.place, "out_of_range", format!("`{name}` are two lists or more"));
            return None;
        }
        let mut sources = Vec::new();
        for item in items {
            let source = template::expression_or_value(self.context, item)?;
            fits(&mut self.context.report, "a source", item, Takes::List, &source)?;
            sources.push(source);
        }
        Some(TemplateValue::List(sources))
    }

    /// A name that the expressions of the step bind.
    fn variable(&mut self, name: &str, node: &Node) -> Option<String> {
        let report = &mut self.context.report;
        let text = scalar::name(report, name, node)?;
        let twice = self.context.bound.iter().filter(|bound| *bound == text).count() > 1;
        let message = if names::is_reserved(text) {
            format!("`{text}` is a word of the language; a variable has another name")
        } else if !is_identifier(text) {
            format!("`{}` cannot be the name of a variable: letters, digits and `_` only", short(text))
        } else if twice {
            format!("`{text}` would stand for two things; items are numbered by `index`")
        } else {
            return Some(text.to_owned());
        };
        report.error(node.place, "invalid_name", message);
        None
    }
}

/// A text without expressions is a literal.
fn text_or_template(template: Template) -> TemplateValue {
    if template.is_literal() {
        return TemplateValue::Literal(Value::from(template.source()));
    }
    TemplateValue::Template(template)
}

fn has_name(parameter: &Parameter, name: &str) -> bool {
    parameter.name == name || parameter.others.contains(&name)
}

/// Reports keys of which only one is to be given, or one has to be.
fn at_most_one(report: &mut Report, one_of: OneOf, given: &[(&'static str, &Entry)], (whose, place): (&str, Place)) -> bool {
    let [first, second] = one_of.names;
    let found = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, entry)| *entry);
    match (found(first), found(second)) {
        (Some(_), Some(both)) => {
            let message = format!("{whose} takes `{first}` or `{second}`, not both");
            report.error_with(both.key_place, "duplicate_key", message, "keep one of the two".to_owned());
            false
        }
        (None, None) if one_of.required => {
            report.error_with(place, "key_missing", format!("{whose} needs `{first}` or `{second}`"), format!("add `{first}:`"));
            false
        }
        _ => true,
    }
}

/// Reports a key that means nothing beside another.
fn beside_each_other(report: &mut Report, given: &[(&'static str, &Entry)]) -> bool {
    let found = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, entry)| *entry);
    match (found("type"), found("template")) {
        (Some(entry), Some(_)) => {
            let message = "`type` has no meaning here: what a `template` gives is text";
            report.error_with(entry.key_place, "no_meaning", message, "leave it out, or give a `value`".to_owned());
            false
        }
        _ => true,
    }
}

/// One of the words; hints at ours when it is given in another spelling.
fn word(report: &mut Report, name: &str, node: &Node, words: &[(&'static str, &[&'static str])]) -> Option<&'static str> {
    let mut spellings: Vec<(&str, &'static str)> = words.iter().map(|(ours, _)| (*ours, *ours)).collect();
    let text = node.scalar().map(|scalar| scalar.text.as_str()).unwrap_or_default();
    let other = words.iter().find(|(_, others)| others.contains(&text)).map(|(ours, _)| *ours);
    spellings.extend(other.map(|ours| (text, ours)));
    let word = scalar::word(report, name, node, &spellings, &[])?;
    if word != text {
        report.hint(node.place, "other_spelling", format!("`{text}` is read as `{word}`"), format!("write `{word}`"));
    }
    Some(word)
}

/// The code of a failure.
fn code(report: &mut Report, name: &str, node: &Node) -> Option<String> {
    let text = scalar::name(report, name, node)?;
    if !is_identifier(text) {
        let help = scalar::slug(text, '_').map(|slug| format!("write `{slug}`"));
        report.error_with(node.place, "invalid_name", format!("`{name}` is one word of letters, digits and `_`"), help);
        return None;
    }
    Some(text.to_owned())
}

/// Reports a key that is not a credential's handle. One that is belongs to a form that cannot be run yet.
fn credential(report: &mut Report, node: &Node) {
    let text = node.scalar().map(|scalar| scalar.text.trim()).unwrap_or_default();
    let is_handle = text.strip_prefix("cred://").is_some_and(|name| !name.is_empty() && !is_template(name));
    if !is_handle && !matches!(node.content, Content::Refused) {
        report.error_with(
            node.place,
            "credential_missing",
            "the key of an `hmac` is a credential: written as a value it would stand in the plan, in the journal and on pages",
            "store it under Credentials, and write `key: cred://` and its name".to_owned(),
        );
    }
}

/// Whether a value can be what is asked for, as far as it is written in the file.
fn fits(report: &mut Report, name: &str, node: &Node, takes: Takes, value: &TemplateValue) -> Option<()> {
    let literal = match value {
        TemplateValue::Template(template) if template.keeps_type() => return Some(()),
        // Text around braces, or a tag, makes a text of it.
        TemplateValue::Template(_) => None,
        TemplateValue::List(_) => Some(Value::Array(Vec::new())),
        TemplateValue::Map(_) => Some(Value::Object(serde_json::Map::new())),
        TemplateValue::Literal(literal) => Some(literal.clone()),
    };
    let is_made = literal.is_none();
    let literal = literal.unwrap_or_else(|| Value::from(""));
    let wanted = match takes {
        Takes::List if !literal.is_array() => "a list",
        Takes::Mapping if !mapping(&literal) => "a mapping of names to texts",
        Takes::Whole if !literal.is_i64() => "a whole number",
        Takes::Moment if !(literal.is_string() || literal.is_i64()) => "a date, or a whole number of microseconds",
        Takes::Zone if !is_made => return in_zone(report, name, node, &literal),
        _ => return bounded(report, name, node, &literal),
    };
    // A name without braces, where a list or a number is meant, is a slip.
    let help = node
        .scalar()
        .filter(|scalar| scalar.plain)
        .and_then(|scalar| scalar.text.split('.').all(is_identifier).then(|| format!("write `\"{{{{ {} }}}}\"`", scalar.text)));
    report.error_with(node.place, "wrong_type", format!("`{name}` is {wanted}"), help);
    None
}

fn mapping(literal: &Value) -> bool {
    literal.as_object().is_some_and(|fields| fields.values().all(Value::is_string))
}

fn in_zone(report: &mut Report, name: &str, node: &Node, literal: &Value) -> Option<()> {
    let text = literal.as_str().unwrap_or_default();
    let Err(near) = zone(text) else { return Some(()) };
    let help = near.map_or_else(|| "write a name such as `Europe/Berlin`".to_owned(), |near| format!("did you mean `{near}`?"));
    report.error_with(node.place, "unknown_value", format!("`{name}: {}` is no IANA time zone", short(text)), help);
    None
}

/// Numbers that are sizes are not negative, and what may be written is not more than a step may give.
fn bounded(report: &mut Report, name: &str, node: &Node, literal: &Value) -> Option<()> {
    let Some(number) = literal.as_i64() else { return Some(()) };
    let range = match name {
        "count" | "offset" => 0..=i64::MAX,
        "max_bytes" => 1..=LARGEST_RESULT as i64,
        _ => return Some(()),
    };
    if range.contains(&number) {
        return Some(());
    }
    let bounds = if *range.end() == i64::MAX { "at least 0".to_owned() } else { format!("from 1 to {LARGEST_RESULT}") };
    report.error(node.place, "out_of_range", format!("`{name}` is {bounds}"));
    None
}
