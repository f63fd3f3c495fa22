//! Falling over and standing up again. `points`: within the process, at every point of every commit, on both databases.
//! `kill`: the real server, by `kill -9` at random moments.
//!
//! Nothing that was accepted is lost, nothing that was recorded is done again, and what may have been done is sent again
//! under the same key.

mod kill;
mod points;
