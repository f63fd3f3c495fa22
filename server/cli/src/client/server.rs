//! Which server is asked, and with which key: what the command line says, else the environment, else the current profile.
//!
//! An address and a key always come from the same place, so that no key is ever shown to a server it is not for.

use std::{env, fs, path::Path};

use domain::Secret;
use url::Url;
use vault::ApiKey;

use super::{Common, profiles::Profiles};
use crate::{
    config,
    failure::{Exit, Failure},
};

const URL: &str = "MANDATE_URL";
const KEY: &str = "MANDATE_KEY";
const KEY_FILE: &str = "MANDATE_KEY_FILE";
const PROFILE: &str = "MANDATE_PROFILE";

/// A server and the key to show it.
pub(super) struct Server {
    pub(super) url: Url,
    pub(super) key: Secret,
    /// What to type to get another key.
    pub(super) renewal: String,
}

/// A variable; one that is empty is as one that is not set.
fn variable(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure::of(Exit::Usage, format!("{name} is no text."))),
    }
}

/// The address that the environment names, for whoever logs in.
pub(super) fn address_of_environment() -> Result<Option<String>, Failure> {
    variable(URL)
}

/// An address of a server: https, or plain http to this machine itself.
pub(super) fn address(text: &str) -> Result<Url, Failure> {
    config::site_address(text)
        .map_err(|why| Failure::of(Exit::Usage, format!("{} is no address of a server: {why}.", crate::terminal::line(text))))
}

/// A key as its owner was shown it.
pub(super) fn whole_key(text: &str) -> Result<Secret, Failure> {
    match ApiKey::parse(text) {
        Some(key) => Ok(key.text()),
        None if text.is_empty() => Err(Failure::of(Exit::Usage, "There is no key: nothing was given.")),
        None if ApiKey::is_like(text) => {
            Err(Failure::of(Exit::Usage, "This is not a whole API key: a sign is missing or mistyped. Copy it again."))
        }
        None => Err(Failure::of(Exit::Usage, "This is no API key: one begins with mdk_. They are made under Account, API keys.")),
    }
}

/// What a file holds, without the line end.
pub(super) fn key_in(path: &Path) -> Result<String, Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::new(format!("The key file {} cannot be read: {error}.", path.display())))?;
    Ok(text.trim().to_owned())
}

/// A key, or an access token that one was exchanged for.
fn shown(text: &str, name: &str) -> Result<Secret, Failure> {
    if ApiKey::is_like(text) {
        return whole_key(text).map_err(|failure| Failure { sentence: format!("{name}: {}", failure.sentence), ..failure });
    }
    if text.is_empty() || !text.bytes().all(|sign| sign.is_ascii_graphic()) {
        return Err(Failure::of(Exit::Usage, format!("{name} holds neither an API key nor an access token.")));
    }
    Ok(Secret::new(text))
}

impl Server {
    /// The one that holds for this command.
    pub(super) fn chosen(common: &Common) -> Result<Self, Failure> {
        let (url, key, key_file, profile) = (variable(URL)?, variable(KEY)?, variable(KEY_FILE)?, variable(PROFILE)?);
        if let Some(name) = &common.profile {
            return Self::of_profile(name);
        }
        match (url, key, key_file, profile) {
            (None, None, None, None) => match Profiles::at_home()?.current()? {
                Some(name) => Self::of_profile(&name),
                None => Err(Failure::of(Exit::Denied, "No server is known here.")
                    .hint("Run `mandate login`, or set MANDATE_URL and MANDATE_KEY (or MANDATE_KEY_FILE).")),
            },
            (None, None, None, Some(name)) => {
                Self::of_profile(&name.parse().map_err(|wrong| Failure::of(Exit::Usage, format!("{PROFILE}: {wrong}.")))?)
            }
            (Some(url), Some(key), None, None) => Self::of_environment(&url, &key, KEY),
            (Some(url), None, Some(file), None) => Self::of_environment(&url, &key_in(Path::new(&file))?, KEY_FILE),
            (_, _, _, Some(_)) => Err(Failure::of(
                Exit::Usage,
                format!("{PROFILE} names one server and {URL}, {KEY} or {KEY_FILE} another: unset one of them."),
            )),
            (_, Some(_), Some(_), None) => Err(Failure::of(Exit::Usage, format!("Both {KEY} and {KEY_FILE} are set: unset one of them."))),
            (Some(_), None, None, None) => {
                Err(Failure::of(Exit::Usage, format!("{URL} is set without a key: set {KEY} or {KEY_FILE} too, or neither.")))
            }
            (None, _, _, None) => Err(Failure::of(Exit::Usage, format!("A key is set without its server: set {URL} too."))),
        }
    }

    fn of_environment(url: &str, key: &str, name: &str) -> Result<Self, Failure> {
        Ok(Self { url: address(url)?, key: shown(key.trim(), name)?, renewal: format!("Put another key into {name}.") })
    }

    fn of_profile(name: &super::ProfileName) -> Result<Self, Failure> {
        let profile = Profiles::at_home()?.read(name)?;
        let again = format!("Run `mandate login --profile {name}` with a key.");
        let key =
            profile.key.ok_or_else(|| Failure::of(Exit::Denied, format!("The profile `{name}` has no key any more.")).hint(&again))?;
        Ok(Self { url: address(&profile.url)?, key: shown(&key, &format!("The profile `{name}`"))?, renewal: again })
    }
}
