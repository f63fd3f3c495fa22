//! Following a run: the server answers when there is news, and is asked again from where it left off.

use std::time::Duration;

use domain::RunId;
use tokio::time::Instant;
use web::api::runs::{FollowJson, RunJson, RunLogJson, StatusJson, WaitingJson};

use super::http::{Answer, Client};
use crate::{failure::Failure, terminal};

/// How long the server is asked to wait for news.
const WAIT: Duration = Duration::from_secs(25);
/// The pause after an answer without news that came before its time: no server makes us ask without a rest.
const REST: Duration = Duration::from_secs(1);

/// Whether nothing more will happen to it.
pub(super) const fn is_over(status: StatusJson) -> bool {
    matches!(status, StatusJson::Completed | StatusJson::Failed | StatusJson::Cancelled)
}

/// Something of a run that is looked at again and again.
pub(super) trait Picture: serde::de::DeserializeOwned {
    /// The place in the journal that it is true for.
    fn seq(&self) -> i64;
    /// How far the run is.
    fn status(&self) -> StatusJson;
}

impl Picture for RunJson {
    fn seq(&self) -> i64 {
        self.last_seq
    }

    fn status(&self) -> StatusJson {
        self.line.status
    }
}

impl Picture for RunLogJson {
    fn seq(&self) -> i64 {
        self.last_seq
    }

    fn status(&self) -> StatusJson {
        self.status
    }
}

/// Looks at something of a run until the run is over, and gives the last picture; each one is shown to `see`.
pub(super) async fn follow<P: Picture>(
    client: &Client,
    run: RunId,
    part: &[&str],
    mut see: impl FnMut(&P) -> Result<(), Failure>,
) -> Result<Answer<P>, Failure> {
    let run = run.to_string();
    let path: Vec<&str> = ["runs", run.as_str()].iter().chain(part).copied().collect();
    let mut after = 0;
    loop {
        let asked = Instant::now();
        let query = FollowJson { after: Some(after), wait: Some(WAIT.as_secs()) };
        let request = client.get(&path)?.query(&query)?.waits(WAIT, "waiting for news of the run".to_owned());
        let answer = request.send::<P>().await?;
        see(&answer.value)?;
        if is_over(answer.value.status()) {
            return Ok(answer);
        }
        if answer.value.seq() <= after && asked.elapsed() < REST {
            tokio::time::sleep(REST).await;
        }
        after = answer.value.seq().max(after);
    }
}

/// Says what changed since the last look.
pub(super) struct Teller<'c> {
    client: &'c Client,
    steps: Vec<String>,
    waiting: Option<String>,
}

impl<'c> Teller<'c> {
    pub(super) const fn new(client: &'c Client) -> Self {
        Self { client, steps: Vec::new(), waiting: None }
    }

    /// Looks at the run as it is now.
    pub(super) fn see(&mut self, run: &RunJson) {
        let steps: Vec<String> =
            run.steps.iter().map(|step| format!("{}: {}", terminal::line(&step.id), super::spelled(&step.status))).collect();
        for (index, step) in run.steps.iter().enumerate() {
            let now = steps.get(index);
            let is_new = if self.steps.is_empty() { step.started_at.is_some() } else { self.steps.get(index) != now };
            if let Some(now) = now.filter(|_| is_new) {
                let why = step.failure.as_ref().map(|failure| format!(" ({})", terminal::line(&failure.message))).unwrap_or_default();
                self.client.tell(&format!("{now}{why}"));
            }
        }
        self.steps = steps;
        let waiting = run.line.waiting.as_ref().map(in_words_with_command);
        if let Some(words) = waiting.as_ref().filter(|words| self.waiting.as_ref() != Some(words)) {
            self.client.tell(words);
        }
        self.waiting = waiting;
    }
}

/// What a run waits for, and how to look at it.
pub(super) fn in_words_with_command(waiting: &WaitingJson) -> String {
    let words = in_words(waiting);
    match waiting {
        WaitingJson::Approval { approval: Some(id), .. } => format!("{words}; look at it with `mandate approval show {id:?}`"),
        _ => words,
    }
}

/// What a run waits for, in words.
pub(super) fn in_words(waiting: &WaitingJson) -> String {
    match waiting {
        WaitingJson::Approval { title, until, .. } => {
            format!("waits for an approval until {}: {}", super::moment(*until), terminal::line(title))
        }
        WaitingJson::Paused { by, reason, .. } => {
            let why = reason.as_ref().map(|reason| format!(": {}", terminal::line(reason))).unwrap_or_default();
            format!("is paused by {}{why}", terminal::line(by))
        }
        WaitingJson::Other { words, .. } => terminal::line(words),
    }
}
