//! `mandate login` and `mandate logout`: a server and a key, asked for, tried, and kept as a profile.

use std::{io::Read, path::PathBuf};

use clap::Args;
use serde_json::json;
use web::api::identity::WhoamiJson;

use super::{
    Common, ProfileName, Shape,
    http::Client,
    profiles::{Profile, Profiles},
    server::{self, Server},
};
use crate::{
    failure::{Exit, Failure},
    terminal::{self, prompt},
};

/// The most that is read from standard input for a key, in bytes.
const LONGEST_KEY: u64 = 8 * 1024;

/// Keep a server and a key as a profile.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mandate login https://mandate.example                     asks for the key, which nobody sees
  mandate login https://mandate.example --key-file key.txt  takes it from a file
  pass show mandate | mandate login https://mandate.example --profile ci --key-stdin

A key is made on a page, under Account, API keys. It is never taken from the command line, where others could read it.")]
pub(crate) struct Login {
    /// The address of the server; asked for when left out.
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// Read the key from standard input.
    #[arg(long, conflicts_with = "key_file")]
    key_stdin: bool,
    /// Read the key from a file.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    shape: Shape,
}

/// Forget the key of a profile.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mandate logout
  mandate logout --profile ci

The key itself goes on working elsewhere: it is revoked on a page, under Account, API keys.")]
pub(crate) struct Logout {
    #[command(flatten)]
    shape: Shape,
}

fn address_asked(login: &Login, known: Option<&Profile>) -> Result<String, Failure> {
    if let Some(url) = login.url.clone().map_or_else(server::address_of_environment, |url| Ok(Some(url)))? {
        return Ok(url);
    }
    let usual = known.map(|profile| profile.url.clone());
    if !prompt::is_interactive() || login.key_stdin {
        return usual.ok_or_else(|| Failure::of(Exit::Usage, "Say which server: `mandate login https://…`."));
    }
    let question = usual
        .as_ref()
        .map_or_else(|| "Address of the server: ".to_owned(), |url| format!("Address of the server [{}]: ", terminal::line(url)));
    let answer = prompt::visible(&question)?;
    if answer.is_empty() { usual.ok_or_else(|| Failure::of(Exit::Usage, "No address was given.")) } else { Ok(answer) }
}

fn key_asked(login: &Login) -> Result<String, Failure> {
    if let Some(file) = &login.key_file {
        return server::key_in(file);
    }
    if login.key_stdin {
        let mut text = String::new();
        let read = std::io::stdin().lock().take(LONGEST_KEY).read_to_string(&mut text);
        read.map_err(|error| Failure::new(format!("Standard input cannot be read: {error}.")))?;
        return Ok(text.trim().to_owned());
    }
    if !prompt::is_interactive() {
        return Err(Failure::of(Exit::Usage, "There is no terminal to ask for the key on: use --key-stdin or --key-file."));
    }
    Ok(prompt::hidden("API key (it is not shown): ")?.expose().to_owned())
}

pub(super) async fn login(login: Login, common: &Common) -> Result<(), Failure> {
    let profiles = Profiles::at_home()?;
    let name = match &common.profile {
        Some(name) => name.clone(),
        None => profiles.current()?.unwrap_or_else(ProfileName::usual),
    };
    let known = profiles.find(&name)?;
    let url = server::address(&address_asked(&login, known.as_ref())?)?;
    let key = server::whole_key(&key_asked(&login)?)?;
    let address = url.origin().ascii_serialization();
    let renewal = format!("Make another key at {address}/account/keys.");
    let client = Client::to(Server { url, key: key.clone(), renewal }, common.quiet)?;
    let answer = client.get(&["whoami"])?.send::<WhoamiJson>().await?;
    let who = answer.value;
    let profile = Profile {
        url: address,
        tenant: who.tenant.slug,
        member: who.member.email,
        key_name: who.key.name,
        expires_at: super::moment(who.key.expires_at),
        key: Some(key.expose().to_owned()),
    };
    profiles.write(&name, &profile)?;
    let is_first = profiles.current()?.is_none();
    if is_first {
        profiles.make_current(&name)?;
    }
    if login.shape.json {
        return terminal::json(&json!({"profile": name.to_string(), "url": profile.url, "whoami": answer.raw}));
    }
    terminal::print_line(&format!(
        "{} in {} at {}, with the key `{}` until {}.",
        terminal::line(&profile.member),
        terminal::line(&profile.tenant),
        profile.url,
        terminal::line(&profile.key_name),
        profile.expires_at
    ))?;
    let is_current = is_first || profiles.current()?.as_ref() == Some(&name);
    client.tell(&if is_current {
        format!("Kept as the profile `{name}`, which holds from now on.")
    } else {
        format!("Kept as the profile `{name}`: use it with --profile {name}, or for good with `mandate profile use {name}`.")
    });
    Ok(())
}

pub(super) fn logout(logout: &Logout, common: &Common) -> Result<(), Failure> {
    let profiles = Profiles::at_home()?;
    let name = match &common.profile {
        Some(name) => name.clone(),
        None => profiles.current()?.ok_or_else(|| Failure::of(Exit::Usage, "There is no current profile: say which with --profile."))?,
    };
    let profile = profiles.read(&name)?;
    let had_key = profile.key.is_some();
    profiles.write(&name, &Profile { key: None, ..profile.clone() })?;
    if logout.shape.json {
        return terminal::json(&json!({"profile": name.to_string(), "url": profile.url, "had_key": had_key}));
    }
    if !common.quiet {
        terminal::tell(&if had_key {
            format!(
                "The key of `{name}` is forgotten here. It goes on working elsewhere: revoke it at {}/account/keys.",
                terminal::line(&profile.url)
            )
        } else {
            format!("The profile `{name}` had no key.")
        });
    }
    Ok(())
}
