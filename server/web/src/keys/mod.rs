//! Keys of the API: one's own below the account, and those of a tenant with its service accounts.
//!
//! The text of a key is on the page that answers its making, and nowhere again.

pub(crate) mod own;
pub(crate) mod tenant;

use domain::{Permission, Timestamp};
use platform::keys::{KeyShown, KeyState, MadeKey, NewKey};
use serde::Deserialize;

use crate::format::{self, ShownId, Time};

/// What the forms show themselves.
const IN_FORM: &[u16] = &[409, 422];
/// What an expiry can be, in days.
const DAYS: [u32; 4] = [7, 30, 90, 365];

/// A key in a table.
struct KeyRow {
    id: ShownId,
    name: String,
    /// Whose it is, or which tenant it is for.
    of: String,
    /// The permissions it is limited to, with commas.
    scopes: String,
    expires: Time,
    used: Option<Time>,
    used_from: String,
    state: &'static str,
    state_word: &'static str,
    /// Where the button that revokes it leads; empty when there is none.
    revoke_href: String,
}

/// A key that was just made.
struct Made {
    text: String,
    until: Time,
}

/// A permission to be chosen.
struct Choice {
    name: &'static str,
    is_chosen: bool,
}

/// What the form of a new key holds; shown again when it is refused.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Sent {
    /// The tenant, or the service account.
    of: String,
    name: String,
    days: u32,
    #[serde(default)]
    scopes: Vec<String>,
}

impl Sent {
    fn empty(of: String) -> Self {
        Self { of, name: String::new(), days: platform::keys::USUAL_DAYS, scopes: Vec::new() }
    }

    fn new_key(&self) -> NewKey {
        NewKey { name: self.name.clone(), scopes: self.scopes.clone(), days: self.days }
    }
}

fn made(made: &MadeKey, now: Timestamp) -> Made {
    Made { text: made.text.expose().to_owned(), until: format::moment(made.expires_at, now) }
}

fn choices(may: impl Fn(Permission) -> bool, sent: &Sent) -> Vec<Choice> {
    let choice = |permission: Permission| Choice {
        name: permission.name(),
        is_chosen: sent.scopes.iter().any(|chosen| chosen == permission.name()),
    };
    Permission::ALL.iter().copied().filter(|permission| may(*permission)).map(choice).collect()
}

fn row(key: KeyShown, of: String, revoke_href: String, now: Timestamp) -> KeyRow {
    let (state, state_word) = match key.state {
        KeyState::Good => ("completed", "Works"),
        KeyState::Expired => ("cancelled", "Expired"),
        KeyState::Revoked => ("cancelled", "Revoked"),
    };
    KeyRow {
        id: format::id(key.id),
        name: key.name,
        of,
        scopes: key.scopes.iter().map(Permission::name).collect::<Vec<_>>().join(", "),
        expires: format::ago(key.expires_at, now),
        used: key.last_used_at.map(|at| format::ago(at, now)),
        used_from: key.last_used_from.unwrap_or_default(),
        state,
        state_word,
        revoke_href: if key.state == KeyState::Good { revoke_href } else { String::new() },
    }
}
