//! Telling the other nodes of a PostgreSQL installation where to look again.
//!
//! After a commit, never in it: a notification inside a transaction makes all commits of a server queue for one lock. A
//! node that dies in between leaves the others to find out by their own scans, as they do when a message is lost.

use std::{collections::HashSet, time::Duration};

use domain::{Entropy, RunId, TenantId};
use sqlx::{PgPool, postgres::PgListener};
use tokio::{sync::mpsc, task::JoinHandle};
use uuid::Uuid;

use crate::{
    announce::{Announcement, Topic},
    executor::Arm,
    statement::Statement,
    writer::Announcer,
};

const CHANNEL: &str = "mandate";

/// PostgreSQL refuses payloads of 8,000 bytes and more.
const LONGEST_PAYLOAD: usize = 7_900;

/// How long to wait before listening is tried again after the connection was lost.
const PAUSE: Duration = Duration::from_secs(1);

/// Nothing of it has to survive, so its commit waits for no disk.
static TELL: Statement =
    Statement::control("notify.tell", "select 1 as told from set_config('synchronous_commit', 'off', true), pg_notify('mandate', $1)");

/// The name of this node, different at each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node(u64);

impl Node {
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0_u8; 8];
        entropy.fill(&mut bytes);
        Self(u64::from_be_bytes(bytes))
    }
}

fn topic_text(topic: Topic) -> String {
    match topic {
        Topic::Run(run) => format!("run/{}", run.uuid().simple()),
        Topic::Inbox(run) => format!("inbox/{}", run.uuid().simple()),
        Topic::Runs => "runs".to_owned(),
        Topic::Queue => "queue".to_owned(),
        Topic::Access => "access".to_owned(),
        Topic::Approvals => "approvals".to_owned(),
        Topic::Outbox => "outbox".to_owned(),
        Topic::Budgets => "budgets".to_owned(),
        Topic::Audit => "audit".to_owned(),
    }
}

fn topic_of(text: &str) -> Option<Topic> {
    if let Some((kind, run)) = text.split_once('/') {
        let run = RunId::from_uuid(Uuid::try_parse(run).ok()?);
        return match kind {
            "run" => Some(Topic::Run(run)),
            "inbox" => Some(Topic::Inbox(run)),
            _ => None,
        };
    }
    Some(match text {
        "runs" => Topic::Runs,
        "queue" => Topic::Queue,
        "access" => Topic::Access,
        "approvals" => Topic::Approvals,
        "outbox" => Topic::Outbox,
        "budgets" => Topic::Budgets,
        "audit" => Topic::Audit,
        _ => return None,
    })
}

/// Payloads: the node, and then `tenant:topic` for each announcement, with spaces between.
fn payloads(node: Node, announcements: impl IntoIterator<Item = Announcement>) -> Vec<String> {
    let start = format!("{:016x}", node.0);
    let mut payloads = Vec::new();
    let mut payload = start.clone();
    for Announcement { tenant, topic } in announcements {
        let one = format!(" {}:{}", tenant.uuid().simple(), topic_text(topic));
        if payload.len() + one.len() > LONGEST_PAYLOAD {
            payloads.push(std::mem::replace(&mut payload, start.clone()));
        }
        payload.push_str(&one);
    }
    if payload.len() > start.len() {
        payloads.push(payload);
    }
    payloads
}

/// What another node says; nothing for this node's own words and for words that are no announcement.
fn announcements(node: Node, payload: &str) -> Vec<Announcement> {
    let mut words = payload.split(' ');
    if words.next().and_then(|name| u64::from_str_radix(name, 16).ok()).is_none_or(|name| name == node.0) {
        return Vec::new();
    }
    words
        .filter_map(|word| {
            let (tenant, topic) = word.split_once(':')?;
            Some(Announcement { tenant: TenantId::from_uuid(Uuid::try_parse(tenant).ok()?), topic: topic_of(topic)? })
        })
        .collect()
}

/// Tells the other nodes, until nobody can announce any more. Whatever waits goes together, each thing once.
pub(crate) async fn tell(app: PgPool, node: Node, mut outgoing: mpsc::UnboundedReceiver<Vec<Announcement>>) {
    while let Some(first) = outgoing.recv().await {
        let mut waiting: HashSet<Announcement> = first.into_iter().collect();
        while let Ok(more) = outgoing.try_recv() {
            waiting.extend(more);
        }
        for payload in payloads(node, waiting) {
            let told = async {
                let mut connection = app.acquire().await.map_err(crate::Error::unavailable)?;
                Arm::Postgres(&mut connection).all(&TELL, vec![payload.into()]).await
            };
            if let Err(cause) = told.await {
                tracing::warn!(%cause, "other nodes were not told of a change and will find it later");
            }
        }
    }
}

/// Repeats in this process what other nodes announce.
pub(crate) async fn listen(app: &PgPool, node: Node, announcer: Announcer) -> Result<JoinHandle<()>, sqlx::Error> {
    let mut listener = PgListener::connect_with(app).await?;
    listener.listen(CHANNEL).await?;
    Ok(tokio::spawn(async move {
        loop {
            match listener.recv().await {
                Ok(notification) => {
                    for announcement in announcements(node, notification.payload()) {
                        announcer.repeat(announcement);
                    }
                }
                Err(sqlx::Error::PoolClosed) => return,
                Err(cause) => {
                    tracing::warn!(%cause, "listening for other nodes failed and is tried again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_node_says_another_understands_and_itself_ignores() {
        let tenant = TenantId::from_uuid(Uuid::from_u128(7));
        let topics = [
            Topic::Run(RunId::from_uuid(Uuid::from_u128(9))),
            Topic::Inbox(RunId::from_uuid(Uuid::from_u128(9))),
            Topic::Runs,
            Topic::Queue,
            Topic::Access,
            Topic::Approvals,
            Topic::Outbox,
            Topic::Budgets,
            Topic::Audit,
        ];
        let said: Vec<Announcement> = topics.iter().map(|topic| Announcement { tenant, topic: *topic }).collect();
        let payloads = payloads(Node(1), said.clone());
        assert_eq!(payloads.len(), 1);
        assert_eq!(announcements(Node(2), &payloads[0]), said);
        assert_eq!(announcements(Node(1), &payloads[0]), vec![]);
        assert_eq!(announcements(Node(2), "nonsense from:elsewhere"), vec![]);
    }

    #[test]
    fn no_payload_is_longer_than_the_server_takes() {
        let many = (0..1000).map(|n| Announcement { tenant: TenantId::from_uuid(Uuid::from_u128(n)), topic: Topic::Runs });
        let payloads = payloads(Node(1), many);
        assert!(payloads.iter().all(|payload| payload.len() < 8000));
        assert_eq!(payloads.iter().map(|payload| announcements(Node(2), payload).len()).sum::<usize>(), 1000);
    }
}
