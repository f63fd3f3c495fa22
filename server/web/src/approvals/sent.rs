//! What the form of the decision page sends: two buttons, a remark, and fields whose names only the workflow knows.

use std::collections::BTreeMap;

use domain::Problem;
use serde::Deserialize;

use super::form::PREFIX;
use crate::route::Result;

/// By which way the reader came. It changes a word in the audit log and no right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Way {
    Mail,
}

/// The two buttons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Approve,
    Reject,
}

/// What the form sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) decision: Verdict,
    pub(super) comment: String,
    pub(super) digest: String,
    pub(super) by_mail: bool,
    /// What was filled in, without the prefix of its name.
    pub(super) fields: Vec<(String, String)>,
}

impl Sent {
    /// Reads a form whose fields are named in the workflow. As strict as a form of known fields: what is not of this page is
    /// refused, and so is what comes twice; but a box that may be ticked comes behind a hidden value.
    pub(super) fn read(sent: BTreeMap<String, Vec<String>>) -> Result<Self> {
        let (mut decision, mut comment, mut digest, mut by, mut fields) = (None, None, None, None, Vec::new());
        for (name, mut values) in sent {
            if let Some(field) = name.strip_prefix(PREFIX) {
                fields.extend(values.into_iter().map(|value| (field.to_owned(), value.replace("\r\n", "\n"))));
                continue;
            }
            let wrong = |what: &str| Problem::field(name.clone(), format!("`{name}` {what}."));
            let (Some(value), true) = (values.pop(), values.is_empty()) else { return Err(wrong("is there more than once").into()) };
            match name.as_str() {
                "decision" if value == "approve" => decision = Some(Verdict::Approve),
                "decision" if value == "reject" => decision = Some(Verdict::Reject),
                "by" if value == "mail" => by = Some(Way::Mail),
                "by" if value.is_empty() => {}
                "decision" | "by" => return Err(wrong("is not one of the values of this form").into()),
                "comment" => comment = Some(value),
                "digest" => digest = Some(value),
                _ => return Err(wrong("is no field of this form").into()),
            }
        }
        let missing = |name: &str| Problem::field(name, format!("`{name}` is missing."));
        Ok(Self {
            decision: decision.ok_or_else(|| missing("decision"))?,
            comment: comment.unwrap_or_default(),
            digest: digest.ok_or_else(|| missing("digest"))?,
            by_mail: by == Some(Way::Mail),
            fields,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_taken_apart_as_strictly_as_one_of_known_fields() {
        let read = |pairs: &[(&str, &[&str])]| {
            let sent = pairs.iter().map(|(name, values)| ((*name).to_owned(), values.iter().map(|value| (*value).to_owned()).collect()));
            Sent::read(sent.collect())
        };
        let sent = read(&[
            ("decision", &["reject"]),
            ("comment", &["no"]),
            ("digest", &["d"]),
            ("by", &["mail"]),
            ("fields.sure", &["false", "true"]),
            ("fields.why", &["a\r\nb"]),
        ])
        .unwrap();
        assert_eq!((sent.decision, sent.comment.as_str(), sent.digest.as_str(), sent.by_mail), (Verdict::Reject, "no", "d", true));
        let fields: Vec<(&str, &str)> = sent.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("sure", "false"), ("sure", "true"), ("why", "a\nb")]);
        for wrong in [
            &[("digest", &["d"][..])][..],
            &[("decision", &["approve"])],
            &[("decision", &["perhaps"]), ("digest", &["d"])],
            &[("decision", &["approve", "reject"]), ("digest", &["d"])],
            &[("decision", &["approve"]), ("digest", &["d"]), ("other", &["x"])],
            &[("decision", &["approve"]), ("digest", &["d"]), ("by", &["pigeon"])],
        ] {
            assert_eq!(read(wrong).unwrap_err().problem().status, 422, "{wrong:?}");
        }
    }
}
