//! `mandate profile`: which servers and keys there are. No key is ever shown.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Common, ProfileName, Shape,
    profiles::{Profile, Profiles},
};
use crate::{
    failure::{Exit, Failure},
    terminal::{
        self, Tone,
        table::{Cell, table},
    },
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the profiles.
    #[command(after_help = "Examples:\n  mandate profile list\n  mandate profile list --json")]
    List(Shape),
    /// Make a profile the current one.
    #[command(after_help = "Examples:\n  mandate profile use acme")]
    Use(Named),
    /// Show a profile; the current one when none is named.
    #[command(after_help = "Examples:\n  mandate profile show\n  mandate profile show acme --json")]
    Show(Chosen),
    /// Remove a profile and its key.
    #[command(after_help = "Examples:\n  mandate profile remove acme")]
    Remove(Named),
}

/// One profile.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The name of the profile.
    name: ProfileName,
    #[command(flatten)]
    shape: Shape,
}

/// One profile, or the current one.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// The name of the profile.
    name: Option<ProfileName>,
    #[command(flatten)]
    shape: Shape,
}

fn document(name: &ProfileName, profile: &Profile, is_current: bool) -> Value {
    json!({
        "name": name.to_string(), "is_current": is_current, "url": profile.url, "tenant": profile.tenant, "member": profile.member,
        "key_name": profile.key_name, "expires_at": profile.expires_at, "has_key": profile.key.is_some(),
    })
}

pub(super) fn command(command: Command, common: &Common) -> Result<(), Failure> {
    let profiles = Profiles::at_home()?;
    let said = |shape: Shape, words: String, document: Value| {
        if shape.json {
            return terminal::json(&document);
        }
        if !common.quiet {
            terminal::tell(&words);
        }
        Ok(())
    };
    match command {
        Command::List(shape) => list(&profiles, shape, common.quiet),
        Command::Use(Named { name, shape }) => {
            let profile = profiles.read(&name)?;
            profiles.make_current(&name)?;
            let words = format!(
                "From now on `{name}`: {} in {} at {}.",
                terminal::line(&profile.member),
                terminal::line(&profile.tenant),
                terminal::line(&profile.url)
            );
            said(shape, words, document(&name, &profile, true))
        }
        Command::Show(Chosen { name, shape }) => {
            let current = profiles.current()?;
            let name = name.or_else(|| common.profile.clone()).or_else(|| current.clone());
            let name =
                name.ok_or_else(|| Failure::of(Exit::NotFound, "There is no current profile.").hint("`mandate login` makes one."))?;
            show(&name, &profiles.read(&name)?, current.as_ref() == Some(&name), shape)
        }
        Command::Remove(Named { name, shape }) => {
            profiles.remove(&name)?;
            said(shape, format!("The profile `{name}` is removed, and its key here with it."), json!({"removed": name.to_string()}))
        }
    }
}

fn list(profiles: &Profiles, shape: Shape, is_quiet: bool) -> Result<(), Failure> {
    let current = profiles.current()?;
    let mut all = Vec::new();
    for name in profiles.names()? {
        let profile = profiles.read(&name)?;
        all.push((name, profile));
    }
    let is_current = |name: &ProfileName| current.as_ref() == Some(name);
    if shape.json {
        let items: Vec<Value> = all.iter().map(|(name, profile)| document(name, profile, is_current(name))).collect();
        return terminal::json(&json!({"items": items}));
    }
    if all.is_empty() && !is_quiet {
        terminal::tell("There are no profiles: `mandate login` makes one.");
    }
    let row = |(name, profile): &(ProfileName, Profile)| {
        let until = if profile.key.is_some() { Cell::from(&profile.expires_at) } else { Cell::of(Tone::Waits, "no key") };
        [
            Cell::from(if is_current(name) { "*" } else { "" }),
            Cell::of(Tone::Strong, &name.to_string()),
            Cell::from(&profile.tenant),
            Cell::from(&profile.member),
            Cell::from(&profile.url),
            until,
        ]
    };
    terminal::print(&table(["", "name", "tenant", "member", "server", "key until"], all.iter().map(row).collect()))
}

fn show(name: &ProfileName, profile: &Profile, is_current: bool, shape: Shape) -> Result<(), Failure> {
    if shape.json {
        return terminal::json(&document(name, profile, is_current));
    }
    let key =
        if profile.key.is_some() { format!("`{}` until {}", profile.key_name, profile.expires_at) } else { "none any more".to_owned() };
    terminal::print(&terminal::facts(&[
        ("Profile", format!("{name}{}", if is_current { " (current)" } else { "" })),
        ("Server", terminal::line(&profile.url)),
        ("Tenant", terminal::line(&profile.tenant)),
        ("Member", terminal::line(&profile.member)),
        ("Key", terminal::line(&key)),
    ]))
}
