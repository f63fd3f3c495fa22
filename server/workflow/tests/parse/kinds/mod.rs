//! What each kind of step may say: those with steps inside, those that wait, those that reach out, and the order of them all.

mod attempts;
mod branches;
mod chats;
mod loops;
mod order;
mod outside;
mod rejections;
mod side_by_side;
mod waits;

/// The only step of a file and the plan's ids of all steps, those inside others too.
fn ids(source: &str) -> Vec<String> {
    crate::plan(source).all_steps().map(|step| step.id.clone()).collect()
}
