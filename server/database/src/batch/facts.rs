//! What members of a batch hang on, as it is in the transaction of the batch: one struct a table.

use domain::{
    ApprovalId, CredentialId, HoldId, Limits, ModelId, Money, Period, PersonId, PolicyVersion, ProviderId, RunId, Span, TenantId, Timestamp,
};

use crate::{
    error::Error,
    row::{FromRow, Row},
    state::{ApprovalState, HoldState},
};

/// A row of some tenant.
pub(crate) struct Of<T> {
    pub(crate) tenant: TenantId,
    pub(crate) row: T,
}

impl<T: FromRow> FromRow for Of<T> {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self { tenant: row.id("tenant_id")?, row: T::from_row(row)? })
    }
}

/// A tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantFacts {
    /// Whether it is in use.
    pub active: bool,
    /// The state of its policy.
    pub policy_version: PolicyVersion,
}

impl FromRow for TenantFacts {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            active: row.word("status", &[("active", true), ("closed", false)])?,
            policy_version: PolicyVersion(row.uuid("policy_version")?),
        })
    }
}

/// The place of a run in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseFacts {
    /// The run.
    pub run: RunId,
    /// Who works on it.
    pub owner: Option<String>,
    /// The number of the last claim.
    pub fence: i64,
    /// When the lease ends, unless it is renewed.
    pub until: Option<Timestamp>,
    /// When the run wants attention.
    pub wake_at: Option<Timestamp>,
}

impl FromRow for LeaseFacts {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            run: row.id("run_id")?,
            owner: row.opt_text("owner")?,
            fence: row.i64("fence")?,
            until: row.opt_timestamp("lease_until")?,
            wake_at: row.opt_timestamp("wake_at")?,
        })
    }
}

/// The place of a run in the queue, and its tenant.
pub(crate) struct Place {
    pub(crate) lease: LeaseFacts,
    pub(crate) of: TenantFacts,
    pub(crate) time_zone: String,
}

impl FromRow for Place {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self { lease: LeaseFacts::from_row(row)?, of: TenantFacts::from_row(row)?, time_zone: row.text("time_zone")? })
    }
}

/// Whether somebody is a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MembershipFacts {
    /// The person.
    pub person: PersonId,
    /// Whether the membership holds.
    pub active: bool,
}

impl FromRow for MembershipFacts {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self { person: row.id("person_id")?, active: row.word("status", &[("active", true), ("disabled", false)])? })
    }
}

/// An account: what may be, was and is about to be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// The most that may be spent in it, and in each of its periods.
    pub limits: Limits,
    /// What was spent, what is in doubt included.
    pub spent: Money,
    /// What is set aside for calls under way.
    pub held: Money,
    /// The part of `spent` that a crash left in doubt.
    pub unconfirmed: Money,
    /// The latest moment at which something was set aside in it and in its periods.
    pub counted_at: Option<Timestamp>,
    /// The period, when it is the account of one.
    pub span: Option<Span>,
}

/// The limits of an account, from its columns.
pub(crate) fn limits(row: &Row) -> Result<Limits, Error> {
    Ok(Limits {
        hour: row.opt_money("hour_limit")?,
        day: row.opt_money("day_limit")?,
        week: row.opt_money("week_limit")?,
        month: row.opt_money("month_limit")?,
        total: row.opt_money("limit_nanos")?,
    })
}

/// The period that an account is of, from its columns.
pub(crate) fn span(row: &Row) -> Result<Option<Span>, Error> {
    let (Some(starts_at), Some(ends_at)) = (row.opt_timestamp("starts_at")?, row.opt_timestamp("ends_at")?) else { return Ok(None) };
    Ok(Some(Span { period: row.word("period", &RECURRING)?, starts_at, ends_at }))
}

/// Periods as they stand in a row.
const RECURRING: [(&str, Period); 4] = [("hour", Period::Hour), ("day", Period::Day), ("week", Period::Week), ("month", Period::Month)];

pub(crate) struct KeyedAccount {
    pub(crate) key: String,
    pub(crate) account: Account,
}

impl FromRow for KeyedAccount {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            key: row.text("key")?,
            account: Account {
                limits: limits(row)?,
                spent: row.money("spent")?,
                held: row.money("held")?,
                unconfirmed: row.money("unconfirmed")?,
                counted_at: row.opt_timestamp("counted_at")?,
                span: span(row)?,
            },
        })
    }
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalFacts {
    /// Its id.
    pub id: ApprovalId,
    /// Its run.
    pub run: RunId,
    /// The path of its step.
    pub step: String,
    /// How often it was asked, from 1.
    pub round: i64,
    /// What it is about.
    pub kind: String,
    /// What became of it.
    pub state: ApprovalState,
    /// What was approved, as a digest.
    pub digest: [u8; 32],
    /// The most that may be spent under it.
    pub ceiling: Money,
    /// How many must agree.
    pub quorum: i64,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
}

impl FromRow for ApprovalFacts {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            run: row.id("run_id")?,
            step: row.text("step")?,
            round: row.i64("round")?,
            kind: row.text("kind")?,
            state: row.word("state", ApprovalState::WORDS)?,
            digest: row.hash("digest")?,
            ceiling: row.money("ceiling")?,
            quorum: row.i64("quorum")?,
            requested_at: row.timestamp("requested_at")?,
            expires_at: row.timestamp("expires_at")?,
        })
    }
}

/// A credential that can be used; a removed one is not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialFacts {
    /// Its id.
    pub id: CredentialId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Which of its values is in use.
    pub version: i64,
    /// The hosts that its value may be sent to.
    pub allowed_hosts: Vec<String>,
}

impl FromRow for CredentialFacts {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            name: row.text("name")?,
            kind: row.text("kind")?,
            version: row.i64("version")?,
            allowed_hosts: row.json("allowed_hosts")?,
        })
    }
}

/// A model with its provider; models of a removed provider are not found. Prices are for a million tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFacts {
    /// Its id.
    pub id: ModelId,
    /// Its name at the provider.
    pub name: String,
    /// The provider.
    pub provider: ProviderId,
    /// The provider's name.
    pub provider_name: String,
    /// Where the provider is asked.
    pub base_url: String,
    /// The name of the credential that the provider wants.
    pub credential_name: Option<String>,
    /// What comes in costs this.
    pub input_price: Money,
    /// What goes out costs this.
    pub output_price: Money,
    /// What comes in and was seen before costs this, when the provider tells them apart.
    pub cached_price: Option<Money>,
    /// The most tokens that one answer has.
    pub max_output_tokens: i64,
    /// Whether it is taken when a step names none.
    pub is_default: bool,
    /// Which prices these are.
    pub price_version: i64,
}

impl FromRow for ModelFacts {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            name: row.text("name")?,
            provider: row.id("provider_id")?,
            provider_name: row.text("provider_name")?,
            base_url: row.text("base_url")?,
            credential_name: row.opt_text("credential_name")?,
            input_price: row.money("input_price")?,
            output_price: row.money("output_price")?,
            cached_price: row.opt_money("cached_price")?,
            max_output_tokens: row.i64("max_output_tokens")?,
            is_default: row.bool("is_default")?,
            price_version: row.i64("price_version")?,
        })
    }
}

/// Money that was set aside for one dispatch of one effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldFacts {
    /// Its id.
    pub id: HoldId,
    /// The run.
    pub run: RunId,
    /// The path of the step.
    pub step: String,
    /// Which attempt, from 1.
    pub attempt: i64,
    /// Which dispatch of the attempt, from 1.
    pub dispatch: i64,
    /// What was set aside.
    pub amount: Money,
    /// The keys of the accounts it was set aside in.
    pub accounts: Vec<String>,
    /// What became of it.
    pub state: HoldState,
    /// What was charged.
    pub charged: Money,
}

impl FromRow for HoldFacts {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: row.id("id")?,
            run: row.id("run_id")?,
            step: row.text("step")?,
            attempt: row.i64("attempt")?,
            dispatch: row.i64("dispatch")?,
            amount: row.money("amount")?,
            accounts: row.json("accounts")?,
            state: row.word("state", HoldState::WORDS)?,
            charged: row.money("charged")?,
        })
    }
}
