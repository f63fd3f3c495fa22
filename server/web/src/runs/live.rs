//! The page of a run as it changes: each event is a whole picture of what may have changed, morphed in by id. So it does no
//! harm when one comes twice or is left out, and a browser that lost the stream needs no more than the next one.

use askama::Template;
use domain::{RunId, permission::RunRead};
use futures_util::stream;
use platform::runs::Watch;

use super::show::{Ground, Shown, Wanted};
use crate::{
    live::{self, Event, LastSeen},
    page::Page,
    route::{Answer, Grant, Path, Query, Result},
};

#[derive(Template)]
#[template(path = "runs/live.html")]
struct Picture<'p> {
    page: &'p Page,
    run: Shown,
}

#[derive(Template)]
#[template(path = "runs/lost.html")]
struct Lost<'p> {
    page: &'p Page,
}

/// One open stream.
struct Following {
    platform: platform::Platform,
    watch: Watch,
    page: Page,
    ground: Ground,
    wanted: Wanted,
    last: i64,
    is_over: bool,
}

/// `GET /t/{slug}/runs/{id}/live`: the run from now on, or from after the last event that was seen.
pub(crate) async fn live(grant: Grant<RunRead>, Path(id): Path<RunId>, Query(wanted): Query<Wanted>, LastSeen(seen): LastSeen) -> Answer {
    // Before the first fact: a browser that saw none gets the whole picture first, even of a run that has not begun.
    let after = seen.and_then(|seen| i64::try_from(seen).ok()).unwrap_or(-1);
    let following = Following {
        platform: grant.platform().clone(),
        watch: grant.platform().watch_run(grant.actor(), id, after).await?,
        page: grant.page().await?,
        ground: Ground::of(&grant, id),
        wanted,
        last: after,
        is_over: false,
    };
    live::stream(&grant, stream::try_unfold(following, next))
}

async fn next(mut following: Following) -> Result<Option<(Event, Following)>> {
    if following.is_over {
        return Ok(None);
    }
    let html = match following.watch.next().await {
        Ok(Some(run)) => {
            following.last = run.last_seq;
            let shown = Shown::new(run, following.platform.now(), &following.wanted, &following.ground);
            Picture { page: &following.page, run: shown }.render()
        }
        Ok(None) => return Ok(None),
        // Whoever may not see the run any more is told, and not asked to come back.
        Err(error) if matches!(error.problem().status, 403 | 404) => {
            following.is_over = true;
            Lost { page: &following.page }.render()
        }
        Err(error) => return Err(error),
    };
    let html = html.map_err(|error| platform::Error::Broken(format!("a live page could not be rendered: {error}")))?;
    let id = u64::try_from(following.last).unwrap_or(0);
    Ok(Some((Event { id, html }, following)))
}

#[cfg(test)]
mod tests {
    use platform::{runs::StepStanding, workflows::RunStatus};

    use super::*;
    use crate::{
        page,
        runs::show::tests::{NOW, ground, sample, step},
    };

    /// The ids that a text gives to elements, in order.
    fn ids<'t>(html: &'t str, attribute: &str) -> Vec<&'t str> {
        html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn a_picture_replaces_parts_that_the_page_has() {
        let mut run = sample(RunStatus::Running);
        run.steps = vec![step("read", "http.request", StepStanding::Running)];
        let page = page::sample();
        let picture = Picture { page: &page, run: Shown::new(run.clone(), NOW, &Wanted::default(), &ground()) }.render().unwrap();
        let whole = crate::runs::show::tests::page_of(run);
        let targets = ids(&picture, "hx-target=\"#");
        assert!(targets.len() >= 6, "{targets:?}");
        for target in targets {
            assert_eq!(ids(&whole, " id=\"").iter().filter(|id| **id == target).count(), 1, "{target} in {whole}");
        }
        assert!(picture.contains("hx-swap=\"outerMorph\"") && !picture.contains("<script"));
    }

    #[test]
    fn one_who_may_not_see_the_run_any_more_is_told_in_its_place() {
        let page = page::sample();
        let html = Lost { page: &page }.render().unwrap();
        assert!(html.contains("hx-target=\"#run-banner\"") && html.contains("may not see this run any more"), "{html}");
    }
}
