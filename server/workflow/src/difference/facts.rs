//! What a plan may do, as facts that can be held against those of another one. The only part of the comparison that knows
//! how a plan is made: a new kind of step is taught here.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use domain::{Money, Permission};
use serde_json::{Map, Value};
use url::Url;

use crate::{
    permissions,
    plan::{
        AfterRefusal, ApprovalStep, Approver, CredentialPiece, FieldCheck, HttpStep, InputField, Per, Plan, Quorum, Risk, Step, StepKind,
        TRY_BODY, Trigger,
        tree::{NodeId, Order, Place, Tree},
    },
};

/// What one plan may do. An empty one may do nothing.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Hosts, each as it is written: `erp.example:8443`, or the expression that names it.
    pub(super) hosts: BTreeSet<String>,
    /// Credentials with the hosts they go to.
    pub(super) credentials: BTreeMap<String, BTreeSet<String>>,
    /// Models; an empty name is the tenant's default.
    pub(super) models: BTreeSet<String>,
    pub(super) permissions: BTreeSet<Permission>,
    pub(super) cost: Cost,
    pub(super) time_limit: Option<Duration>,
    pub(super) risk: Risk,
    pub(super) inputs: Vec<InputFact>,
    /// Outputs with what each has to be.
    pub(super) outputs: BTreeMap<String, Value>,
    /// Steps in their order.
    pub(super) steps: Vec<StepFact>,
    /// What is only said: name, description, author, tags, label.
    pub(super) said: BTreeMap<&'static str, String>,
}

/// The most that a run may cost by what its file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Cost {
    /// No step costs anything.
    #[default]
    Nothing,
    /// That much.
    AtMost(Money),
    /// The file sets no bound; the limits of workflow and tenant hold.
    Open,
}

#[derive(Debug, PartialEq)]
pub(super) struct InputFact {
    pub(super) name: String,
    pub(super) required: bool,
    pub(super) default: Option<Value>,
    /// Type, bounds, allowed values.
    pub(super) check: FieldCheck,
}

#[derive(Debug)]
pub(super) struct StepFact {
    pub(super) id: String,
    pub(super) kind: &'static str,
    /// Whether it reaches out of the house.
    pub(super) calls: bool,
    /// Whether it may change something there.
    pub(super) writes: bool,
    pub(super) follows_redirects: bool,
    pub(super) goes_on_after_errors: bool,
    pub(super) condition: Option<String>,
    pub(super) ask: Option<Ask>,
    /// The approvals that stand before it.
    pub(super) after_approvals: BTreeSet<String>,
    /// Everything else it says, part by part.
    pub(super) parts: BTreeMap<String, Value>,
}

/// Whom an approval asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) approvers: BTreeSet<Approver>,
    pub(super) quorum: Quorum,
    pub(super) expires_in: Duration,
    pub(super) goes_on_after_expiry: bool,
    pub(super) goes_on_after_rejection: bool,
}

impl Facts {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut facts = Self {
            permissions: permissions::START.iter().copied().collect(),
            cost: cost(plan),
            time_limit: plan.time_limit,
            risk: plan.risk,
            inputs: plan.inputs.iter().map(InputFact::of).collect(),
            outputs: plan
                .outputs
                .iter()
                .map(|output| (output.name.clone(), written(&(&output.check, &output.value, &output.description))))
                .collect(),
            said: said(plan),
            ..Self::default()
        };
        let tree = Tree::of(plan);
        let approvals: Vec<(NodeId, &str)> = tree
            .nodes()
            .filter(|(_, node)| matches!(node.step.kind, StepKind::Approval(_)))
            .map(|(approval, node)| (approval, node.step.id.as_str()))
            .collect();
        for (node, planned) in tree.nodes() {
            let before = approvals.iter().filter(|(approval, _)| guards(&tree, *approval, node)).map(|(_, id)| (*id).to_owned());
            facts.take(planned.step, plan);
            facts.steps.push(StepFact { after_approvals: before.collect(), ..StepFact::of(planned.step) });
        }
        facts
    }

    /// What a step adds to what the whole may reach and use.
    fn take(&mut self, step: &Step, plan: &Plan) {
        match &step.kind {
            StepKind::Http(http) => {
                let host = host_as_written(http.url.source());
                for credential in credentials_of(http) {
                    self.credentials.entry(credential.to_owned()).or_default().insert(host.clone());
                }
                self.hosts.insert(host);
                self.permissions.extend(permissions::HTTP);
            }
            StepKind::Model(model) => {
                let name = model.model.as_ref().or(plan.default_model.as_ref());
                self.models.insert(name.cloned().unwrap_or_default());
                self.permissions.extend(permissions::MODEL);
            }
            _ => {}
        }
    }
}

impl InputFact {
    fn of(field: &InputField) -> Self {
        Self { name: field.name.clone(), required: field.required, default: field.default.clone(), check: field.check.clone() }
    }
}

impl StepFact {
    fn of(step: &Step) -> Self {
        let http = if let StepKind::Http(http) = &step.kind { Some(http) } else { None };
        Self {
            id: step.id.clone(),
            kind: step.kind.name(),
            calls: matches!(step.kind, StepKind::Http(_) | StepKind::Model(_)),
            writes: http.is_some_and(|http| !matches!(http.method.as_str(), "GET" | "HEAD" | "OPTIONS")),
            follows_redirects: http.is_some_and(|http| http.follow_redirects),
            goes_on_after_errors: step.on_error != crate::plan::OnError::Stop,
            condition: step.condition.as_ref().map(|condition| condition.source().trim().to_owned()),
            ask: if let StepKind::Approval(approval) = &step.kind { Some(Ask::of(approval)) } else { None },
            after_approvals: BTreeSet::new(),
            parts: parts(step),
        }
    }
}

impl Ask {
    fn of(approval: &ApprovalStep) -> Self {
        Self {
            approvers: approval.approvers.iter().cloned().collect(),
            quorum: approval.quorum,
            expires_in: approval.expires_in,
            goes_on_after_expiry: approval.on_expiry == AfterRefusal::Continue,
            goes_on_after_rejection: approval.on_reject == AfterRefusal::Continue,
        }
    }
}

/// Whether a step can only be reached once an approval was asked: one that stands in a block that may be passed over does not count.
fn guards(tree: &Tree<'_>, approval: NodeId, step: NodeId) -> bool {
    if tree.order(approval, step) != Order::Before {
        return false;
    }
    let around = tree.lineage(step);
    tree.lineage(approval).into_iter().filter(|node| !around.contains(node)).all(|node| match tree.get(node).map(|node| node.place) {
        Some(Place::Root) => true,
        Some(Place::Block { of, block }) if !around.contains(&of) => match tree.step(of).map(|step| &step.kind) {
            Some(StepKind::Parallel(_)) => true,
            Some(StepKind::Try(_)) => block == TRY_BODY,
            _ => false,
        },
        Some(Place::Block { .. }) => tree.siblings(node).iter().any(|sibling| around.contains(sibling)),
        _ => false,
    })
}

/// How often a step may run at most, as far as the loops around it say.
fn rounds(tree: &Tree<'_>, step: NodeId) -> Option<u64> {
    tree.lineage(step).windows(2).try_fold(1_u64, |rounds, pair| {
        let [container, inside] = pair else { return Some(rounds) };
        let in_block = matches!(tree.get(*inside).map(|node| node.place), Some(Place::Block { .. }));
        match tree.step(*container).map(|step| &step.kind) {
            Some(StepKind::While(step)) if in_block => rounds.checked_mul(u64::from(step.max_iterations)),
            Some(StepKind::ForEach(_)) if in_block => None,
            _ => Some(rounds),
        }
    })
}

/// A part of a plan as JSON. What cannot be written is the same as nothing, which no part of a plan is.
fn written(part: &impl serde::Serialize) -> Value {
    serde_json::to_value(part).unwrap_or(Value::Null)
}

/// What a step says, but for its place in the file and what is a fact of its own.
fn parts(step: &Step) -> BTreeMap<String, Value> {
    let Value::Object(mut fields) = written(step) else { return BTreeMap::new() };
    for elsewhere in ["id", "line", "condition"] {
        fields.shift_remove(elsewhere);
    }
    let kind = fields.shift_remove("kind").and_then(|kind| if let Value::Object(kind) = kind { Some(kind) } else { None });
    let of_approval = ["approvers", "quorum", "expires_in", "on_expiry", "on_reject"];
    let arguments: Map<String, Value> = kind.unwrap_or_default().into_iter().collect();
    let arguments = arguments
        .into_iter()
        .filter(|(name, _)| name != "kind" && !(matches!(step.kind, StepKind::Approval(_)) && of_approval.contains(&name.as_str())));
    fields.into_iter().chain(arguments).map(|(name, part)| (name, without_steps(part))).collect()
}

/// A part with the ids of the steps inside it in their places: those are told of on their own.
fn without_steps(part: Value) -> Value {
    match part {
        Value::Object(mut step) if ["id", "line", "kind"].iter().all(|name| step.contains_key(*name)) => {
            step.shift_remove("id").unwrap_or_default()
        }
        Value::Object(fields) => fields.into_iter().map(|(name, part)| (name, without_steps(part))).collect(),
        Value::Array(items) => items.into_iter().map(without_steps).collect(),
        other => other,
    }
}

fn said(plan: &Plan) -> BTreeMap<&'static str, String> {
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    BTreeMap::from([
        ("name", plan.name.clone()),
        ("description", optional(&plan.description)),
        ("author", optional(&plan.author)),
        ("version", optional(&plan.version)),
        ("tags", plan.tags.join(", ")),
        ("list of triggers", plan.declared.triggers.iter().map(trigger).collect::<Vec<_>>().join(", ")),
        ("list of what it asks for", asked(plan)),
    ])
}

fn trigger(trigger: &Trigger) -> String {
    let off = if trigger.enabled { "" } else { " (off)" };
    format!("{} {}", trigger.kind.name(), trigger.kind.detail()).trim_end().to_owned() + off
}

/// What the file declares besides its steps, part by part.
fn asked(plan: &Plan) -> String {
    let Value::Object(mut declared) = written(&plan.declared) else { return String::new() };
    declared.shift_remove("triggers");
    declared.iter().map(|(name, part)| format!("{name} {part}")).collect::<Vec<_>>().join(", ")
}

fn credentials_of(http: &HttpStep) -> impl Iterator<Item = &str> {
    http.headers.iter().flat_map(|(_, pieces)| pieces).filter_map(|piece| match piece {
        CredentialPiece::Credential(name) => Some(name.as_str()),
        CredentialPiece::Text(_) => None,
    })
}

/// The least of what bounds a run: its own limit, and the sum of what its steps may spend when each of them has a limit.
fn cost(plan: &Plan) -> Cost {
    let of_run = plan.budget.filter(|budget| budget.per == Per::Run).map(|budget| budget.limit);
    let of_each = plan.budget.filter(|budget| budget.per == Per::Step).map(|budget| budget.limit);
    let mut costs_something = false;
    let mut sum = Some(Money::ZERO);
    let tree = Tree::of(plan);
    for (node, planned) in tree.nodes().filter(|(_, planned)| matches!(planned.step.kind, StepKind::Model(_))) {
        costs_something = true;
        let limit = [planned.step.budget, of_each].into_iter().flatten().min();
        let limit = limit.zip(rounds(&tree, node)).and_then(|(limit, rounds)| limit.times(rounds));
        sum = sum.zip(limit).map(|(sum, limit)| sum.saturating_add(limit));
    }
    if !costs_something {
        return Cost::Nothing;
    }
    [of_run, sum].into_iter().flatten().min().map_or(Cost::Open, Cost::AtMost)
}

/// The host of an address as it is written: `host` or `host:port`, or the text with the expressions that will name it.
fn host_as_written(source: &str) -> String {
    let source = source.trim();
    let is_scheme = |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let rest = source.split_once("://").filter(|(scheme, _)| is_scheme(scheme)).map_or(source, |(_, rest)| rest);
    let mut end = rest.len();
    let mut at = 0;
    while let Some(tail) = rest.get(at..) {
        let Some(sign) = tail.chars().next() else { break };
        if let Some(inside) = tail.strip_prefix("{{") {
            // An expression may have a slash in it, and names a part of the host all the same.
            at += inside.find("}}").map_or(tail.len(), |close| close + 4);
        } else if matches!(sign, '/' | '?' | '#') {
            end = at;
            break;
        } else {
            at += sign.len_utf8();
        }
    }
    let authority = rest.get(..end).unwrap_or(rest);
    if authority.contains("{{") {
        return authority.to_owned();
    }
    let parsed = Url::parse(source).ok();
    let host = parsed.as_ref().and_then(|url| url.host_str().map(|host| (host, url.port())));
    match host {
        Some((host, Some(port))) => format!("{host}:{port}"),
        Some((host, None)) => host.to_owned(),
        None => authority.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_told_as_it_is_written() {
        for (source, host) in [
            ("https://ERP.example/invoices/{{ id }}", "erp.example"),
            ("https://erp.example:8443/a?b#c", "erp.example:8443"),
            ("https://erp.example", "erp.example"),
            ("https://{{ vars.host }}/a", "{{ vars.host }}"),
            ("https://{{ vars.host | default('a/b') }}:80/a", "{{ vars.host | default('a/b') }}:80"),
            ("{{ vars.erp_url }}/invoices/{{ id }}", "{{ vars.erp_url }}"),
            ("{{ vars.erp_url", "{{ vars.erp_url"),
            ("", ""),
        ] {
            assert_eq!(host_as_written(source), host, "{source}");
        }
    }
}
