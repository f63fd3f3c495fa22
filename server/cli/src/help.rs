//! How our commands are shown: those of this machine and those of a server apart, and each option only where it means
//! something. The commands themselves are in `main.rs` and `client/`; nothing is listed twice.

use std::path::Path;

use clap::{Arg, CommandFactory, Subcommand};

use crate::{
    Arguments, Command,
    client::{self, Common},
    failure::{Exit, Failure},
};

/// The noun with commands of both kinds.
const AUDIT: &str = "audit";
/// What only commands of this machine read.
const OF_THIS_MACHINE: [&str; 1] = ["config"];
/// What only clients read.
const OF_CLIENTS: [&str; 2] = ["profile", "quiet"];

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong command line or input, 3 not found, 4 denied, 5 conflict, 6 not over in time,
7 server not reached, 130 interrupted. The environment: MANDATE_URL with MANDATE_KEY or MANDATE_KEY_FILE, MANDATE_PROFILE,
NO_COLOR; MANDATE__SECTION__KEY for the server.";

/// Every command, as it is parsed and shown.
pub(crate) fn command() -> clap::Command {
    let mut whole = Arguments::command();
    let options: Vec<Arg> = whole.get_arguments().cloned().collect();
    let names: Vec<String> = whole.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in &names {
        let foreign: &[&str] = if is_client(name) { &OF_THIS_MACHINE } else { &OF_CLIENTS };
        for option in options.iter().filter(|option| foreign.contains(&option.get_id().as_str())) {
            whole = whole.mut_subcommand(name, |command| command.arg(option.clone().hide(true)));
        }
    }
    let template = template(&whole);
    whole.help_template(template).after_help(EXIT_CODES)
}

fn is_client(name: &str) -> bool {
    name == AUDIT || client::Command::augment_subcommands(clap::Command::new("")).find_subcommand(name).is_some()
}

/// The first page of help, with the commands in two groups.
fn template(whole: &clap::Command) -> String {
    let width = whole.get_subcommands().map(|command| command.get_name().len()).max().unwrap_or_default();
    let group = |of_clients: bool| -> String {
        let commands = whole.get_subcommands().filter(|command| is_client(command.get_name()) == of_clients);
        let line = |command: &clap::Command| {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            // The first sentence; the rest is in the help of the command.
            let about = about.split_once(". ").map_or(about.as_str(), |(first, _)| first).trim_end_matches('.').to_owned();
            format!("  {:width$}  {about}\n", command.get_name())
        };
        commands.map(line).collect()
    };
    format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\nOn this machine:\n{}\nOn a server, through its API:\n{}\nOptions:\n{{options}}\n\n\
         `mandate COMMAND --help` says more, with examples.{{after-help}}",
        group(false),
        group(true)
    )
}

/// Refuses an option that this command would not look at.
pub(crate) fn refuse_what_means_nothing(command: &Command, config: Option<&Path>, common: &Common) -> Result<(), Failure> {
    let is_client = matches!(command, Command::Client(_) | Command::Audit(_));
    let wrong = match () {
        () if is_client && config.is_some() => "--config is for commands of this machine: which server a client asks is said by --profile.",
        () if !is_client && common.profile.is_some() => "--profile is for clients of a server: this command works on this machine.",
        () if !is_client && common.quiet => "--quiet is for clients of a server: this command says what it has to.",
        () => return Ok(()),
    };
    Err(Failure::of(Exit::Usage, wrong))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_sound_and_says_what_it_is_for() {
        fn look(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} says nothing");
            let mut inner = command.get_subcommands().peekable();
            let has_example = command.get_after_help().is_some_and(|help| help.to_string().contains("Examples:\n"));
            assert!(inner.peek().is_some() || has_example, "{path} has no example");
            inner.for_each(|command| look(command, &path));
        }
        let whole = command();
        whole.get_subcommands().for_each(|command| look(command, "mandate"));
        whole.debug_assert();
    }

    #[test]
    fn the_first_page_shows_every_command_once_in_its_group() {
        let help = command().render_help().to_string();
        let (local, client) = help.split_once("On a server").unwrap();
        for name in ["serve", "migrate", "demo", "doctor", "backup", "restore", "tenant", "config", "completion"] {
            assert!(local.contains(&format!("\n  {name} ")) && !client.contains(&format!("\n  {name} ")), "{name} in {help}");
        }
        for name in ["login", "logout", "profile", "workflow", "run", "approval", "audit"] {
            assert!(client.contains(&format!("\n  {name} ")) && !local.contains(&format!("\n  {name} ")), "{name} in {help}");
        }
    }

    #[test]
    fn an_option_is_shown_where_it_means_something() {
        let mut whole = command();
        whole.build();
        let help = |path: &[&str]| {
            let found = path.iter().try_fold(&whole, |command, name| command.find_subcommand(name));
            found.unwrap().clone().render_help().to_string()
        };
        for (path, shown, hidden) in [(&["serve"][..], "--config", "--profile"), (&["run", "list"], "--profile", "--config")] {
            let help = help(path);
            assert!(help.contains(shown) && !help.contains(hidden), "{help}");
        }
    }
}
