//! The mandate card: the same six lines on every workflow, run and approval (`templates/_parts/mandate_card.html`).

use domain::Money;
use platform::{
    budgets::RoomShown,
    mandate::{Ask, Mandate, Spend},
};

use crate::access::Grant;

/// The card.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    pub(crate) title: &'static str,
    pub(crate) acts_for: ActsFor,
    pub(crate) may_reach: MayReach,
    pub(crate) may_use: MayUse,
    pub(crate) may_spend: MaySpend,
    pub(crate) must_ask: MustAsk,
    pub(crate) recorded: Recorded,
}

/// For whom.
#[derive(Debug, Clone)]
pub(crate) struct ActsFor {
    pub(crate) who: String,
    pub(crate) note: String,
}

/// Which hosts.
#[derive(Debug, Clone)]
pub(crate) struct MayReach {
    pub(crate) hosts: Vec<String>,
    pub(crate) note: &'static str,
}

/// Which credentials.
#[derive(Debug, Clone)]
pub(crate) struct MayUse {
    pub(crate) credentials: Vec<String>,
    pub(crate) note: String,
}

/// How much.
#[derive(Debug, Clone)]
pub(crate) struct MaySpend {
    pub(crate) amount: String,
    pub(crate) meter: Option<Meter>,
    pub(crate) note: String,
}

/// Spent and held on the track of a limit (`templates/_parts/meter.html`).
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    pub(crate) spent: String,
    pub(crate) held: String,
    pub(crate) level: &'static str,
    pub(crate) label: String,
}

/// Whose agreement.
#[derive(Debug, Clone)]
pub(crate) struct MustAsk {
    pub(crate) text: String,
    pub(crate) before: String,
    pub(crate) note: String,
}

/// What is recorded.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) text: String,
    pub(crate) broken: bool,
    pub(crate) href: String,
    pub(crate) link_text: &'static str,
}

/// What the card is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// A workflow that somebody may start.
    Workflow,
    /// A run under way or over.
    Run,
    /// A decision on a run.
    Approval,
}

/// The address of the audit of one thing; empty when there is no such page, or not for this member.
pub(crate) fn audit_href<P>(grant: &Grant<P>, target: &str) -> String {
    match grant.visit().site().page("/t/{slug}/audit") {
        Some(permission) if grant.may(permission) => grant.path(&format!("/audit?target={target}")),
        _ => String::new(),
    }
}

/// Spent and held in percent of a limit; nothing without a limit.
pub(crate) fn meter(spent: Money, held: Money, limit: Option<Money>) -> Option<Meter> {
    let limit = limit.filter(|limit| limit.nanos() > 0)?;
    // Tenths of a percent are as fine as a meter can show.
    let tenths = |amount: Money| (i128::from(amount.nanos().max(0)) * 1_000 / i128::from(limit.nanos())).min(1_000);
    let spent_tenths = tenths(spent);
    let held_tenths = tenths(held).min(1_000 - spent_tenths);
    let percent = |tenths: i128| format!("{}.{}", tenths / 10, tenths % 10);
    let level = match spent_tenths + held_tenths {
        1_000.. => "over",
        800.. => "near",
        _ => "",
    };
    let label = format!("{spent} of {limit} spent, {held} held");
    Some(Meter { spent: percent(spent_tenths), held: percent(held_tenths), level, label })
}

fn spend(spend: Spend, about: About) -> MaySpend {
    let Spend { limit, each_step, spent, held, shared } = spend;
    let amount = match limit {
        Some(limit) if each_step => format!("{limit} a step"),
        Some(limit) if about == About::Workflow => format!("{limit} a run"),
        Some(limit) => limit.to_string(),
        None => "no limit of its own".to_owned(),
    };
    if about == About::Workflow {
        let note = if limit.is_some() { "a call that could go over it is not made" } else { "the limits of workflow and tenant hold" };
        return MaySpend { amount, meter: None, note: note.to_owned() };
    }
    let note = if held > Money::ZERO { format!("{spent} spent, {held} held") } else { format!("{spent} spent, nothing held") };
    let note = if shared.is_empty() { note } else { format!("{note}; {}", nearest(&shared)) };
    MaySpend { amount, meter: if each_step { None } else { meter(spent, held, limit) }, note }
}

/// Which of the limits that a run shares with others it meets first, and how many more there are.
fn nearest(shared: &[RoomShown]) -> String {
    let Some(first) = shared.first() else { return String::new() };
    let until = first.anew.as_ref().map_or_else(String::new, |at| format!(" until {at}"));
    let RoomShown { whose, period, limit, left, .. } = first;
    let more = match shared.len() - 1 {
        0 => String::new(),
        1 => ", and one more limit holds".to_owned(),
        more => format!(", and {more} more limits hold"),
    };
    format!("of all that hold, {whose} is the nearest: {left} of its {period} limit of {limit} left{until}{more}")
}

fn asks(asks: &[Ask]) -> MustAsk {
    let when = |ask: &Ask| if ask.why == "always" { "always".to_owned() } else { format!("if {}", ask.why) };
    match asks {
        [] => MustAsk { text: "nobody".to_owned(), before: String::new(), note: "no step waits for an approval".to_owned() },
        [only] => MustAsk { text: only.who.clone(), before: only.before.clone(), note: when(only) },
        several => MustAsk {
            text: format!("{} times", several.len()),
            before: String::new(),
            note: several.iter().map(|ask| format!("{} before {}, {}", ask.who, ask.before, when(ask))).collect::<Vec<_>>().join("; "),
        },
    }
}

impl Card {
    /// The card of a mandate. `audit_href` leads to what was recorded; empty for no link.
    pub(crate) fn new(mandate: Mandate, about: About, audit_href: String) -> Self {
        let Mandate { acts_for, acts_for_note, reach, uses, spend: spending, asks: asked, recorded } = mandate;
        let reach_note = match (reach.is_empty(), reach.iter().all(|place| place.known)) {
            (true, _) => "nothing outside",
            (false, true) => "",
            (false, false) => "what stands in braces is known when the step begins",
        };
        let use_note = match uses.as_slice() {
            [] => "no credential".to_owned(),
            [only] => format!("only towards {}", only.towards.join(", ")),
            several => several
                .iter()
                .map(|used| format!("{} only towards {}", used.credential, used.towards.join(", ")))
                .collect::<Vec<_>>()
                .join("; "),
        };
        let recorded_text = match about {
            About::Workflow => "every step of every run".to_owned(),
            About::Run | About::Approval if recorded.events == 1 => "1 event".to_owned(),
            About::Run | About::Approval => format!("{} events", recorded.events),
        };
        Self {
            title: match about {
                About::Workflow => "What this workflow may do",
                About::Run => "The mandate of this run",
                About::Approval => "What saying yes allows",
            },
            acts_for: ActsFor { who: acts_for, note: acts_for_note },
            may_reach: MayReach { hosts: reach.into_iter().map(|place| place.host).collect(), note: reach_note },
            may_use: MayUse { credentials: uses.into_iter().map(|used| format!("cred://{}", used.credential)).collect(), note: use_note },
            may_spend: spend(spending, about),
            must_ask: asks(&asked),
            recorded: Recorded {
                text: recorded_text,
                broken: false,
                href: audit_href,
                link_text: if about == About::Workflow { "Audit of this workflow" } else { "Audit of this run" },
            },
        }
    }
}

/// A mandate for tests of templates.
#[cfg(test)]
pub(crate) fn sample() -> Mandate {
    use platform::mandate::{Reach, Recorded, Use};
    Mandate {
        acts_for: "clerk@acme.example".to_owned(),
        acts_for_note: "rights are read again at each step".to_owned(),
        reach: vec![Reach { host: "erp.example".to_owned(), known: true }, Reach { host: "{{ vars.x }}".to_owned(), known: false }],
        uses: vec![Use { credential: "payment-desk".to_owned(), towards: vec!["payments.example".to_owned()] }],
        spend: Spend {
            limit: Some(Money::from_nanos(250_000_000)),
            each_step: false,
            spent: Money::from_nanos(3_100_000),
            held: Money::ZERO,
            shared: Vec::new(),
        },
        asks: vec![Ask { who: "1 of role approver".to_owned(), before: "Pay".to_owned(), why: "invoice.body.amount > 1000".to_owned() }],
        recorded: Recorded { events: 11 },
    }
}

#[cfg(test)]
mod tests {
    use domain::Period;

    use super::*;

    #[test]
    fn the_six_lines_say_what_the_mandate_says() {
        let card = Card::new(sample(), About::Run, "/t/acme/audit?target=run_x".to_owned());
        assert_eq!(card.may_reach.hosts, ["erp.example", "{{ vars.x }}"]);
        assert_eq!(card.may_use.credentials, ["cred://payment-desk"]);
        assert_eq!(card.may_use.note, "only towards payments.example");
        assert_eq!((card.may_spend.amount.as_str(), card.may_spend.note.as_str()), ("$0.2500", "$0.0031 spent, nothing held"));
        assert_eq!((card.must_ask.text.as_str(), card.must_ask.before.as_str()), ("1 of role approver", "Pay"));
        assert_eq!(card.must_ask.note, "if invoice.body.amount > 1000");
        assert_eq!(card.recorded.text, "11 events");
        let card = Card::new(sample(), About::Workflow, String::new());
        assert_eq!(card.may_spend.amount, "$0.2500 a run");
        assert!(card.may_spend.meter.is_none());
    }

    #[test]
    fn the_nearest_of_several_limits_is_named() {
        let dollars = |number: i64| Money::from_nanos(number * domain::money::NANOS);
        let room = |whose, period, left, anew: Option<&str>| RoomShown {
            whose,
            period,
            limit: dollars(5),
            left: dollars(left),
            anew: anew.map(str::to_owned),
        };
        let mut mandate = sample();
        mandate.spend.shared = vec![
            room("the budget of the tenant", Period::Day, 1, Some("Wed 2 Dec 2026, 00:00 in UTC")),
            room("the budget of this workflow", Period::Total, 2, None),
        ];
        let note = Card::new(mandate.clone(), About::Run, String::new()).may_spend.note;
        assert_eq!(
            note,
            "$0.0031 spent, nothing held; of all that hold, the budget of the tenant is the nearest: $1.00 of its day limit of $5.00 left \
             until Wed 2 Dec 2026, 00:00 in UTC, and one more limit holds"
        );
        mandate.spend.shared.remove(0);
        let note = Card::new(mandate, About::Run, String::new()).may_spend.note;
        assert!(note.ends_with("the budget of this workflow is the nearest: $2.00 of its total limit of $5.00 left"), "{note}");
    }

    #[test]
    fn a_mandate_that_allows_nothing_says_so() {
        let card = Card::new(Mandate::default(), About::Workflow, String::new());
        assert_eq!(
            (card.may_reach.note, card.may_use.note.as_str(), card.must_ask.text.as_str()),
            ("nothing outside", "no credential", "nobody")
        );
        assert_eq!(card.may_spend.amount, "no limit of its own");
    }

    #[test]
    fn a_meter_never_passes_its_track() {
        let dollars = |number: i64| Money::from_nanos(number * domain::money::NANOS);
        for (spent, held, limit, shown) in [
            (1, 1, 4, ("25.0", "25.0", "")),
            (3, 1, 4, ("75.0", "25.0", "over")),
            (9, 9, 4, ("100.0", "0.0", "over")),
            (33, 0, 40, ("82.5", "0.0", "near")),
        ] {
            let meter = meter(dollars(spent), dollars(held), Some(dollars(limit))).unwrap();
            assert_eq!((meter.spent.as_str(), meter.held.as_str(), meter.level), shown);
        }
        assert!(meter(dollars(1), dollars(1), None).is_none());
        assert!(meter(dollars(1), dollars(1), Some(Money::ZERO)).is_none());
    }
}
