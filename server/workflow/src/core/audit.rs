//! What the audit log says of a run's facts: one total function. A fact that is no act gives nothing; no event
//! carries a secret, an argument, a body or an output.

use domain::audit::{AuditEvent, Outcome};
use serde_json::{Value, json};

use crate::event::{Because, CredentialUse, Decision, Event, Failure};

/// Failures of steps that never reached out: the failing run is the act, not the step.
const INSIDE: [&str; 7] = ["assertion", "expression", "rejected", "expired", "idempotency_key", "url", "header"];

/// The audit event of a fact, if it is an act. Runs are named by the actor of the commit, which is the run.
pub fn of(event: &Event) -> Option<AuditEvent> {
    match event {
        Event::Completed { outputs } => {
            let names: Vec<&str> = outputs.keys().map(String::as_str).collect();
            Some(AuditEvent::done("workflow.completed", "run", "", "").with("outputs", json!(names)))
        }
        Event::Failed { step, failure } => Some(
            failed(AuditEvent::done("workflow.failed", "run", "", ""), failure)
                .with("step", step.as_deref().map_or(Value::Null, Value::from)),
        ),
        Event::Cancelled { by, reason } => {
            Some(AuditEvent::done("run.cancelled", "run", "", "").with("by", by.as_str()).with("reason", text(reason.as_deref())))
        }
        Event::Dispatched { step, attempt, dispatch, model, credentials, method, host, .. } => {
            let event = match (credentials.is_empty(), model) {
                (false, _) => on_step("credential.used", step).with("credentials", json!(credentials.iter().map(used).collect::<Vec<_>>())),
                (true, Some(_)) => on_step("agent.used", step),
                (true, None) => on_step("tool.used", step),
            };
            let event = event.with("attempt", *attempt).with("dispatch", *dispatch);
            Some(match (model, host) {
                (Some(model), _) => event.with("model", model.as_str()),
                (None, host) => event.with("method", text(method.as_deref())).with("host", text(host.as_deref())),
            })
        }
        Event::AttemptFailed { step, attempt, failure, .. } => {
            Some(failed(on_step("tool.failed", step), failure).with("attempt", *attempt))
        }
        Event::StepFailed { step, failure, inside, .. } => match failure.code.as_str() {
            // The code is perhaps the author's own.
            _ if *inside => None,
            "budget" => Some(failed(on_step("budget.exceeded", step), failure)),
            "denied" => Some(failed(on_step("security.permission_denied", step), failure).outcome(Outcome::Denied)),
            inside if INSIDE.contains(&inside) => None,
            _ => Some(failed(on_step("tool.failed", step), failure)),
        },
        Event::ApprovalAsked { step, round, approval, request, digest, ceiling, expires_at, .. } => Some(
            on_step("approval.requested", step)
                .with("approval", approval.to_string())
                .with("round", *round)
                .with("title", request.title.as_str())
                .with("digest", digest.as_str())
                .with("ceiling", ceiling.to_dollars())
                .with("expires_at", expires_at.to_string()),
        ),
        Event::ApprovalEnded { step, round, approval, decision, by, .. } => {
            let action = match decision {
                // The decision of a person is recorded by the door it came through, with its address.
                Decision::Approved | Decision::Rejected => return None,
                Decision::Expired => "approval.expired",
                Decision::Voided => "approval.voided",
                Decision::Cancelled => "approval.cancelled",
            };
            Some(on_step(action, step).with("approval", approval.to_string()).with("round", *round).with("by", text(by.as_deref())))
        }
        // So is the start of a run.
        Event::Started(_)
        | Event::StepSkipped { .. }
        | Event::StepStarted { .. }
        | Event::StepCompleted { .. }
        | Event::PassedOver { .. }
        | Event::ApprovalPrepared { .. }
        | Event::Parked { .. }
        | Event::Resumed { .. }
        | Event::OutputsSet { .. }
        | Event::Logged { .. }
        | Event::BlockEntered { .. }
        | Event::LoopStarted { .. }
        | Event::RoundStarted { .. }
        | Event::RoundEnded { .. }
        | Event::LoopPaused { .. }
        | Event::LoopLeft { .. }
        | Event::BranchStarted { .. }
        | Event::BranchEnded { .. }
        | Event::TryEntered { .. }
        | Event::CatchEntered { .. }
        | Event::FinallyEntered { .. }
        | Event::FallbackEntered { .. }
        | Event::StepStopped { .. }
        | Event::WaitStarted { .. }
        | Event::SignalTaken { .. } => None,
        Event::CompensationStarted { step, steps, because } => {
            let event = match step {
                Some(step) => on_step("run.compensated", step),
                None => AuditEvent::done("run.compensated", "run", "", ""),
            };
            let why = match because {
                Because::Failed(failed) => failed.failure.code.as_str(),
                Because::Cancelled { .. } => "cancelled",
            };
            Some(event.with("steps", json!(steps)).with("because", why))
        }
        // Who asked for it is recorded by the door it came through; this is when it held.
        Event::Paused { by, reason } => {
            Some(AuditEvent::done("run.paused", "run", "", "").with("by", by.as_str()).with("reason", text(reason.as_deref())))
        }
        Event::PauseEnded { by } => Some(AuditEvent::done("run.resumed", "run", "", "").with("by", by.as_str())),
        // What it carries is data of whoever sent it, and stays out of the log.
        Event::SignalReceived { name, .. } => Some(AuditEvent::done("run.signalled", "run", "", "").with("signal", name.as_str())),
        Event::ChildStarted { step, child } => Some(on_step("workflow.executed", step).with("workflow", child.workflow.as_str())),
    }
}

fn on_step(action: &'static str, step: &str) -> AuditEvent {
    AuditEvent::done(action, "step", step, step)
}

/// The code only: a failure's sentence may repeat what another system said.
fn failed(event: AuditEvent, failure: &Failure) -> AuditEvent {
    event.outcome(Outcome::Failed).with("code", failure.code.as_str())
}

fn used(credential: &CredentialUse) -> Value {
    json!({"name": credential.name, "id": credential.id.to_string(), "version": credential.version, "host": credential.host})
}

fn text(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::from)
}
