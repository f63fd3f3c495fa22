//! What a call costs: the most before it, the charge after it. An unknown price has no place here: a
//! model without one cannot be called.

use domain::Money;

use crate::completion::Usage;

/// Tokens assumed for what a provider wraps around each message. OpenAI documents 3 and one for a name
/// (its cookbook, "How to count tokens"); other templates are longer.
const TOKENS_PER_MESSAGE: u64 = 16;
/// Tokens assumed for what a provider puts in front of all messages, such as a date, the wording that
/// introduces a schema, and the opening of the answer.
const TOKENS_PER_CALL: u64 = 256;

/// What a model's tokens cost, in US dollars for a million of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    input: Money,
    output: Money,
    cached_input: Option<Money>,
}

/// A price below nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a price cannot be negative")]
pub struct NegativePrice;

impl Price {
    /// A price; without one of their own, cached tokens cost what others cost.
    ///
    /// # Errors
    /// When one is negative.
    pub fn new(input: Money, output: Money, cached_input: Option<Money>) -> Result<Self, NegativePrice> {
        if [Some(input), Some(output), cached_input].into_iter().flatten().any(|price| price < Money::ZERO) {
            return Err(NegativePrice);
        }
        Ok(Self { input, output, cached_input })
    }

    fn cached(&self) -> Money {
        self.cached_input.unwrap_or(self.input)
    }
}

/// What was used costs this, each kind of token rounded up to a nano-dollar; stops at the largest amount.
pub fn cost(usage: &Usage, price: &Price) -> Money {
    let cached = usage.cached_tokens.min(usage.input_tokens);
    [(usage.input_tokens - cached, price.input), (cached, price.cached()), (usage.output_tokens, price.output)]
        .into_iter()
        .map(|(tokens, price)| Money::for_units(tokens, price).unwrap_or(Money::MAX))
        .fold(Money::ZERO, Money::saturating_add)
}

/// The most a call may cost, for the money that is set aside before it; `None` when that cannot be expressed.
///
/// `prompt_bytes` is the size of the serialized request ([`crate::openai::prompt_bytes`]), `messages` how
/// many messages it has. A token stands for at least one byte of text in every tokenizer with a byte
/// fallback, which all current ones have, so the bytes and what providers add around them are a bound.
/// Roughly four times the true cost of a prompt in English.
pub fn ceiling(prompt_bytes: usize, messages: usize, max_tokens: u32, price: &Price) -> Option<Money> {
    let input = input_bound(prompt_bytes, messages)?;
    let dearer = price.input.max(price.cached());
    // Cached and other tokens are rounded up apart: one nano-dollar more than rounding their sum.
    Money::for_units(input, dearer)?.checked_add(Money::for_units(max_tokens.into(), price.output)?)?.checked_add(Money::from_nanos(1))
}

/// The most tokens a call may take, read and written together; see [`ceiling`].
pub fn most_tokens(prompt_bytes: usize, messages: usize, max_tokens: u32) -> Option<u64> {
    input_bound(prompt_bytes, messages)?.checked_add(max_tokens.into())
}

fn input_bound(prompt_bytes: usize, messages: usize) -> Option<u64> {
    let messages = u64::try_from(messages).ok()?;
    u64::try_from(prompt_bytes).ok()?.checked_add(messages.checked_mul(TOKENS_PER_MESSAGE)?)?.checked_add(TOKENS_PER_CALL)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dollars(text: &str) -> Money {
        Money::from_dollars(text).unwrap()
    }

    #[test]
    fn a_call_costs_what_its_tokens_cost() {
        let price = Price::new(dollars("2.50"), dollars("10"), Some(dollars("1.25"))).unwrap();
        let usage = Usage { input_tokens: 1_200, cached_tokens: 1_000, output_tokens: 300, reasoning_tokens: 100 };
        assert_eq!(cost(&usage, &price), dollars("0.00475"));
        let without = Price::new(dollars("2.50"), dollars("10"), None).unwrap();
        assert_eq!(cost(&usage, &without), dollars("0.006"));
    }

    #[test]
    fn each_kind_of_token_is_rounded_up() {
        let price = Price::new(Money::from_nanos(1), Money::from_nanos(1), Some(Money::from_nanos(1))).unwrap();
        let usage = Usage { input_tokens: 2, cached_tokens: 1, output_tokens: 1, reasoning_tokens: 0 };
        assert_eq!(cost(&usage, &price), Money::from_nanos(3));
        assert!(ceiling(2, 1, 1, &price).unwrap() >= Money::from_nanos(3));
    }

    #[test]
    fn what_cannot_be_expressed_is_not_guessed() {
        let price = Price::new(Money::MAX, Money::ZERO, None).unwrap();
        assert_eq!(ceiling(10_000_000, 1, 1, &price), None);
        assert_eq!(cost(&Usage { input_tokens: u64::MAX, ..Usage::default() }, &price), Money::MAX);
        assert_eq!(Price::new(Money::from_nanos(-1), Money::ZERO, None), Err(NegativePrice));
    }

    proptest! {
        #[test]
        fn no_call_within_its_bounds_costs_more_than_its_ceiling(
            bytes in 0_usize..4_000_000, messages in 1_usize..40, max_tokens in 0_u32..200_000,
            input in 0_i64..100_000_000_000, output in 0_i64..100_000_000_000, cached in proptest::option::of(0_i64..100_000_000_000),
            share in 0.0_f64..=1.0, cached_share in 0.0_f64..=1.0, answered in 0.0_f64..=1.0,
        ) {
            let price = Price::new(Money::from_nanos(input), Money::from_nanos(output), cached.map(Money::from_nanos)).unwrap();
            let input_tokens = (input_bound(bytes, messages).unwrap() as f64 * share) as u64;
            let usage = Usage {
                input_tokens,
                cached_tokens: (input_tokens as f64 * cached_share) as u64,
                output_tokens: (f64::from(max_tokens) * answered) as u64,
                reasoning_tokens: 0,
            };
            prop_assert!(cost(&usage, &price) <= ceiling(bytes, messages, max_tokens, &price).unwrap());
        }
    }
}
