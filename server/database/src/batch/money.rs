//! The verbs of budgets: money is set aside before a call, and charged or given back after it.
//!
//! An account moves only here and in the verbs of the budget page, by whole holds: what is held is the sum of the
//! open ones.

use domain::{HoldId, Money, Period, Span};

use super::{
    Batch, MemberRefused,
    facts::{Account, HoldFacts},
    records::{HoldClose, HoldRequest, PeriodAccount},
};
use crate::{announce::Topic, state::HoldState};

/// The first account in which an amount has no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverLimit {
    /// The key of the account.
    pub account: String,
    /// The period, when it is the account of one.
    pub span: Option<Span>,
    /// Its limit.
    pub limit: Money,
    /// What was spent, what is in doubt included.
    pub spent: Money,
    /// What is held.
    pub held: Money,
    /// The part of `spent` that a crash left in doubt.
    pub unconfirmed: Money,
    /// The amount that was asked for.
    pub asked: Money,
    /// Whether there would be room in every account, were nothing in doubt.
    pub only_unconfirmed: bool,
}

/// What a call cost, for a hold that is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// What it cost.
    pub charged: Money,
    /// What was used, as a JSON text.
    pub usage: Option<String>,
    /// The model, as the provider calls it.
    pub model: Option<String>,
    /// The version of the prices it was reckoned with.
    pub price_version: Option<i64>,
}

impl Charge {
    /// A charge of which nothing but the amount is known.
    pub const fn of(charged: Money) -> Self {
        Self { charged, usage: None, model: None, price_version: None }
    }
}

fn overflow() -> MemberRefused {
    MemberRefused::because("an amount is larger than can be counted")
}

fn sum(one: Money, other: Money) -> Result<Money, MemberRefused> {
    one.checked_add(other).ok_or_else(overflow)
}

fn difference(one: Money, other: Money) -> Result<Money, MemberRefused> {
    one.checked_sub(other).ok_or_else(overflow)
}

impl Batch<'_> {
    /// Gives an account a limit, `None` for no limit.
    ///
    /// # Errors
    /// The keys do not name the account.
    pub fn set_limit(&mut self, key: &str, limit: Option<Money>) -> Result<(), MemberRefused> {
        let account = self.account(key)?;
        self.put_account(key, Account { limits: account.limits.with(Period::Total, limit), ..account });
        Ok(())
    }

    /// Sets an amount aside in every account that the request names, those of periods too, or in none. The limit of a period
    /// stands in the account that it is a period of.
    ///
    /// `Some` names the first account in which `spent + held + amount` would pass the limit; nothing is written then.
    ///
    /// # Errors
    /// An account is not among the keys, an amount is negative or cannot be counted, or [`MemberRefused::LostLease`].
    pub fn open_hold(&mut self, mut request: HoldRequest) -> Result<Option<OverLimit>, MemberRefused> {
        self.demand_lease()?;
        if request.amount < Money::ZERO {
            return Err(MemberRefused::because("an amount that is set aside must not be negative"));
        }
        request.accounts.sort_unstable();
        request.accounts.dedup();
        let mut over: Option<OverLimit> = None;
        let mut only_unconfirmed = true;
        let mut moved = Vec::with_capacity(request.accounts.len() + request.periods.len());
        for key in &request.accounts {
            let account = self.account(key)?;
            let counted_at = account.counted_at.max(Some(request.at));
            moved.push((key.clone(), account.limits.total, Account { counted_at, ..account }));
        }
        for PeriodAccount { key, of, span } in &request.periods {
            let limit = self.account(of)?.limits.of(span.period);
            moved.push((key.clone(), limit, Account { span: Some(*span), ..self.account(key)? }));
        }
        for (key, limit, account) in &mut moved {
            let held = sum(account.held, request.amount)?;
            let used = sum(account.spent, held)?;
            if let Some(limit) = limit.filter(|limit| used > *limit) {
                only_unconfirmed &= difference(used, account.unconfirmed)? <= limit;
                over.get_or_insert_with(|| OverLimit {
                    account: key.clone(),
                    span: account.span,
                    limit,
                    spent: account.spent,
                    held: account.held,
                    unconfirmed: account.unconfirmed,
                    asked: request.amount,
                    only_unconfirmed: false,
                });
            }
            account.held = held;
        }
        if let Some(over) = over {
            return Ok(Some(OverLimit { only_unconfirmed, ..over }));
        }
        for (key, _, account) in moved {
            self.put_account(&key, account);
        }
        request.accounts.extend(std::mem::take(&mut request.periods).into_iter().map(|period| period.key));
        let run = self.keys.run;
        let money = self.records.run((self.keys.tenant, run));
        money.held = money.held.checked_add(request.amount.nanos()).ok_or_else(overflow)?;
        self.changed.holds.insert(request.id, request.facts(run));
        self.records.holds_opened.push((self.keys.tenant, run, request));
        self.announce(Topic::Budgets);
        Ok(None)
    }

    /// Charges what a call cost and gives back the rest of what was set aside. False when the hold is not open.
    ///
    /// # Errors
    /// The hold or one of its accounts was not read, an amount cannot be counted, or [`MemberRefused::LostLease`].
    pub fn settle_hold(&mut self, id: HoldId, charge: Charge) -> Result<bool, MemberRefused> {
        if charge.charged < Money::ZERO {
            return Err(MemberRefused::because("a charge must not be negative"));
        }
        self.close_hold(id, HoldState::Settled, charge)
    }

    /// Gives back all that was set aside: the call cost nothing. False when the hold is not open.
    ///
    /// # Errors
    /// As for [`Batch::settle_hold`].
    pub fn release_hold(&mut self, id: HoldId) -> Result<bool, MemberRefused> {
        self.close_hold(id, HoldState::Released, Charge::of(Money::ZERO))
    }

    /// Charges all that was set aside, in doubt: a crash left the call and nobody knows what it cost. False when the
    /// hold is not open.
    ///
    /// # Errors
    /// As for [`Batch::settle_hold`].
    pub fn doubt_hold(&mut self, id: HoldId) -> Result<bool, MemberRefused> {
        let amount = self.hold(id).map_or(Money::ZERO, |hold| hold.amount);
        self.close_hold(id, HoldState::Unknown, Charge::of(amount))
    }

    fn close_hold(&mut self, id: HoldId, state: HoldState, charge: Charge) -> Result<bool, MemberRefused> {
        self.demand_lease()?;
        let Some(hold) = self.hold(id) else {
            return Err(MemberRefused::because(format!("the hold {id} was not read")));
        };
        if hold.state != HoldState::Open {
            return Ok(false);
        }
        let hold = HoldFacts { state, charged: charge.charged, ..hold.clone() };
        for key in &hold.accounts {
            let account = self.account(key)?;
            let unconfirmed = if state == HoldState::Unknown { sum(account.unconfirmed, charge.charged)? } else { account.unconfirmed };
            let account = Account {
                held: difference(account.held, hold.amount)?,
                spent: sum(account.spent, charge.charged)?,
                unconfirmed,
                ..account
            };
            self.put_account(key, account);
        }
        let money = self.records.run((self.keys.tenant, hold.run));
        money.held = money.held.checked_sub(hold.amount.nanos()).ok_or_else(overflow)?;
        money.spent = money.spent.checked_add(charge.charged.nanos()).ok_or_else(overflow)?;
        self.records.holds_closed.push((self.keys.tenant, HoldClose { id, state, charge }));
        self.changed.holds.insert(id, hold);
        self.announce(Topic::Budgets);
        Ok(true)
    }

    fn put_account(&mut self, key: &str, account: Account) {
        self.records.accounts.insert((self.keys.tenant, key.to_owned()), account);
        self.changed.accounts.insert(key.to_owned(), account);
    }
}
