//! What the people of a demo did in the weeks before it: runs of every workflow, with every end that a run can have.

use std::{sync::Arc, time::Duration};

use database::RunStatus;
use domain::{Actor, ApprovalId, Clock as _, Money, Period, RunId, Timestamp, time::ManualClock};
use platform::{
    Platform,
    approvals::Say,
    budgets::Limited,
    runs::{Given, RunShown},
};
use policy::Role;
use serde_json::{Map, Value, json};

use super::people::{self, COMPANIES, Person};
use crate::Failure;

/// As long as a run works, the clock moves on by this much at a time, so that what takes a while is seen to.
const TICK: Duration = Duration::from_millis(60);
/// Real time between two ticks.
const TICK_EVERY: Duration = Duration::from_millis(3);
/// A run that neither waits nor ends after this much real time never will.
const PATIENCE: Duration = Duration::from_mins(1);

const HOUR: Duration = Duration::from_hours(1);
/// Microseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// What becomes of an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// A yes, after this long.
    Approved(Duration),
    /// A no, after this long, with a reason.
    Rejected(Duration, &'static str),
    /// Whoever started the run takes it back.
    Cancelled(&'static str),
    /// Nobody decides.
    Forgotten,
}

/// A run to be made.
struct Planned {
    workflow: &'static str,
    by: Role,
    inputs: Value,
    fate: Fate,
}

/// Invoices of more than 1,000 and of less, expenses and releases, in the order in which they come up again and again.
fn planned(index: usize) -> Planned {
    const PURPOSES: [(&str, f64, &str, &str); 4] = [
        ("Mira Lund", 42.5, "meals", "Lunch with the people from the warehouse"),
        ("Tom Reuter", 318.0, "travel", "Train to the fair in Lyon and back"),
        ("Ines Faro", 1240.0, "training", "Course on accounting for cloud costs"),
        ("Mira Lund", 86.9, "equipment", "A second keyboard"),
    ];
    const PROJECTS: [&str; 3] = ["billing", "warehouse", "web-shop"];
    let turn = index / 3;
    let fate = match index % 11 {
        4 => Fate::Rejected(HOUR, "The account is not the one we have on file. Please ask the vendor again."),
        7 => Fate::Cancelled("Started twice by mistake"),
        9 => Fate::Forgotten,
        turn => Fate::Approved(HOUR / 6 + HOUR / 12 * u32::try_from(turn).unwrap_or_default()),
    };
    match index % 3 {
        0 => Planned {
            workflow: "vendor-payment",
            by: Role::Executor,
            inputs: json!({"invoice_id": format!("INV-{}", 20_400 + 7 * index)}),
            fate,
        },
        1 => {
            let (employee, amount, category, purpose) =
                PURPOSES.get(turn % PURPOSES.len()).copied().unwrap_or(("Mira Lund", 12.0, "other", "Stamps"));
            let inputs = json!({
                "employee": employee, "amount": amount, "category": category, "purpose": purpose, "receipts": [format!("receipt-{index}.pdf")]
            });
            Planned { workflow: "expense-report", by: Role::Executor, inputs, fate }
        }
        _ => {
            let project = PROJECTS.get(turn % PROJECTS.len()).copied().unwrap_or("billing");
            let inputs = json!({"project": project, "publish": turn % 4 != 3});
            Planned { workflow: "release-notes", by: Role::Developer, inputs, fate }
        }
    }
}

/// Lets weeks pass, until now. Gives everybody who can sign in.
pub(super) async fn happen(platform: &Platform, clock: &Arc<ManualClock>, now: Timestamp) -> Result<Vec<Person>, Failure> {
    let mut staffs = Vec::new();
    for company in &COMPANIES {
        let staff = people::move_in(platform, company).await?;
        set_budgets(platform, &staff).await?;
        staffs.push(staff);
    }
    let mut days = 0;
    let mut index = 0;
    // A day's work is over before the next morning, and the last hours are left to runs that wait.
    while now.since(clock.now()) > 36 * HOUR {
        // The first of January 1970 was a Thursday.
        let is_weekend = (clock.now().micros().div_euclid(DAY) + 3) % 7 >= 5;
        for (staff, shift) in staffs.iter().zip([0, 5]) {
            let runs = if is_weekend { 0 } else { 2 + days % 3 };
            for _ in 0..runs {
                play(platform, clock, staff, planned(index + shift)).await?;
                index += 1;
            }
        }
        days += 1;
        eprint!("\rMaking three weeks of samples: day {days} ");
        next_day(clock, now);
    }
    until(clock, before(now, 2 * HOUR));
    for staff in &staffs {
        for index in [0, 1] {
            begin(platform, clock, staff, &Planned { fate: Fate::Forgotten, ..planned(index) }).await?;
            clock.advance(HOUR / 4);
        }
    }
    for person in staffs.iter().flatten() {
        person.leave(platform).await?;
    }
    until(clock, now);
    eprintln!();
    Ok(staffs.into_iter().flatten().collect())
}

/// To nine o'clock in UTC of the next day, as far as that has come.
fn next_day(clock: &ManualClock, now: Timestamp) {
    const NINE: i64 = 9 * 60 * 60 * 1_000_000;
    let micros = clock.now().micros();
    let next = Timestamp::from_micros(micros - micros.rem_euclid(DAY) + DAY + NINE);
    until(clock, next.min(before(now, 2 * HOUR)));
}

fn before(moment: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_micros(moment.micros() - i64::try_from(by.as_micros()).unwrap_or_default())
}

/// Moves the clock to a moment that has not passed.
fn until(clock: &ManualClock, moment: Timestamp) {
    clock.advance(moment.since(clock.now()));
}

async fn set_budgets(platform: &Platform, staff: &[Person]) -> Result<(), Failure> {
    let owner = actor(platform, staff, Role::BudgetOwner).await?;
    let payments = Limited::Workflow("vendor-payment".to_owned());
    for (limited, period, cents) in [(Limited::Tenant, Period::Month, 5), (Limited::Tenant, Period::Day, 4), (payments, Period::Total, 2)] {
        let limit = Money::from_nanos(cents * 10_000_000);
        platform.set_limit(&owner, &limited, period, Some(limit)).await.map_err(Failure::new)?;
    }
    Ok(())
}

async fn actor(platform: &Platform, staff: &[Person], role: Role) -> Result<Actor, Failure> {
    let person = staff.iter().find(|person| person.role == role);
    person.ok_or_else(|| Failure::new(format!("Nobody is {}.", role.name())))?.actor(platform).await
}

/// One run from its start to its end, or to where it is forgotten.
async fn play(platform: &Platform, clock: &ManualClock, staff: &[Person], planned: Planned) -> Result<(), Failure> {
    let run = begin(platform, clock, staff, &planned).await?;
    let approver = actor(platform, staff, Role::Approver).await?;
    let waiting = platform.pending_approvals(&approver, 200).await.map_err(Failure::new)?;
    let Some(approval) = waiting.iter().find(|line| line.run == run).map(|line| line.id) else {
        return Ok(());
    };
    let say = match planned.fate {
        Fate::Approved(after) => (after, true, String::new()),
        Fate::Rejected(after, reason) => (after, false, reason.to_owned()),
        Fate::Cancelled(reason) => {
            clock.advance(HOUR / 3);
            let starter = actor(platform, staff, planned.by).await?;
            platform.cancel_run(&starter, run, Some(reason.to_owned()), false).await.map_err(Failure::new)?;
            return rest(platform, clock, &starter, run, RunStatus::is_over).await.map(drop);
        }
        Fate::Forgotten => return Ok(()),
    };
    let (after, approve, comment) = say;
    clock.advance(after);
    decide(platform, &approver, approval, approve, comment).await?;
    rest(platform, clock, &approver, run, RunStatus::is_over).await.map(drop)
}

/// Starts a run and lets it go on to where it waits or ends.
async fn begin(platform: &Platform, clock: &ManualClock, staff: &[Person], planned: &Planned) -> Result<RunId, Failure> {
    clock.advance(HOUR / 5);
    let starter = actor(platform, staff, planned.by).await?;
    let inputs: Map<String, Value> = planned.inputs.as_object().cloned().unwrap_or_default();
    let accepted = platform.start_run(&starter, planned.workflow, Given::Values(inputs), None).await.map_err(Failure::new)?;
    rest(platform, clock, &starter, accepted.run, |status| status.is_over() || status == RunStatus::Waiting).await?;
    Ok(accepted.run)
}

async fn decide(platform: &Platform, approver: &Actor, id: ApprovalId, approve: bool, comment: String) -> Result<(), Failure> {
    let shown = platform.approval(approver, id).await.map_err(Failure::new)?;
    let fields = shown.fields.iter().filter(|field| !field.value.is_null());
    let fields = fields.map(|field| (field.name.clone(), field.value.clone())).collect();
    let say = Say { approve, comment, digest: shown.digest, fields: Given::Values(fields) };
    platform.decide(approver, id, &say).await.map(drop).map_err(Failure::new)
}

/// The run once it is as wanted. The clock moves on meanwhile.
async fn rest(
    platform: &Platform,
    clock: &ManualClock,
    actor: &Actor,
    run: RunId,
    is_wanted: impl Fn(RunStatus) -> bool,
) -> Result<RunShown, Failure> {
    let seen = async {
        let mut watch = platform.watch_run(actor, run, 0).await.map_err(Failure::new)?;
        while let Some(shown) = watch.next().await.map_err(Failure::new)? {
            if is_wanted(shown.line.status) {
                return Ok(shown);
            }
        }
        platform.run(actor, run).await.map_err(Failure::new)
    };
    let ticking = async {
        loop {
            tokio::time::sleep(TICK_EVERY).await;
            clock.advance(TICK);
        }
    };
    tokio::select! {
        seen = tokio::time::timeout(PATIENCE, seen) => seen.map_err(|_| Failure::new(format!("The sample run {run} does not come to rest.")))?,
        () = ticking => Err(Failure::new("The clock stopped.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workflow_and_every_end_comes_up() {
        let all: Vec<Planned> = (0..33).map(planned).collect();
        for workflow in ["vendor-payment", "expense-report", "release-notes"] {
            let fates = all.iter().filter(|run| run.workflow == workflow).map(|run| run.fate);
            let (mut yes, mut no, mut back, mut nobody) = (0, 0, 0, 0);
            for fate in fates {
                match fate {
                    Fate::Approved(_) => yes += 1,
                    Fate::Rejected(..) => no += 1,
                    Fate::Cancelled(_) => back += 1,
                    Fate::Forgotten => nobody += 1,
                }
            }
            assert!(yes > no + back + nobody && no > 0 && back > 0 && nobody > 0, "{workflow}: {yes} {no} {back} {nobody}");
        }
    }
}
