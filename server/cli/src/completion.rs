//! `mandate completion`: what shells need to complete our command lines.

use clap_complete::Shell;

use crate::{failure::Failure, terminal};

/// A shell that completes command lines.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Kind {
    Bash,
    Zsh,
    Fish,
}

/// Writes the script of a shell.
pub(crate) fn completion(kind: Kind, mut command: clap::Command) -> Result<(), Failure> {
    let shell = match kind {
        Kind::Bash => Shell::Bash,
        Kind::Zsh => Shell::Zsh,
        Kind::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "mandate", &mut script);
    terminal::print_bytes(&script)
}
