//! What each data step may say: its keys, what they take, and the words among them. The parser reads files by
//! this, and nothing that is not here is accepted.

use super::Action;

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Any value.
    Value,
    /// A text.
    Text,
    /// A list.
    List,
    /// Names with texts.
    Mapping,
    /// A whole number.
    Whole,
    /// A date, or a number of microseconds since 1970.
    Moment,
    /// The name of a field, a path to one, or the number of an item.
    Path,
    /// An expression that is read once, with the names around the step.
    Once,
    /// An expression that is read for each item.
    Each,
    /// A condition that is read for each item.
    EachCondition,
    /// The name of a variable that expressions of the step see.
    Variable,
    /// A code for people and for `on_error`.
    Code,
    /// One of these words, each with its other spellings.
    Word(&'static [(&'static str, &'static [&'static str])]),
    /// The IANA name of a time zone.
    Zone,
    /// Two or more lists.
    Sources,
    /// The handle of a credential.
    Credential,
}

/// A key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    /// Spellings besides camelCase that are read as this one, with a hint.
    pub(crate) others: &'static [&'static str],
    pub(crate) takes: Takes,
    pub(crate) required: bool,
}

/// Keys of which at most one is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneOf {
    pub(crate) names: [&'static str; 2],
    /// Whether one has to be given.
    pub(crate) required: bool,
}

/// A form of an action: one of its operations or modes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    /// The word that chooses it.
    pub(crate) word: &'static str,
    pub(crate) parameters: &'static [Parameter],
    pub(crate) one_of: Option<OneOf>,
    /// Whether it belongs to the language but cannot be run yet.
    pub(crate) later: bool,
}

/// The forms of an action.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Forms {
    /// The author's own names, with any values.
    OwnNames,
    /// One form.
    One(Form),
    /// The word under `key` chooses; without it, it is the default, if there is one.
    Chosen { key: &'static str, default: Option<&'static str>, forms: &'static [Form] },
}

/// What an action or type may say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Description {
    pub(crate) action: Action,
    pub(crate) forms: Forms,
}

/// The description of an action (`core.sort`).
pub(crate) fn of_action(name: &str) -> Option<&'static Description> {
    ACTIONS.iter().find(|description| description.action.name() == name)
}

/// The description of a type of step (`map`).
pub(crate) fn of_type(name: &str) -> Option<&'static Description> {
    TYPES.iter().find(|description| description.action.name() == name)
}

/// The names of the actions.
pub(crate) fn actions() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|description| description.action.name())
}

const fn required(name: &'static str, takes: Takes) -> Parameter {
    Parameter { name, others: &[], takes, required: true }
}

const fn optional(name: &'static str, takes: Takes) -> Parameter {
    Parameter { name, others: &[], takes, required: false }
}

const fn one(parameters: &'static [Parameter]) -> Forms {
    Forms::One(form("", parameters))
}

const fn form(word: &'static str, parameters: &'static [Parameter]) -> Form {
    Form { word, parameters, one_of: None, later: false }
}

const INPUT_LIST: Parameter = required("input", Takes::List);
const ITEMS: Parameter = required("items", Takes::Once);
const ITEM: Parameter = optional("item_variable", Takes::Variable);
const CONDITION: Parameter = Parameter { others: &["expression"], ..required("condition", Takes::EachCondition) };
const BY_FIELD: &[Parameter] = &[INPUT_LIST, optional("key", Takes::Path), optional("expression", Takes::Each)];
const ALGORITHM: Parameter = optional("algorithm", Takes::Word(&[("sha256", &["sha-256"]), ("sha512", &["sha-512"])]));
const ENCODING: Parameter = optional("encoding", Takes::Word(&[("hex", &[]), ("base64", &[])]));
const FIELD: &[Parameter] = &[INPUT_LIST, optional("field", Takes::Path)];
const ZONE: Parameter = optional("zone", Takes::Zone);
const PATTERN: Parameter = optional("format", Takes::Text);
const UNIT: Parameter = required(
    "unit",
    Takes::Word(&[
        ("years", &["year"]),
        ("months", &["month"]),
        ("weeks", &["week"]),
        ("days", &["day"]),
        ("hours", &["hour"]),
        ("minutes", &["minute"]),
        ("seconds", &["second"]),
        ("milliseconds", &["millisecond"]),
    ]),
);
const MOVED: &[Parameter] = &[required("input", Takes::Moment), required("amount", Takes::Whole), UNIT, ZONE];
const MATCHED: &[Parameter] = &[
    required("sources", Takes::Sources),
    required("match_field", Takes::Path),
    required("on_conflict", Takes::Word(&[("keep_first", &[]), ("keep_last", &[]), ("merge_fields", &[])])),
];
/// `key` or `expression`: one of them, or neither.
const PERHAPS: Option<OneOf> = Some(OneOf { names: ["key", "expression"], required: false });

const ACTIONS: &[Description] = &[
    Description { action: Action::Set, forms: Forms::OwnNames },
    Description {
        action: Action::Transform,
        forms: Forms::Chosen {
            key: "operation",
            default: None,
            forms: &[
                form("map", &[INPUT_LIST, required("expression", Takes::Each)]),
                form("filter", &[INPUT_LIST, CONDITION]),
                form("find", &[INPUT_LIST, CONDITION]),
                Form { one_of: Some(OneOf { names: ["key", "expression"], required: true }), ..form("group_by", BY_FIELD) },
                Form { one_of: PERHAPS, ..form("unique", BY_FIELD) },
                Form { one_of: PERHAPS, ..form("sort", BY_FIELD) },
            ],
        },
    },
    Description {
        action: Action::Extract,
        forms: one(&[required("input", Takes::Value), required("path", Takes::Path), optional("default", Takes::Value)]),
    },
    Description {
        action: Action::Format,
        forms: Forms::One(Form {
            one_of: Some(OneOf { names: ["template", "value"], required: true }),
            ..form(
                "",
                &[
                    optional("template", Takes::Text),
                    optional("value", Takes::Value),
                    optional(
                        "type",
                        Takes::Word(&[
                            ("text", &["string"]),
                            ("json", &[]),
                            ("json_pretty", &["pretty_json"]),
                            ("csv", &[]),
                            ("date", &[]),
                            ("datetime", &[]),
                            ("url", &[]),
                            ("html", &[]),
                        ]),
                    ),
                ],
            )
        }),
    },
    Description {
        action: Action::Aggregate,
        forms: Forms::Chosen {
            key: "operation",
            default: None,
            forms: &[
                form("sum", FIELD),
                form("avg", FIELD),
                form("min", FIELD),
                form("max", FIELD),
                form("count", FIELD),
                form("median", FIELD),
            ],
        },
    },
    Description {
        action: Action::Compare,
        forms: one(&[
            required("left", Takes::Value),
            required("right", Takes::Value),
            required(
                "operator",
                Takes::Word(&[
                    ("==", &["=", "eq", "equals"]),
                    ("!=", &["ne", "not_equals"]),
                    ("<", &["lt", "less_than"]),
                    ("<=", &["le", "lte", "less_than_or_equal"]),
                    (">", &["gt", "greater_than"]),
                    (">=", &["ge", "gte", "greater_than_or_equal"]),
                    ("in", &[]),
                    ("not in", &["not_in"]),
                    ("contains", &[]),
                    ("=~", &["matches"]),
                    ("!~", &["not_matches"]),
                    ("starts_with", &[]),
                    ("ends_with", &[]),
                ]),
            ),
        ]),
    },
    Description { action: Action::RenameKeys, forms: one(&[required("input", Takes::Value), required("mapping", Takes::Mapping)]) },
    Description { action: Action::Limit, forms: one(&[INPUT_LIST, required("count", Takes::Whole), optional("offset", Takes::Whole)]) },
    Description {
        action: Action::Sort,
        forms: one(&[
            INPUT_LIST,
            optional("by", Takes::Path),
            optional("order", Takes::Word(&[("asc", &["ascending"]), ("desc", &["descending"])])),
        ]),
    },
    Description {
        action: Action::Crypto,
        forms: Forms::Chosen {
            key: "operation",
            default: None,
            forms: &[
                form("hash", &[required("input", Takes::Text), ALGORITHM, ENCODING]),
                Form {
                    later: true,
                    ..form("hmac", &[required("input", Takes::Text), required("key", Takes::Credential), ALGORITHM, ENCODING])
                },
                form("uuid", &[]),
                form("random_bytes", &[optional("input", Takes::Whole), ENCODING]),
            ],
        },
    },
    Description {
        action: Action::Datetime,
        forms: Forms::Chosen {
            key: "operation",
            default: None,
            forms: &[
                form("now", &[ZONE, PATTERN]),
                form("parse", &[required("input", Takes::Text), PATTERN, ZONE]),
                form("format", &[required("input", Takes::Moment), PATTERN, ZONE]),
                form("add", MOVED),
                form("subtract", MOVED),
                form("diff", &[INPUT_LIST, UNIT, ZONE]),
            ],
        },
    },
    Description {
        action: Action::Parse,
        forms: one(&[
            required("input", Takes::Text),
            required("format", Takes::Word(&[("json", &[]), ("yaml", &["yml"]), ("csv", &[]), ("xml", &[])])),
        ]),
    },
    Description { action: Action::Compress, forms: one(&[required("input", Takes::Text)]) },
    Description { action: Action::Decompress, forms: one(&[required("input", Takes::Text), optional("max_bytes", Takes::Whole)]) },
    Description { action: Action::Timestamp, forms: one(&[]) },
    Description { action: Action::Noop, forms: one(&[]) },
    Description { action: Action::Fail, forms: one(&[required("message", Takes::Text), optional("code", Takes::Code)]) },
];

const TYPES: &[Description] = &[
    Description { action: Action::Map, forms: one(&[ITEM, ITEMS, required("expression", Takes::Each)]) },
    Description { action: Action::Filter, forms: one(&[ITEM, ITEMS, CONDITION]) },
    Description {
        action: Action::Reduce,
        forms: one(&[
            ITEM,
            optional("accumulator_variable", Takes::Variable),
            ITEMS,
            optional("initial_value", Takes::Value),
            required("expression", Takes::Each),
        ]),
    },
    Description {
        action: Action::Merge,
        forms: Forms::Chosen {
            key: "mode",
            default: Some("append"),
            forms: &[
                form("append", &[required("sources", Takes::Sources)]),
                form("match", MATCHED),
                form("diff", &[required("sources", Takes::Sources), optional("match_field", Takes::Path)]),
                form("combine_by_field", MATCHED),
            ],
        },
    },
];
