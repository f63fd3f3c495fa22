//! The run goes on by itself: conditions, skips, and the steps that need nothing from outside, up to the next
//! step that does, or to the end.

use serde_json::{Map, Value};

use super::{Draft, advance};
use crate::{
    core::{
        render::{Renderer, Trouble},
        scope::Names,
        walk::{self, Move},
    },
    data::{self, DataStep},
    event::{Child, Event, Failure},
    expression::{Expression, Template},
    inputs,
    plan::{ApprovalStep, Expiry, LogLevel, RouteStep, Step, StepKind, TemplateValue, WaitStep, tree::At},
};

/// Makes move after move. Ends, as every move settles a step, goes on inside one, or leaves.
pub(super) fn proceed(draft: &mut Draft<'_>) {
    loop {
        if draft.run.is_over() || keep_time_limit(draft) || draft.run.paused().is_some() {
            return;
        }
        let moves = walk::moves(&draft.tree, &draft.run, draft.now);
        if moves.is_empty() {
            return;
        }
        for next in moves {
            let before = draft.events.len();
            make(draft, next);
            // What failed or ended may have taken the ground from the moves that were still to come.
            let changed = draft.events.iter().skip(before).any(|event| {
                matches!(event, Event::StepFailed { .. } | Event::StepStopped { .. } | Event::Failed { .. } | Event::Completed { .. })
            });
            if changed || draft.events.len() == before {
                break;
            }
        }
    }
}

fn make(draft: &mut Draft<'_>, next: Move) {
    match next {
        Move::Take(at) => take(draft, &at),
        Move::Advance(at) => advance::advance(draft, &at),
        Move::EndRollback => {
            if let Some(because) = draft.run.rollback().map(|rollback| rollback.because.clone()) {
                draft.end(because);
            }
        }
        Move::Complete => complete(draft),
    }
}

/// Ends a run whose time is up; whether it did.
pub(super) fn keep_time_limit(draft: &mut Draft<'_>) -> bool {
    match (draft.run.deadline(draft.plan), draft.plan.time_limit) {
        (Some(end), Some(limit)) if draft.now >= end => {
            let message = format!("the run took longer than the {} seconds it may take", limit.as_secs_f64());
            draft.fail_run(None, Failure::last("time_out", message));
            true
        }
        _ => false,
    }
}

/// Takes up a step that was not reached before.
fn take(draft: &mut Draft<'_>, at: &At) {
    let path = draft.tree.path(at);
    match facts(draft, at, &path) {
        Ok(facts) => facts.into_iter().for_each(|fact| draft.record(fact)),
        Err(failure) => draft.fail_step(&path, failure, None),
    }
}

/// The facts of taking up a step, or why it cannot be.
fn facts(draft: &Draft<'_>, at: &At, path: &str) -> Result<Vec<Event>, Failure> {
    let Some(step) = draft.tree.step(at.node) else { return Ok(Vec::new()) };
    let renderer = Renderer::new(Names::of(&draft.tree, &draft.run, at, draft.now));
    if let Some(condition) = &step.condition
        && !renderer.condition(condition)?
    {
        let reason = format!("its condition does not hold: {}", condition.source());
        return Ok(vec![Event::StepSkipped { step: path.to_owned(), reason }]);
    }
    match &step.kind {
        StepKind::Http(_) | StepKind::Model(_) => call(draft, &renderer, path, step),
        StepKind::Approval(approval) => ask(&renderer, path, approval),
        StepKind::Assert { condition, message } => assert(&renderer, path, condition, message.as_ref()),
        StepKind::SetOutputs { values } => set_outputs(&renderer, path, values),
        StepKind::Log { level, message } => log(&renderer, path, *level, message),
        StepKind::If(_) | StepKind::Switch(_) | StepKind::ForEach(_) | StepKind::While(_) | StepKind::Parallel(_) | StepKind::Try(_) => {
            advance::enter(&renderer, path, step)
        }
        StepKind::Wait(wait) => await_outside(draft, &renderer, path, wait),
        StepKind::Workflow(child) => {
            let inputs = pairs(&renderer, &child.inputs)?;
            let child = Child { workflow: child.workflow.clone(), version: child.version.clone(), inputs };
            Ok(vec![Event::ChildStarted { step: path.to_owned(), child }])
        }
        StepKind::Route(planned) => route(&renderer, path, planned),
        StepKind::Data(data) => give(&renderer, path, data),
        // No run of such a plan is started; one that was all the same does not go past it.
        StepKind::Chat(_) | StepKind::Script(_) | StepKind::FileRead(_) | StepKind::FileWrite(_) | StepKind::Mail(_) => {
            Err(Failure::last("not_supported", format!("`{}` cannot be run yet", step.kind.name())))
        }
    }
}

fn call(draft: &Draft<'_>, renderer: &Renderer<'_>, path: &str, step: &Step) -> Result<Vec<Event>, Failure> {
    let run = draft.run.started().map(|started| started.run.as_str()).unwrap_or_default();
    let Some(call) = renderer.call(draft.plan, step)? else { return Ok(Vec::new()) };
    let idempotency_key = renderer.idempotency_key(run, path, step)?;
    Ok(vec![Event::StepStarted { step: path.to_owned(), call, idempotency_key }])
}

fn ask(renderer: &Renderer<'_>, path: &str, approval: &ApprovalStep) -> Result<Vec<Event>, Failure> {
    Ok(vec![Event::ApprovalPrepared { step: path.to_owned(), request: renderer.request(approval)? }])
}

/// Waits for a moment or a signal.
fn await_outside(draft: &Draft<'_>, renderer: &Renderer<'_>, path: &str, wait: &WaitStep) -> Result<Vec<Event>, Failure> {
    let expires = |expiry: &Expiry| expiry.after.map(|after| draft.now.after(after));
    let (until, signal) = match wait {
        WaitStep::Duration { duration } => (Some(draft.now.after(renderer.duration(duration, "duration")?)), None),
        WaitStep::Until { until } => (Some(renderer.moment(until, "until")?), None),
        WaitStep::Signal { signal, expiry } => (expires(expiry), Some(renderer.scalar(signal, "signal")?)),
        WaitStep::Webhook { path, expiry } => (expires(expiry), Some(format!("{WEBHOOK}{}", renderer.scalar(path, "webhook_path")?))),
        WaitStep::Form { expiry, .. } => (expires(expiry), Some(format!("{FORM}{path}"))),
    };
    Ok(vec![Event::WaitStarted { step: path.to_owned(), until, signal }])
}

/// What stands before the path of a request in the name of the signal that it is. Names that people give have no colon.
pub const WEBHOOK: &str = "webhook:";
/// What stands before the path of a step in the name of the signal that its filled-in form is.
pub const FORM: &str = "form:";

fn route(renderer: &Renderer<'_>, path: &str, planned: &RouteStep) -> Result<Vec<Event>, Failure> {
    let mut to = &planned.default;
    for route in &planned.routes {
        if renderer.condition(&route.test)? {
            to = &route.to;
            break;
        }
    }
    Ok(vec![Event::StepCompleted { step: path.to_owned(), output: Value::String(to.clone()), charge: None }])
}

fn pairs(renderer: &Renderer<'_>, values: &[(String, TemplateValue)]) -> Result<Map<String, Value>, Trouble> {
    values.iter().map(|(name, value)| Ok((name.clone(), renderer.json(value, name)?))).collect()
}

fn assert(renderer: &Renderer<'_>, path: &str, condition: &Expression, message: Option<&Template>) -> Result<Vec<Event>, Failure> {
    if renderer.condition(condition)? {
        return Ok(vec![done(path)]);
    }
    let plain = format!("this does not hold: {}", condition.source());
    // The assertion failed whatever becomes of its message.
    let message = match message.map(|message| renderer.said(message, "message")) {
        None => plain,
        Some(Ok(message)) => message,
        Some(Err(trouble)) => format!("{plain} ({})", Failure::from(trouble).message),
    };
    Err(Failure::last("assertion", message))
}

fn set_outputs(renderer: &Renderer<'_>, path: &str, values: &[(String, TemplateValue)]) -> Result<Vec<Event>, Failure> {
    let values = pairs(renderer, values)?;
    Ok(vec![Event::OutputsSet { step: path.to_owned(), values }, done(path)])
}

fn log(renderer: &Renderer<'_>, path: &str, level: LogLevel, message: &Template) -> Result<Vec<Event>, Failure> {
    let message = renderer.said(message, "message")?;
    Ok(vec![Event::Logged { step: path.to_owned(), level, message }, done(path)])
}

/// A data step gives its result at once.
fn give(renderer: &Renderer<'_>, path: &str, data: &DataStep) -> Result<Vec<Event>, Failure> {
    Ok(vec![Event::StepCompleted { step: path.to_owned(), output: data::evaluate(data, renderer)?, charge: None }])
}

/// A step that gives nothing is done.
fn done(path: &str) -> Event {
    Event::StepCompleted { step: path.to_owned(), output: Value::Null, charge: None }
}

/// Every step is settled: the run gives its outputs.
fn complete(draft: &mut Draft<'_>) {
    match outputs(draft) {
        Ok(outputs) => draft.record(Event::Completed { outputs }),
        Err(failure) => draft.fail_run(None, failure),
    }
}

/// The declared outputs in the order of the file, then others that steps have set.
fn outputs(draft: &Draft<'_>) -> Result<Map<String, Value>, Failure> {
    let renderer = Renderer::new(Names::end_of(&draft.tree, &draft.run, None, draft.now));
    let mut outputs = Map::new();
    for field in &draft.plan.outputs {
        let wrong = |why: String| Failure::last("outputs", format!("output {}: {why}", field.name));
        let value = match &field.value {
            Some(value) => renderer.json(value, &field.name).map_err(|trouble| wrong(Failure::from(trouble).message))?,
            None => draft.run.outputs.get(&field.name).cloned().ok_or_else(|| wrong("no step has set it".to_owned()))?,
        };
        if let Some(check) = &field.check {
            inputs::fits(check, &value).map_err(wrong)?;
        }
        outputs.insert(field.name.clone(), value);
    }
    for (name, value) in draft.run.outputs_so_far() {
        if !outputs.contains_key(name) {
            outputs.insert(name.clone(), value.clone());
        }
    }
    Ok(outputs)
}
