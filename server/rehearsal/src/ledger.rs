//! What a service has written down: once for each idempotency key, however often it was asked.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One entry, with what it was asked under.
#[derive(Debug, Clone)]
struct Line<T> {
    key: Option<String>,
    entry: T,
}

/// Entries in the order in which they were made.
#[derive(Debug)]
pub(crate) struct Ledger<T>(Mutex<Vec<Line<T>>>);

/// What came of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entered {
    /// It was made; its number, from 1.
    New(usize),
    /// It had been made under the same key before.
    Again(usize),
    /// The key was used for something else.
    KeyTaken,
}

impl<T> Default for Ledger<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + PartialEq> Ledger<T> {
    fn lines(&self) -> MutexGuard<'_, Vec<Line<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that was written down.
    pub(crate) fn entries(&self) -> Vec<T> {
        self.lines().iter().map(|line| line.entry.clone()).collect()
    }

    /// Writes an entry down, unless its key was used before.
    pub(crate) fn enter(&self, key: Option<&str>, entry: T) -> Entered {
        let mut lines = self.lines();
        let before = lines.iter().enumerate().find(|(_, line)| key.is_some() && line.key.as_deref() == key);
        if let Some((index, line)) = before {
            return if line.entry == entry { Entered::Again(index + 1) } else { Entered::KeyTaken };
        }
        lines.push(Line { key: key.map(str::to_owned), entry });
        Entered::New(lines.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_key_enters_once() {
        let ledger = Ledger::default();
        assert_eq!(ledger.enter(Some("a"), 5), Entered::New(1));
        assert_eq!(ledger.enter(Some("a"), 5), Entered::Again(1));
        assert_eq!(ledger.enter(Some("a"), 6), Entered::KeyTaken);
        assert_eq!((ledger.enter(None, 5), ledger.enter(None, 5)), (Entered::New(2), Entered::New(3)));
        assert_eq!(ledger.entries(), [5, 5, 5]);
    }
}
