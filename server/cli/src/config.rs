//! The configuration: defaults, then a TOML file, then the environment. An unknown key is an error.
//!
//! `MANDATE__SECTION__KEY` sets a key, and `MANDATE__SECTION__KEY_FILE` sets it to what a file holds, for secrets.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use database::Location;
use domain::Secret;
use figment::{
    Figment, Profile,
    providers::{Format, Serialized, Toml},
    value::{Dict, Map, Value},
};
use platform::{Smtp, SmtpSecurity, tenants::Quotas};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::Failure;

/// Everything an operator can decide.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub server: Server,
    pub data: Data,
    pub database: Database,
    pub mail: Mail,
    pub egress: Egress,
    pub session: Session,
    pub quota: Quota,
    pub rehearsal: Rehearsal,
    pub log: Log,
}

/// Where the server listens and how it is reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// `address:port`.
    pub listen: String,
    /// Where browsers reach it; decides cookies and links. Empty means `http://` and the listening address.
    pub public_url: String,
    /// Addresses of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
}

/// Where the embedded database and the keys are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    /// The folder; made when it does not exist.
    pub directory: PathBuf,
    /// The file of the keys; empty means `keys/installation.key` in the folder.
    pub key_file: PathBuf,
}

/// PostgreSQL instead of the embedded database: all three logins, or none.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Database {
    pub owner_url: String,
    pub app_url: String,
    pub system_url: String,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.owner_url.is_empty() { "embedded" } else { "PostgreSQL" })
    }
}

/// The mail server; without a host, mail stays in the local mailbox.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mail {
    pub host: String,
    pub port: u16,
    /// `tls`, `starttls` or `none`; the last only towards this machine.
    pub security: String,
    pub user: String,
    pub password: String,
    pub from: String,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{} as {}", self.host, self.port, self.from)
    }
}

/// What of the private network runs may reach.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Egress {
    /// Exact `host:port` pairs.
    pub allow: Vec<String>,
}

/// When sessions end.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    pub idle_minutes: u64,
    pub absolute_hours: u64,
}

/// What a tenant may take at most; it can set less for itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quota {
    /// Active members; service accounts are none.
    pub members: i64,
    /// Runs that have not ended.
    pub open_runs: i64,
    /// Runs that begin within 24 hours.
    pub runs_a_day: i64,
    /// MiB of saved workflows and of the inputs of runs.
    pub stored_mib: i64,
}

/// The ports of the look-alike services, on loopback.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rehearsal {
    pub invoice_book_port: u16,
    pub payment_desk_port: u16,
    pub tracker_port: u16,
    pub model_port: u16,
}

/// What the log says, and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    /// `json` or `text`; `auto` is text on a terminal.
    pub format: String,
    /// A filter such as `info` or `info,engine=debug`.
    pub level: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: Server { listen: "127.0.0.1:8080".to_owned(), public_url: String::new(), trusted_proxies: Vec::new() },
            data: Data { directory: PathBuf::from("./data"), key_file: PathBuf::new() },
            database: Database { owner_url: String::new(), app_url: String::new(), system_url: String::new() },
            mail: Mail {
                host: String::new(),
                port: 587,
                security: "starttls".to_owned(),
                user: String::new(),
                password: String::new(),
                from: String::new(),
            },
            egress: Egress { allow: Vec::new() },
            session: Session { idle_minutes: 60, absolute_hours: 12 },
            quota: Quota {
                members: Quotas::default().members,
                open_runs: Quotas::default().open_runs,
                runs_a_day: Quotas::default().runs_a_day,
                stored_mib: Quotas::default().stored_bytes >> 20,
            },
            rehearsal: Rehearsal { invoice_book_port: 8091, payment_desk_port: 8092, tracker_port: 8094, model_port: 8093 },
            log: Log { format: "auto".to_owned(), level: "info,actix_server=warn".to_owned() },
        }
    }
}

const PREFIX: &str = "MANDATE__";

/// What the environment says, key by key. Where a text is wanted, a value is taken as it is written, whatever it looks like.
struct Environment(Dict);

impl figment::Provider for Environment {
    fn metadata(&self) -> figment::Metadata {
        figment::Metadata::named("a variable that begins with MANDATE__")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.0.clone()))
    }
}

impl Environment {
    fn read() -> Result<Self, Failure> {
        let defaults = Value::serialize(Config::default()).map_err(Failure::new)?;
        let mut dict = Dict::new();
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
            let is_text = matches!(defaults.find_ref(&format!("{section}.{key}")), Some(Value::String(..)));
            let value = if is_text { Value::from(text) } else { text.parse().unwrap_or_else(|_| Value::from(text)) };
            let entry = dict.entry(section.to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if let Value::Dict(_, section) = entry {
                section.insert(key.to_owned(), value);
            }
        }
        Ok(Self(dict))
    }
}

/// What a file holds, without the end of its last line.
fn text_of(name: &str, path: &str) -> Result<String, Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::new(format!("The file {path}, which {name} names, cannot be read: {error}.")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads the configuration.
pub(crate) fn read(file: Option<&Path>) -> Result<Config, Failure> {
    let path = file.map_or_else(|| PathBuf::from("mandate.toml"), Path::to_owned);
    if file.is_some() && !path.is_file() {
        return Err(Failure::new(format!("There is no configuration file at {}.", path.display())));
    }
    let defaults = Figment::from(Serialized::defaults(Config::default()));
    let from_file = if path.is_file() { defaults.merge(Toml::file_exact(path)) } else { defaults };
    let read = from_file.merge(Environment::read()?).extract();
    read.map_err(|error| Failure::new(format!("The configuration cannot be used: {}.", in_one_line(&error.to_string()))))
}

/// What a parser says, without its picture of the line: where it is stands in the words before.
fn in_one_line(error: &str) -> String {
    let is_picture = |line: &str| line.split_once('|').is_some_and(|(before, _)| before.trim().chars().all(|sign| sign.is_ascii_digit()));
    error.lines().filter(|line| !is_picture(line)).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

impl Config {
    /// Where the database is.
    pub fn location(&self) -> Result<Location, Failure> {
        let Database { owner_url, app_url, system_url } = &self.database;
        match [owner_url, app_url, system_url].map(String::is_empty) {
            [true, true, true] => Ok(Location::Sqlite { path: self.database_file() }),
            [false, false, false] => {
                Ok(Location::Postgres { owner_url: owner_url.clone(), app_url: app_url.clone(), system_url: system_url.clone() })
            }
            _ => Err(Failure::new(
                "PostgreSQL needs three logins: set database.owner_url, database.app_url and database.system_url, or none of them.",
            )),
        }
    }

    /// The file of the embedded database.
    pub fn database_file(&self) -> PathBuf {
        self.data.directory.join("mandate.db")
    }

    /// The file of the keys.
    pub fn key_file(&self) -> PathBuf {
        if self.data.key_file.as_os_str().is_empty() {
            self.data.directory.join("keys/installation.key")
        } else {
            self.data.key_file.clone()
        }
    }

    /// Where browsers reach it, without a slash at the end.
    pub fn public_url(&self) -> Result<String, Failure> {
        let text =
            if self.server.public_url.is_empty() { format!("http://{}", self.server.listen) } else { self.server.public_url.clone() };
        let wrong = |why: &str| Failure::new(format!("server.public_url is {text}, and {why}."));
        let url = Url::parse(&text).map_err(|_| wrong("that is not an address"))?;
        let local = match url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => return Err(wrong("it names no host")),
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && local) {
            return Err(wrong("plain http is only for this machine itself: put a proxy with https in front and name its address"));
        }
        if url.path() != "/" || url.query().is_some() {
            return Err(wrong("it must have no path"));
        }
        Ok(text.trim_end_matches('/').to_owned())
    }

    /// How mail leaves.
    pub fn smtp(&self) -> Result<Option<Smtp>, Failure> {
        let mail = &self.mail;
        if mail.host.is_empty() {
            return Ok(None);
        }
        let security = match mail.security.as_str() {
            "tls" => SmtpSecurity::Tls,
            "starttls" => SmtpSecurity::StartTls,
            "none" => SmtpSecurity::None,
            other => return Err(Failure::new(format!("mail.security is `{other}`; it can be tls, starttls or none."))),
        };
        let login = (!mail.user.is_empty()).then(|| (mail.user.clone(), Secret::new(mail.password.clone())));
        let smtp = Smtp { host: mail.host.clone(), port: mail.port, security, login, from: mail.from.clone() };
        smtp.check().map_err(Failure::new)?;
        Ok(Some(smtp))
    }

    /// What a tenant may take at most.
    pub fn quotas(&self) -> Result<Quotas, Failure> {
        let Quota { members, open_runs, runs_a_day, stored_mib } = self.quota;
        for (key, value, least) in
            [("members", members, 1), ("open_runs", open_runs, 0), ("runs_a_day", runs_a_day, 0), ("stored_mib", stored_mib, 0)]
        {
            if value < least {
                return Err(Failure::new(format!("quota.{key} is {value}; the least that can be set is {least}.")));
            }
        }
        Ok(Quotas { members, open_runs, runs_a_day, stored_bytes: stored_mib.saturating_mul(1 << 20) })
    }

    /// When sessions end: idle, and at the latest.
    pub fn session_limits(&self) -> (Duration, Duration) {
        (
            Duration::from_secs(self.session.idle_minutes.saturating_mul(60)),
            Duration::from_secs(self.session.absolute_hours.saturating_mul(3_600)),
        )
    }
}
