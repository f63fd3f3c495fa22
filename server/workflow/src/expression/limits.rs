//! What an expression may cost: the bounds of its text, and the meter that runs while it is evaluated.
//!
//! The bounds of the text are constants, because a file that was accepted once must stay acceptable. What
//! an evaluation may spend is [`Limits`], so that a caller can allow less. Every loop over data, and every
//! copy of data, spends from the meter *before* it happens: a new filter that walks a value calls
//! [`Work::spend`] for each item, and one that makes text calls [`Work::allocate`] with the size first.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{
    error::Fault,
    scope::{Lookup, Scope},
};

/// The longest source text of an expression or template, in bytes.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024;
/// How deeply an expression, and the blocks of a template, may be nested.
pub const MAX_DEPTH: usize = 64;
/// The most parts (names, literals, operations, tags) an expression or template may have.
pub const MAX_NODES: usize = 1_000;
/// The most regular expressions an expression or template may contain.
pub const MAX_PATTERNS: usize = 16;
/// The longest regular expression, in bytes.
pub const MAX_PATTERN_BYTES: usize = 1_024;
/// How deeply lists and objects of a result may be nested: what the JSON reader accepts too, so that
/// whatever is stored can be read back.
pub const MAX_VALUE_DEPTH: usize = 120;

/// How deeply filters may call filters by name (`map('map', …)`).
const MAX_NESTED_FILTERS: usize = 16;
/// The most memory a compiled regular expression may take, in bytes.
const PATTERN_SIZE_LIMIT: usize = 256 * 1024;
/// Compiled patterns kept during one evaluation.
const PATTERNS_KEPT: usize = MAX_PATTERNS;
/// What compiling a pattern costs, in steps.
const PATTERN_STEPS: usize = 4_000;
/// Bytes of text that cost as much as one step when they are copied or walked.
const BYTES_PER_STEP: usize = 256;
/// Bytes of text that cost as much as one step when a regular expression walks them.
const PATTERN_BYTES_PER_STEP: usize = 16;
/// Values that cost as much as one step when they are copied or measured.
const VALUES_PER_STEP: usize = 8;

/// What one evaluation may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps: parts evaluated, items walked, and copied text by its size.
    pub steps: usize,
    /// The size of any text, list or object that comes out, in bytes.
    pub output_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 100_000, output_bytes: 1024 * 1024 }
    }
}

/// The meter of one evaluation, with the few things filters need from around them.
pub(super) struct Work<'a> {
    pub(super) scope: &'a dyn Scope,
    limits: Limits,
    spent: usize,
    /// How deeply filters call filters by name (`map('map', …)`).
    nested: usize,
    uuid_calls: u32,
    patterns: Vec<(String, Regex)>,
}

impl<'a> Work<'a> {
    pub(super) fn new(scope: &'a dyn Scope, limits: Limits, first_uuid_call: u32) -> Self {
        Self { scope, limits, spent: 0, nested: 0, uuid_calls: first_uuid_call, patterns: Vec::new() }
    }

    /// How many times `uuid()` was called, counted from what the evaluation was started with.
    pub(super) fn uuid_calls(&self) -> u32 {
        self.uuid_calls
    }

    /// Takes steps from what is left.
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), Fault> {
        self.spent = self.spent.saturating_add(steps);
        if self.spent > self.limits.steps {
            return Err(Fault::Limit(format!("this takes more than the {} steps an expression may take", self.limits.steps)));
        }
        Ok(())
    }

    /// Pays for reading text of that many bytes.
    pub(super) fn read(&mut self, bytes: usize) -> Result<(), Fault> {
        self.spend(bytes / BYTES_PER_STEP)
    }

    /// Pays for text that is about to be made, and refuses it when it is too long.
    pub(super) fn allocate(&mut self, bytes: usize) -> Result<(), Fault> {
        self.fits(bytes)?;
        self.read(bytes)
    }

    /// Refuses a result of more bytes than allowed.
    pub(super) fn fits(&self, bytes: usize) -> Result<(), Fault> {
        if bytes > self.limits.output_bytes {
            return Err(Fault::Limit(format!("the result is larger than the {} bytes an expression may give", self.limits.output_bytes)));
        }
        Ok(())
    }

    /// The largest text an expression may give, in bytes.
    pub(super) fn output_bytes(&self) -> usize {
        self.limits.output_bytes
    }

    /// Runs something one level deeper in filters that call filters.
    pub(super) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.nested >= MAX_NESTED_FILTERS {
            return Err(Fault::Limit(format!("filters that call filters are nested deeper than {MAX_NESTED_FILTERS}")));
        }
        self.nested += 1;
        let result = inner(self);
        self.nested -= 1;
        result
    }

    /// The recorded start of the step.
    pub(super) fn now(&mut self) -> Result<i64, Fault> {
        self.scope.now().ok_or_else(|| Fault::NotYetKnown("now()".to_owned()))
    }

    /// The next identifier.
    pub(super) fn uuid(&mut self) -> Result<String, Fault> {
        let made = self.scope.uuid(self.uuid_calls).ok_or_else(|| Fault::NotYetKnown("uuid()".to_owned()))?;
        self.uuid_calls = self.uuid_calls.saturating_add(1);
        Ok(made)
    }

    /// Looks a name, or a name and its first field, up in the scope.
    pub(super) fn lookup(&mut self, name: &str, field: Option<&str>) -> (Lookup<'a>, bool) {
        let scope = self.scope;
        if let Some(field) = field
            && let Some(found) = scope.member(name, field)
        {
            return (found, true);
        }
        (scope.lookup(name), false)
    }

    /// Checks the size and depth of a value that was just made, so that neither can grow from step to step.
    pub(super) fn bounded(&mut self, value: Value) -> Result<Value, Fault> {
        self.measure(&value)?;
        Ok(value)
    }

    /// A copy of a value, paid for, and refused when it is too large to be a result.
    pub(super) fn copy(&mut self, value: &Value) -> Result<Value, Fault> {
        self.measure(value)?;
        Ok(value.clone())
    }

    fn measure(&mut self, value: &Value) -> Result<(), Fault> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => return Ok(()),
            Value::String(text) => return self.allocate(text.len() + 2),
            Value::Array(_) | Value::Object(_) => {}
        }
        let mut open = vec![(value, 1_usize)];
        let mut bytes = 0_usize;
        let mut values = 0_usize;
        while let Some((value, depth)) = open.pop() {
            if depth > MAX_VALUE_DEPTH {
                return Err(Fault::Limit(format!("lists and objects are nested deeper than {MAX_VALUE_DEPTH}")));
            }
            values += 1;
            bytes += match value {
                Value::Null | Value::Bool(_) => 4,
                Value::Number(_) => 8,
                Value::String(text) => text.len() + 2,
                Value::Array(items) => {
                    self.fits(items.len())?;
                    open.extend(items.iter().map(|item| (item, depth + 1)));
                    items.len() + 2
                }
                Value::Object(fields) => {
                    self.fits(fields.len())?;
                    open.extend(fields.values().map(|field| (field, depth + 1)));
                    fields.keys().map(|key| key.len() + 4).sum::<usize>() + 2
                }
            };
            self.fits(bytes)?;
        }
        self.spend(values / VALUES_PER_STEP + bytes / BYTES_PER_STEP)
    }

    /// A regular expression, compiled once per evaluation, and paid for by the text it is to walk.
    pub(super) fn pattern(&mut self, source: &str, text: &str) -> Result<Regex, Fault> {
        self.spend(text.len() / PATTERN_BYTES_PER_STEP)?;
        if let Some(found) = self.patterns.iter().position(|(known, _)| known == source) {
            self.patterns.swap(found, 0);
        } else {
            self.spend(PATTERN_STEPS)?;
            let compiled = compile(source).map_err(Fault::Argument)?;
            self.patterns.truncate(PATTERNS_KEPT - 1);
            self.patterns.insert(0, (source.to_owned(), compiled));
        }
        self.patterns.first().map(|(_, pattern)| pattern.clone()).ok_or_else(|| Fault::Limit("no regular expression is left".to_owned()))
    }
}

/// Compiles a regular expression within its bounds. The error is a sentence.
pub(super) fn compile(source: &str) -> Result<Regex, String> {
    if source.len() > MAX_PATTERN_BYTES {
        return Err(format!("the regular expression is longer than {MAX_PATTERN_BYTES} bytes"));
    }
    RegexBuilder::new(source).size_limit(PATTERN_SIZE_LIMIT).dfa_size_limit(2 * PATTERN_SIZE_LIMIT).nest_limit(50).build().map_err(
        |error| match error {
            regex::Error::CompiledTooBig(_) => {
                r"the regular expression needs too much memory; `[a-z0-9_]` in place of `\w` needs less".to_owned()
            }
            // The library draws the pattern with a caret under it; its last line is the reason.
            other => {
                let text = other.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                format!("the regular expression is not valid: {reason}")
            }
        },
    )
}
