//! Typed identifiers: a UUIDv7 inside, `prefix_` and 26 lower-case base32 signs outside.
//!
//! The type parameter keeps a run's id out of a place that wants a workflow's. Ids sort by the time
//! they were made and are not secrets. To add a kind, add a line to the `kinds!` table.

use std::{cmp::Ordering, fmt, hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::{entropy::Entropy, time::Timestamp};

/// What a typed id identifies; gives the prefix of its text form.
pub trait Kind: 'static {
    /// The prefix of the text form, without the underscore.
    const PREFIX: &'static str;
}

/// An identifier of one kind of thing.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

/// Crockford's base32 in lower case: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LENGTH: usize = 26;

/// The text is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}_ and 26 signs")]
pub struct NotAnId {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

impl<K: Kind> Id<K> {
    /// Makes a new id from the given time and randomness (UUID version 7, RFC 9562 §5.7).
    pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
        let mut random = [0_u8; 10];
        entropy.fill(&mut random);
        let millis = u64::try_from(now.micros().div_euclid(1000)).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid(), PhantomData)
    }
}

impl<K> Id<K> {
    /// The id around a UUID that a database row held.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The UUID inside, as databases keep it.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> hash::Hash for Id<K> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0.as_u128();
        let mut text = String::with_capacity(K::PREFIX.len() + 1 + TEXT_LENGTH);
        text.push_str(K::PREFIX);
        text.push('_');
        for place in (0..TEXT_LENGTH).rev() {
            let index = usize::try_from((bits >> (place * 5)) & 31).unwrap_or(0);
            text.push(char::from(ALPHABET.get(index).copied().unwrap_or(b'0')));
        }
        f.write_str(&text)
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let wrong = NotAnId { prefix: K::PREFIX };
        let signs = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or_else(|| wrong.clone())?;
        if signs.len() != TEXT_LENGTH {
            return Err(wrong);
        }
        let mut bits: u128 = 0;
        for (position, sign) in signs.bytes().enumerate() {
            let value = ALPHABET.iter().position(|&candidate| candidate == sign).ok_or_else(|| wrong.clone())?;
            // 26 signs hold 130 bits: the first may use only its lower three.
            if position == 0 && value > 7 {
                return Err(wrong);
            }
            bits = (bits << 5) | value as u128;
        }
        Ok(Self(Uuid::from_u128(bits), PhantomData))
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $alias:ident $prefix:literal;)*) => {
        /// The kinds of things that have ids; never made, only named in types.
        pub mod kind {
            $($(#[$doc])* #[derive(Debug)] pub enum $kind {})*
        }
        $(
            impl Kind for kind::$kind { const PREFIX: &'static str = $prefix; }
            $(#[$doc])* pub type $alias = Id<kind::$kind>;
        )*
    };
}

kinds! {
    /// A tenant: one organisation on the installation.
    Tenant TenantId "ten";
    /// A person who signs in; may be a member of several tenants.
    Person PersonId "per";
    /// A signed-in browser.
    Session SessionId "ses";
    /// A key of the API.
    ApiKey ApiKeyId "key";
    /// An invitation to become a member.
    Invitation InvitationId "inv";
    /// A workflow.
    Workflow WorkflowId "wf";
    /// One saved version of a workflow.
    Version VersionId "wfv";
    /// One time that a version became the one that a start takes.
    Publication PublicationId "pub";
    /// A folder that workflows live in.
    Folder FolderId "fld";
    /// A run of a workflow.
    Run RunId "run";
    /// An approval that was asked.
    Approval ApprovalId "apr";
    /// A link in a mail that leads to one approval.
    Link LinkId "lnk";
    /// A credential.
    Credential CredentialId "crd";
    /// One use of a credential.
    Use UseId "use";
    /// A tenant variable.
    Variable VariableId "var";
    /// A model provider.
    Provider ProviderId "prv";
    /// A model of a provider, with its price.
    Model ModelId "mod";
    /// A budget: a limit on an account.
    Budget BudgetId "bud";
    /// Money set aside for one dispatch of one effect.
    Hold HoldId "hld";
    /// Something a door wants of a run.
    Inbox InboxId "inb";
    /// A mail in the outbox.
    Mail MailId "eml";
    /// One request at a door.
    Request RequestId "req";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn an_id_survives_its_text_form() {
        let entropy = SeededEntropy::new(7);
        for micros in [0, 1, 1_763_700_000_000_000] {
            let id = RunId::new(Timestamp::from_micros(micros), &entropy);
            let text = id.to_string();
            assert_eq!(text.len(), 30, "{text}");
            assert_eq!(text.parse::<RunId>().unwrap(), id);
        }
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let id = RunId::new(Timestamp::from_micros(5), &SeededEntropy::new(1)).to_string();
        assert!(id.parse::<WorkflowId>().is_err());
        assert!(id.to_uppercase().parse::<RunId>().is_err());
        assert!("run_z0000000000000000000000000".parse::<RunId>().is_err(), "130 bits do not fit 128");
        assert!("run_".parse::<RunId>().is_err());
    }

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let entropy = SeededEntropy::new(3);
        let early = RunId::new(Timestamp::from_micros(1_000_000), &entropy);
        let late = RunId::new(Timestamp::from_micros(2_000_000), &entropy);
        assert!(early < late && early.to_string() < late.to_string());
    }
}
