//! Where the configuration comes from: defaults, then a TOML file, then the environment. An unknown key is an error.
//!
//! `MANDATE__SECTION__KEY` sets a key, and `MANDATE__SECTION__KEY_FILE` sets it to what a file holds, for secrets.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use figment::{
    Figment, Profile,
    providers::{Format, Serialized, Toml},
    value::{Dict, Map, Value},
};
use serde::Serialize;
use url::Url;

use crate::{Failure, config::Config};

/// Keys whose values are never shown.
const SECRETS: [&str; 2] = ["mail.password", "metrics.token"];
/// Keys whose values are addresses that may hold a password.
const ADDRESSES: [&str; 3] = ["database.owner_url", "database.app_url", "database.system_url"];
const HIDDEN: &str = "••••";

const PREFIX: &str = "MANDATE__";

/// What the environment says, key by key. Where a text is wanted, a value is taken as it is written, whatever it looks like.
struct Environment {
    values: Dict,
    /// The variable that set a key, by `section.key`.
    names: BTreeMap<String, String>,
}

impl figment::Provider for Environment {
    fn metadata(&self) -> figment::Metadata {
        figment::Metadata::named("a variable that begins with MANDATE__")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

impl Environment {
    fn read() -> Result<Self, Failure> {
        let defaults = Value::serialize(Config::default()).map_err(Failure::new)?;
        let (mut values, mut names) = (Dict::new(), BTreeMap::new());
        for (name, given) in std::env::vars().filter(|(name, _)| name.starts_with(PREFIX)) {
            let path = name.trim_start_matches(PREFIX).to_ascii_lowercase();
            let Some((section, key)) = path.split_once("__") else {
                return Err(Failure::new(format!("The variable {name} names no key: write {PREFIX}SECTION__KEY.")));
            };
            // `data.key_file` is a key that ends like this by itself.
            let from_file = key.strip_suffix("_file").filter(|_| defaults.find_ref(&format!("{section}.{key}")).is_none());
            let (key, text) = match from_file {
                Some(key) => (key, text_of(&name, &given)?),
                None => (key, given),
            };
            names.insert(format!("{section}.{key}"), name.clone());
            let is_text = matches!(defaults.find_ref(&format!("{section}.{key}")), Some(Value::String(..)));
            let value = if is_text { Value::from(text) } else { text.parse().unwrap_or_else(|_| Value::from(text)) };
            let entry = values.entry(section.to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, section) = entry {
                section.insert(key.to_owned(), value);
            }
        }
        Ok(Self { values, names })
    }
}

/// What a file holds, without the end of its last line.
fn text_of(name: &str, path: &str) -> Result<String, Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::new(format!("The file {path}, which {name} names, cannot be read: {error}.")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// What was read, and where each value comes from.
pub(crate) struct Sources {
    pub(crate) config: Config,
    /// What the file says, if there is one.
    file: Option<(PathBuf, Figment)>,
    names: BTreeMap<String, String>,
}

/// One key as it is shown.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    pub(crate) key: String,
    pub(crate) value: serde_json::Value,
    /// `default`, the file, or the variable.
    pub(crate) source: String,
}

/// Reads the configuration.
pub(crate) fn read(file: Option<&Path>) -> Result<Config, Failure> {
    Sources::read(file).map(|sources| sources.config)
}

impl Sources {
    /// Reads the configuration and remembers where its values come from.
    pub(crate) fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let path = file.map_or_else(|| PathBuf::from("mandate.toml"), Path::to_owned);
        if file.is_some() && !path.is_file() {
            return Err(Failure::new(format!("There is no configuration file at {}.", path.display())));
        }
        let environment = Environment::read()?;
        let names = environment.names.clone();
        let file = path.is_file().then(|| (path.clone(), Figment::from(Toml::file_exact(path))));
        let defaults = Figment::from(Serialized::defaults(Config::default()));
        let with_file = match &file {
            Some((_, figment)) => defaults.merge(figment),
            None => defaults,
        };
        let read = with_file.merge(environment).extract();
        let config =
            read.map_err(|error| Failure::new(format!("The configuration cannot be used: {}.", in_one_line(&error.to_string()))))?;
        Ok(Self { config, file, names })
    }

    /// Every key with its value and its source. What opens something is not shown.
    pub(crate) fn shown(&self) -> Result<Vec<Shown>, Failure> {
        let serde_json::Value::Object(sections) = serde_json::to_value(&self.config).map_err(Failure::new)? else {
            return Err(Failure::new("The configuration is not made of sections."));
        };
        let mut all = Vec::new();
        for (section, keys) in sections {
            let serde_json::Value::Object(keys) = keys else { continue };
            for (key, value) in keys {
                let key = format!("{section}.{key}");
                all.push(Shown { source: self.source(&key), value: shown(&key, value), key });
            }
        }
        Ok(all)
    }

    fn source(&self, key: &str) -> String {
        if let Some(variable) = self.names.get(key) {
            return variable.clone();
        }
        match &self.file {
            Some((path, figment)) if figment.find_value(key).is_ok() => path.display().to_string(),
            _ => "default".to_owned(),
        }
    }
}

fn shown(key: &str, value: serde_json::Value) -> serde_json::Value {
    let text = match &value {
        serde_json::Value::String(text) if !text.is_empty() => text,
        _ => return value,
    };
    if SECRETS.contains(&key) {
        return HIDDEN.into();
    }
    if !ADDRESSES.contains(&key) {
        return value;
    }
    // Whatever cannot be taken apart may hold anything; and a password may stand in the query too.
    let Ok(mut address) = Url::parse(text) else { return HIDDEN.into() };
    address.set_query(None);
    if address.password().is_some() && address.set_password(Some("hidden")).is_err() {
        return HIDDEN.into();
    }
    address.as_str().replace(":hidden@", &format!(":{HIDDEN}@")).into()
}

/// What a parser says, without its picture of the line: where it is stands in the words before.
fn in_one_line(error: &str) -> String {
    let is_picture = |line: &str| line.split_once('|').is_some_and(|(before, _)| before.trim().chars().all(|sign| sign.is_ascii_digit()));
    error.lines().filter(|line| !is_picture(line)).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_something_is_not_shown() {
        for (key, value, seen) in [
            ("mail.password", "hunter2", HIDDEN),
            ("mail.password", "", ""),
            ("metrics.token", "0123456789abcdef", HIDDEN),
            ("mail.user", "mandate", "mandate"),
            ("database.app_url", "postgres://app:s3cret@db:5432/mandate?password=s3cret", "postgres://app:••••@db:5432/mandate"),
            ("database.app_url", "postgres://app@db/mandate", "postgres://app@db/mandate"),
            ("database.app_url", "host=db password=s3cret", HIDDEN),
        ] {
            assert_eq!(shown(key, value.into()), serde_json::Value::from(seen), "{key} {value}");
        }
    }

    #[test]
    fn every_key_whose_name_sounds_like_a_secret_is_hidden() {
        let serde_json::Value::Object(sections) = serde_json::to_value(Config::default()).unwrap() else { panic!("sections") };
        for (section, keys) in sections {
            for key in keys.as_object().unwrap().keys() {
                let name = format!("{section}.{key}");
                let sounds = ["password", "token", "secret"].iter().any(|word| key.contains(word))
                    || (section == "database" && key.ends_with("_url"));
                assert_eq!(sounds, SECRETS.contains(&name.as_str()) || ADDRESSES.contains(&name.as_str()), "{name}");
            }
        }
    }

    #[test]
    fn the_example_says_of_every_key_what_holds_without_it() {
        let example: String = crate::EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(setting)
                    if setting
                        .split_once(" = ")
                        .is_some_and(|(key, _)| key.chars().all(|sign| sign.is_ascii_lowercase() || sign == '_')) =>
                {
                    setting
                }
                _ => line,
            })
            .collect::<Vec<_>>()
            .join("\n");
        let read: Config = Figment::from(Toml::string(&example)).extract().expect("every key of every section, and no other");
        assert_eq!(serde_json::to_value(read).unwrap(), serde_json::to_value(Config::default()).unwrap());
        let plain: Config = Figment::from(Serialized::defaults(Config::default())).merge(Toml::string(crate::EXAMPLE)).extract().unwrap();
        assert_eq!(
            serde_json::to_value(plain).unwrap(),
            serde_json::to_value(Config::default()).unwrap(),
            "as it stands it changes nothing"
        );
    }
}
