//! Plans made by hand, so that these tests need no file and no parser.

use std::time::Duration;

use domain::Money;
use serde_json::{Value, json};
use workflow::{
    expression::{Expression, Template, parse_condition},
    plan::{
        AfterRefusal, ApprovalStep, Approver, CredentialPiece, FieldCheck, FieldType, HttpStep, HttpStepBody, InputField, LogLevel,
        ModelStep, ModelTask, OnLimit, OutputField, Per, Plan, Quorum, Retry, Risk, Step, StepKind, StepOrRunBudget, TemplateValue,
    },
};

pub fn template(text: &str) -> Template {
    Template::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn expression(text: &str) -> Expression {
    parse_condition(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// JSON as a file would say it: a text with braces is a template.
pub fn value(value: Value) -> TemplateValue {
    match value {
        Value::String(text) if text.contains("{{") => TemplateValue::Template(template(&text)),
        Value::Array(items) => TemplateValue::List(items.into_iter().map(self::value).collect()),
        Value::Object(fields) => TemplateValue::Map(fields.into_iter().map(|(name, field)| (name, self::value(field))).collect()),
        other => TemplateValue::Literal(other),
    }
}

pub fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        form: 1,
        id: "example".to_owned(),
        name: "Example".to_owned(),
        version: None,
        description: None,
        author: None,
        tags: Vec::new(),
        risk: Risk::Low,
        inputs: Vec::new(),
        outputs: Vec::new(),
        budget: None,
        time_limit: None,
        default_model: None,
        state: Vec::new(),
        graph: workflow::plan::Graph::default(),
        declared: workflow::plan::Declared::default(),
        steps,
    }
}

pub fn step(id: &str, kind: StepKind) -> Step {
    Step::plain(id, id, 1, kind)
}

/// Changes to a step, one after the other.
pub trait With {
    fn when(self, condition: &str) -> Self;
    fn sets(self, variable: &str) -> Self;
    fn tries(self, attempts: u32) -> Self;
    fn keyed(self, key: &str) -> Self;
}

impl With for Step {
    fn when(mut self, condition: &str) -> Self {
        self.condition = Some(expression(condition));
        self
    }
    fn sets(mut self, variable: &str) -> Self {
        self.output_variable = Some(variable.to_owned());
        self
    }
    fn tries(mut self, attempts: u32) -> Self {
        self.retry = Retry { max_attempts: attempts, jitter: 0.0, ..Retry::ONCE };
        self
    }
    fn keyed(mut self, key: &str) -> Self {
        self.idempotency_key = Some(template(key));
        self
    }
}

pub fn get(url: &str) -> StepKind {
    StepKind::Http(HttpStep {
        method: "GET".to_owned(),
        url: template(url),
        headers: Vec::new(),
        query: Vec::new(),
        body: HttpStepBody::None,
        accept_status: Vec::new(),
        follow_redirects: false,
    })
}

pub fn post(url: &str, credential: Option<&str>, body: Value) -> StepKind {
    let headers = credential.map(|name| {
        let pieces = vec![CredentialPiece::Text(template("Bearer ")), CredentialPiece::Credential(name.to_owned())];
        ("Authorization".to_owned(), pieces)
    });
    StepKind::Http(HttpStep {
        method: "POST".to_owned(),
        url: template(url),
        headers: headers.into_iter().collect(),
        query: Vec::new(),
        body: HttpStepBody::Json(value(body)),
        accept_status: Vec::new(),
        follow_redirects: false,
    })
}

pub fn prompt(text: &str) -> StepKind {
    StepKind::Model(ModelStep {
        task: ModelTask::Analyze,
        model: None,
        system: Some(template("Answer.")),
        prompt: template(text),
        output_schema: Some(json!({"type": "object"})),
        max_tokens: Some(400),
        temperature: None,
    })
}

pub fn approval(title: &str) -> ApprovalStep {
    ApprovalStep {
        title: template(title),
        description: None,
        approvers: vec![Approver::Role("approver".to_owned())],
        quorum: Quorum::Of(1),
        risk: Risk::High,
        shows: Vec::new(),
        expires_in: Duration::from_hours(72),
        on_expiry: AfterRefusal::Stop,
        on_reject: AfterRefusal::Stop,
        fields: Vec::new(),
    }
}

pub fn ask(title: &str) -> StepKind {
    StepKind::Approval(approval(title))
}

pub fn ask_and_go_on(title: &str) -> StepKind {
    StepKind::Approval(ApprovalStep { on_expiry: AfterRefusal::Continue, on_reject: AfterRefusal::Continue, ..approval(title) })
}

pub fn assert(condition: &str, message: Option<&str>) -> StepKind {
    StepKind::Assert { condition: expression(condition), message: message.map(template) }
}

pub fn log(message: &str) -> StepKind {
    StepKind::Log { level: LogLevel::Info, message: template(message) }
}

pub fn set(values: Value) -> StepKind {
    let Value::Object(values) = values else { panic!("outputs have names") };
    StepKind::SetOutputs { values: values.into_iter().map(|(name, field)| (name, value(field))).collect() }
}

pub fn field(kind: FieldType) -> FieldCheck {
    FieldCheck { kind, one_of: None, min: None, max: None, pattern: None, items: None }
}

pub fn input(name: &str, check: FieldCheck) -> InputField {
    InputField { name: name.to_owned(), check, required: false, default: None, description: None }
}

pub fn output(name: &str, kind: FieldType, value: Option<&str>) -> OutputField {
    OutputField { name: name.to_owned(), check: Some(field(kind)), description: None, value: value.map(|text| self::value(json!(text))) }
}

/// The main example: read an invoice, check it, have it looked at, ask, pay once, say what was done.
pub fn payment() -> Plan {
    let looks = ApprovalStep {
        description: Some(template("Review: **{{ review.risk }}**. {{ review.reasons | join('; ') }}\n{{ inputs.note }}")),
        shows: vec![
            ("Vendor".to_owned(), template("{{ invoice.body.vendor }}")),
            ("Account".to_owned(), template("{{ invoice.body.iban }}")),
        ],
        ..approval("Pay {{ invoice.body.amount }} {{ invoice.body.currency }} to {{ invoice.body.vendor }}")
    };
    let mut review = step(
        "look",
        prompt("Invoice {{ invoice.body.id }}.{% if invoice.body.lines is defined %} Lines.{% endif %} Is anything unusual about it?"),
    )
    .sets("review");
    review.budget = Some(Money::from_nanos(100_000_000));
    let pay = post(
        "{{ vars.payments_url }}/payments",
        Some("payment-desk"),
        json!({"invoice": "{{ invoice.body.id }}", "iban": "{{ invoice.body.iban }}", "amount": "{{ invoice.body.amount }}"}),
    );
    Plan {
        inputs: vec![
            InputField {
                required: true,
                ..input("invoice_id", FieldCheck { pattern: Some("^INV-[0-9]{4,8}$".to_owned()), ..field(FieldType::String) })
            },
            InputField { default: Some(json!(1000)), ..input("ask_above", FieldCheck { min: Some(0.0), ..field(FieldType::Number) }) },
            InputField { default: Some(json!("")), ..input("note", field(FieldType::String)) },
        ],
        outputs: vec![
            output("payment_id", FieldType::String, None),
            output("amount", FieldType::Number, None),
            output("decided_by", FieldType::String, None),
        ],
        budget: Some(StepOrRunBudget { limit: Money::from_nanos(250_000_000), per: Per::Run, on_limit: OnLimit::Block }),
        ..plan(vec![
            step("read", get("{{ vars.erp_url }}/invoices/{{ inputs.invoice_id }}")).sets("invoice").tries(4),
            step(
                "open",
                assert(
                    "{{ invoice.body.status == 'open' and invoice.body.amount > 0 }}",
                    Some("Invoice {{ inputs.invoice_id }} is {{ invoice.body.status }}, not open"),
                ),
            ),
            review,
            step("agree", StepKind::Approval(looks))
                .when("invoice.body.amount > inputs.ask_above or review.risk != 'low'")
                .sets("agreement"),
            step("pay", pay).sets("payment").keyed("pay-{{ invoice.body.id }}"),
            step(
                "say",
                set(json!({
                    "payment_id": "{{ payment.body.id }}",
                    "amount": "{{ invoice.body.amount }}",
                    "decided_by": "{{ agreement.decided_by | default('nobody was asked') }}"
                })),
            ),
        ])
    }
}
