//! Questions to whoever sits at the terminal. Where nobody does, nothing is asked.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use domain::Secret;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use crate::failure::{Exit, Failure};

/// The longest answer, in bytes: no key is longer.
const LONGEST: usize = 8 * 1024;

/// Whether somebody can answer.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal()
}

fn ask(question: &str) {
    let mut terminal = io::stderr().lock();
    let _nobody_looks = write!(terminal, "{question}").and_then(|()| terminal.flush());
}

fn unread(error: impl std::fmt::Display) -> Failure {
    Failure::new(format!("The terminal cannot be read: {error}."))
}

/// A line that is seen while it is typed.
pub(crate) fn visible(question: &str) -> Result<String, Failure> {
    ask(question);
    let mut answer = String::new();
    io::stdin().lock().take(LONGEST as u64).read_line(&mut answer).map_err(unread)?;
    Ok(answer.trim().to_owned())
}

/// Whether the answer is yes, written out.
pub(crate) fn confirmed(question: &str) -> Result<bool, Failure> {
    Ok(visible(&format!("{question} Type yes: "))?.eq_ignore_ascii_case("yes"))
}

/// Puts the terminal back as it was, however the question ends.
struct Restored(Termios);

impl Drop for Restored {
    fn drop(&mut self) {
        // Nothing else can be done about a terminal that is gone.
        let _gone = tcsetattr(io::stdin(), OptionalActions::Drain, &self.0);
        ask("\n");
    }
}

/// A line that nobody sees. Signs come one by one and Ctrl-C is one of them, so that the terminal is always put back.
pub(crate) fn hidden(question: &str) -> Result<Secret, Failure> {
    let before = tcgetattr(io::stdin()).map_err(unread)?;
    let mut silent = before.clone();
    silent.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
    silent.special_codes[SpecialCodeIndex::VMIN] = 1;
    silent.special_codes[SpecialCodeIndex::VTIME] = 0;
    tcsetattr(io::stdin(), OptionalActions::Flush, &silent).map_err(unread)?;
    let _restored = Restored(before);
    ask(question);
    typed(io::stdin().lock().bytes())
}

/// What was typed up to the line end, corrections made.
fn typed(signs: impl Iterator<Item = io::Result<u8>>) -> Result<Secret, Failure> {
    let mut answer = Vec::new();
    for sign in signs {
        match sign.map_err(unread)? {
            b'\r' | b'\n' => break,
            0x03 => return Err(Failure::of(Exit::Interrupted, "Nothing was done.")),
            0x04 if answer.is_empty() => break,
            0x08 | 0x7f => drop(answer.pop()),
            0x15 => answer.clear(),
            sign if sign < 0x20 => {}
            sign if answer.len() < LONGEST => answer.push(sign),
            _ => return Err(Failure::of(Exit::Usage, "That is too long to be a key.")),
        }
    }
    String::from_utf8(answer).map(|text| Secret::new(text.trim())).map_err(|_| Failure::of(Exit::Usage, "That is no text."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_count_and_control_c_ends_it() {
        let read = |signs: &str| typed(signs.bytes().map(Ok)).map(|answer| answer.expose().to_owned()).map_err(|failure| failure.exit);
        assert_eq!(read("abc\x7f\x08d\n").as_deref(), Ok("ad"));
        assert_eq!(read("abc\x15x\x1by\rz").as_deref(), Ok("xy"));
        assert_eq!(read("\x04").as_deref(), Ok(""));
        assert_eq!(read("ab\x03"), Err(Exit::Interrupted));
        assert_eq!(read(&"x".repeat(LONGEST + 1)), Err(Exit::Usage));
    }
}
