//! Lists, as many rows of them as were asked for, over as many pages as that takes.

use clap::Args;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use web::api::PageOf;

use super::http::Client;
use crate::failure::Failure;

/// The most rows of one page.
const PAGE: u32 = 200;
/// The most pages that are asked for, whatever a server says comes next.
const MOST_PAGES: u32 = 1_000;

/// How much of a list.
#[derive(Debug, Args)]
pub(super) struct Part {
    /// How many rows at most.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Where to go on: what a list before gave as `next`.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

/// Rows of a list.
pub(super) struct Rows<T> {
    /// The rows, as their type says.
    pub(super) items: Vec<T>,
    /// What programs are given.
    pub(super) document: Value,
    /// Where the list goes on.
    pub(super) next: Option<String>,
}

impl Part {
    /// This part of a list that is asked for like this.
    pub(super) async fn of<T: DeserializeOwned>(&self, client: &Client, path: &[&str], query: &impl Serialize) -> Result<Rows<T>, Failure> {
        let (mut items, mut raw): (Vec<T>, Vec<Value>) = (Vec::new(), Vec::new());
        let mut next = self.cursor.clone();
        for _ in 0..MOST_PAGES {
            let left = self.limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
            let paging = json!({"limit": left.min(PAGE), "cursor": next});
            let page = client.get(path)?.query(query)?.query(&paging)?.send::<PageOf<T>>().await?;
            items.extend(page.value.items);
            raw.extend(page.raw.get("items").and_then(Value::as_array).cloned().unwrap_or_default());
            next = page.value.next;
            if next.is_none() || items.len() >= self.limit as usize {
                break;
            }
        }
        Ok(Rows { items, document: json!({"items": raw, "next": next}), next })
    }
}

impl<T> Rows<T> {
    /// Says that there is more, or that there is nothing.
    pub(super) fn tell_of_more(&self, client: &Client, nothing: &str) {
        if self.items.is_empty() {
            client.tell(nothing);
        }
        if let Some(next) = &self.next {
            client.tell(&format!("There are more: ask for a larger --limit, or go on with --cursor {}", crate::terminal::line(next)));
        }
    }
}
