//! The run goes on by itself: conditions, skips, and the steps that need nothing from outside, up to the next
//! step that does, or to the end.

use serde_json::{Map, Value};

use super::Draft;
use crate::{
    core::{
        render::{Renderer, Trouble},
        scope::Names,
    },
    data::{self, DataStep},
    event::{Event, Failure},
    expression::{Expression, Template},
    inputs,
    plan::{ApprovalStep, LogLevel, Step, StepKind, TemplateValue},
    run::StepState,
};

/// Takes step after step. Ends, as every turn settles a step or leaves.
pub(super) fn proceed(draft: &mut Draft<'_>) {
    let plan = draft.plan;
    let mut reached = 0;
    loop {
        if draft.run.is_over() || keep_time_limit(draft) {
            return;
        }
        let Some((position, step)) = draft.run.frontier_from(plan, reached) else { return complete(draft) };
        reached = position;
        if !matches!(draft.run.step(&step.id).state, StepState::Idle) {
            return;
        }
        take(draft, position, step);
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
fn take(draft: &mut Draft<'_>, position: usize, step: &Step) {
    match facts(draft, position, step) {
        Ok(facts) => facts.into_iter().for_each(|fact| draft.record(fact)),
        Err(failure) => draft.fail_step(&step.id, failure, None),
    }
}

/// The facts of taking up a step, or why it cannot be.
fn facts(draft: &Draft<'_>, position: usize, step: &Step) -> Result<Vec<Event>, Failure> {
    let renderer = Renderer::new(Names::of(draft.plan, &draft.run, position, step, draft.now));
    if let Some(condition) = &step.condition
        && !renderer.condition(condition)?
    {
        let reason = format!("its condition does not hold: {}", condition.source());
        return Ok(vec![Event::StepSkipped { step: step.id.clone(), reason }]);
    }
    match &step.kind {
        StepKind::Http(_) | StepKind::Model(_) => call(draft, &renderer, step),
        StepKind::Approval(approval) => ask(&renderer, step, approval),
        StepKind::Assert { condition, message } => assert(&renderer, step, condition, message.as_ref()),
        StepKind::SetOutputs { values } => set_outputs(&renderer, step, values),
        StepKind::Log { level, message } => log(&renderer, step, *level, message),
        StepKind::Data(data) => give(&renderer, step, data),
    }
}

fn call(draft: &Draft<'_>, renderer: &Renderer<'_>, step: &Step) -> Result<Vec<Event>, Failure> {
    let run = draft.run.started().map(|started| started.run.as_str()).unwrap_or_default();
    let Some(call) = renderer.call(draft.plan, step)? else { return Ok(Vec::new()) };
    let idempotency_key = renderer.idempotency_key(run, step)?;
    Ok(vec![Event::StepStarted { step: step.id.clone(), call, idempotency_key }])
}

fn ask(renderer: &Renderer<'_>, step: &Step, approval: &ApprovalStep) -> Result<Vec<Event>, Failure> {
    Ok(vec![Event::ApprovalPrepared { step: step.id.clone(), request: renderer.request(approval)? }])
}

fn assert(renderer: &Renderer<'_>, step: &Step, condition: &Expression, message: Option<&Template>) -> Result<Vec<Event>, Failure> {
    if renderer.condition(condition)? {
        return Ok(vec![done(step)]);
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

fn set_outputs(renderer: &Renderer<'_>, step: &Step, values: &[(String, TemplateValue)]) -> Result<Vec<Event>, Failure> {
    let values = values
        .iter()
        .map(|(name, value)| Ok((name.clone(), renderer.json(value, name)?)))
        .collect::<Result<Map<String, Value>, Trouble>>()?;
    Ok(vec![Event::OutputsSet { step: step.id.clone(), values }, done(step)])
}

fn log(renderer: &Renderer<'_>, step: &Step, level: LogLevel, message: &Template) -> Result<Vec<Event>, Failure> {
    let message = renderer.said(message, "message")?;
    Ok(vec![Event::Logged { step: step.id.clone(), level, message }, done(step)])
}

/// A data step gives its result at once.
fn give(renderer: &Renderer<'_>, step: &Step, data: &DataStep) -> Result<Vec<Event>, Failure> {
    Ok(vec![Event::StepCompleted { step: step.id.clone(), output: data::evaluate(data, renderer)?, charge: None }])
}

/// A step that gives nothing is done.
fn done(step: &Step) -> Event {
    Event::StepCompleted { step: step.id.clone(), output: Value::Null, charge: None }
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
    let renderer = Renderer::new(Names::at_the_end(draft.plan, &draft.run, draft.now));
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
