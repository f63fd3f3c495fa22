//! Profiles: a file each, readable by its owner alone, in the folder where the person keeps their configuration.
//!
//! A file is written whole beside its place and then moved there, so that nobody ever reads half of one. Which profile is
//! the current one stands in a file of its own.

use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    str::FromStr,
};

use domain::Secret;
use serde::{Deserialize, Serialize};

use crate::{
    failure::{Exit, Failure},
    keys,
};

const ENDING: &str = ".json";
const LONGEST_NAME: usize = 64;

/// What a profile is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProfileName(String);

impl ProfileName {
    /// The profile of whoever names none.
    pub(super) fn usual() -> Self {
        Self("default".to_owned())
    }
}

impl FromStr for ProfileName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = |sign: u8| sign.is_ascii_lowercase() || sign.is_ascii_digit();
        let is_name = text.len() <= LONGEST_NAME
            && text.bytes().next().is_some_and(bare)
            && text.bytes().all(|sign| bare(sign) || matches!(sign, b'-' | b'_' | b'.'));
        is_name.then(|| Self(text.to_owned())).ok_or("a profile's name has small letters, digits, `-`, `_` and `.`")
    }
}

impl std::fmt::Display for ProfileName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A server, and who one is there.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    /// The address of the server, without a slash at its end.
    pub(super) url: String,
    /// The tenant of the key, by the word in addresses.
    pub(super) tenant: String,
    /// Whose key it is.
    pub(super) member: String,
    /// What the key is called.
    pub(super) key_name: String,
    /// Until when it works.
    pub(super) expires_at: String,
    /// The key; nothing after a logout.
    pub(super) key: Option<String>,
}

/// Where the profiles of this person are.
pub(super) struct Profiles {
    folder: PathBuf,
}

impl Profiles {
    /// By the XDG base directory specification: `$XDG_CONFIG_HOME/mandate`, else `~/.config/mandate`.
    pub(super) fn at_home() -> Result<Self, Failure> {
        let folder = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
        let base = base.ok_or_else(|| {
            Failure::of(Exit::Usage, "There is no folder for profiles: set HOME or XDG_CONFIG_HOME, or use MANDATE_URL and MANDATE_KEY.")
        })?;
        Ok(Self { folder: base.join("mandate") })
    }

    fn file(&self, name: &ProfileName) -> PathBuf {
        self.folder.join("profiles").join(format!("{name}{ENDING}"))
    }

    /// The names of all profiles, in order.
    pub(super) fn names(&self) -> Result<Vec<ProfileName>, Failure> {
        let folder = self.folder.join("profiles");
        let wrong = |error: std::io::Error| Failure::new(format!("The folder {} cannot be read: {error}.", folder.display()));
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(wrong(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(wrong)?.file_name();
            names.extend(file.to_str().and_then(|file| file.strip_suffix(ENDING)).and_then(|name| name.parse().ok()));
        }
        names.sort();
        Ok(names)
    }

    /// A profile that has to be there.
    pub(super) fn read(&self, name: &ProfileName) -> Result<Profile, Failure> {
        self.find(name)?.ok_or_else(|| self.unknown(name))
    }

    /// A profile, if it is there.
    pub(super) fn find(&self, name: &ProfileName) -> Result<Option<Profile>, Failure> {
        let path = self.file(name);
        if !path.exists() {
            return Ok(None);
        }
        let text = keys::read_private("profile", &path)?;
        let profile = serde_json::from_str(text.expose()).map_err(|error| {
            Failure::new(format!("The profile {} cannot be used ({error}): run `mandate login --profile {name}`.", path.display()))
        })?;
        Ok(Some(profile))
    }

    fn unknown(&self, name: &ProfileName) -> Failure {
        let names = self.names().unwrap_or_default();
        let nearest = platform::nearest(&name.0, names.iter().map(|name| name.0.as_str()));
        let failure = Failure::of(Exit::NotFound, format!("There is no profile `{name}`."));
        match nearest {
            Some(near) => failure.hint(format!("Did you mean `{near}`?")),
            None => failure.hint(format!("`mandate login --profile {name}` makes it; `mandate profile list` shows those there are.")),
        }
    }

    /// Writes a profile, in place of one of that name if there is one.
    pub(super) fn write(&self, name: &ProfileName, profile: &Profile) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(profile).map_err(Failure::new)?;
        keys::replace(&self.file(name), &Secret::new(format!("{text}\n")))
    }

    /// Removes a profile that has to be there.
    pub(super) fn remove(&self, name: &ProfileName) -> Result<(), Failure> {
        let path = self.file(name);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(self.unknown(name)),
            Err(error) => return Err(Failure::new(format!("The profile {} cannot be removed: {error}.", path.display()))),
        }
        if self.current()?.as_ref() == Some(name) {
            let file = self.current_file();
            fs::remove_file(&file).map_err(|error| Failure::new(format!("{} cannot be removed: {error}.", file.display())))?;
        }
        Ok(())
    }

    fn current_file(&self) -> PathBuf {
        self.folder.join("current")
    }

    /// The profile that holds when nothing else is said.
    pub(super) fn current(&self) -> Result<Option<ProfileName>, Failure> {
        let path = self.current_file();
        match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().map(Some).map_err(|wrong| unusable(&path, wrong)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unusable(&path, &error.to_string())),
        }
    }

    /// Makes a profile, which is there, the current one.
    pub(super) fn make_current(&self, name: &ProfileName) -> Result<(), Failure> {
        keys::replace(&self.current_file(), &Secret::new(format!("{name}\n")))
    }
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::new(format!("{} does not name a profile ({why}): run `mandate profile use NAME`.", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_file_of_its_own_and_leads_nowhere_else() {
        for name in ["default", "acme-prod", "a.b_c", "1"] {
            assert!(name.parse::<ProfileName>().is_ok(), "{name}");
        }
        for wrong in ["", ".", "..", "../x", "a/b", "-x", "Acme", "a b", "a\n", &"x".repeat(65)] {
            assert!(wrong.parse::<ProfileName>().is_err(), "{wrong}");
        }
    }
}
