//! The configuration: every key with what it means, what holds without it, and what cannot be meant.
//!
//! Where values come from is in `sources.rs`. A new key is a field here, its default below, a line in `deploy/mandate.toml`, and
//! an entry in `sources::SECRETS` when it must not be shown.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use database::Location;
use domain::Secret;
use platform::{Smtp, SmtpSecurity, tenants::Quotas};
use serde::{Deserialize, Serialize};
use url::Url;
use web::{AddressRange, Rate, RequestLimits};

use crate::Failure;

/// Signs of a token that nobody guesses: 128 bits as hexadecimal digits.
const LEAST_TOKEN: usize = 32;
/// Seconds after which a supervisor has lost its patience long ago.
const LONGEST_STOP: u64 = 600;

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
    pub limits: Limits,
    pub metrics: Metrics,
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
    /// The longest it may take to come to rest when it is told to stop.
    pub stop_seconds: u64,
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

/// How often one client may ask: in the long run, and at once after a time without requests. Each process counts for itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// From one address; many people may share one.
    pub address_per_minute: u32,
    pub address_burst: u32,
    /// With one key of the API.
    pub key_per_minute: u32,
    pub key_burst: u32,
}

/// Who may read `/metrics`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metrics {
    /// What is shown as a bearer token. Empty means nobody but this machine, and nobody at all behind a proxy.
    pub token: String,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.token.is_empty() { "on this machine" } else { "by token" })
    }
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
            server: Server {
                listen: "127.0.0.1:8080".to_owned(),
                public_url: String::new(),
                trusted_proxies: Vec::new(),
                stop_seconds: 30,
            },
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
            limits: Limits { address_per_minute: 1_200, address_burst: 400, key_per_minute: 600, key_burst: 200 },
            metrics: Metrics { token: String::new() },
            rehearsal: Rehearsal { invoice_book_port: 8091, payment_desk_port: 8092, tracker_port: 8094, model_port: 8093 },
            log: Log { format: "auto".to_owned(), level: "info,actix_server=warn".to_owned() },
        }
    }
}

/// Whether an address leads to this machine itself.
pub(crate) fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The address of a server, or what is wrong with it.
pub(crate) fn site_address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "that is not an address")?;
    if url.host().is_none() {
        return Err("it names no host");
    }
    if url.scheme() != "https" && !(url.scheme() == "http" && is_this_machine(&url)) {
        return Err("plain http is only for this machine itself: put a proxy with https in front and name its address");
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("it must have no path");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must have no name and no password");
    }
    Ok(url)
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
        site_address(&text).map_err(|why| Failure::new(format!("server.public_url is {text}, and {why}.")))?;
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

    /// How often one client may ask.
    pub fn limits(&self) -> Result<RequestLimits, Failure> {
        let Limits { address_per_minute, address_burst, key_per_minute, key_burst } = self.limits;
        let least_one = |key: &str, value: u32| {
            NonZeroU32::new(value).ok_or_else(|| Failure::new(format!("limits.{key} is 0, and nobody could ask anything; the least is 1.")))
        };
        Ok(RequestLimits {
            address: Rate {
                per_minute: least_one("address_per_minute", address_per_minute)?,
                burst: least_one("address_burst", address_burst)?,
            },
            key: Rate { per_minute: least_one("key_per_minute", key_per_minute)?, burst: least_one("key_burst", key_burst)? },
        })
    }

    /// What opens `/metrics`, if anything is shown for it.
    pub fn metrics_token(&self) -> Result<Option<Secret>, Failure> {
        let token = &self.metrics.token;
        match token.len() {
            0 => Ok(None),
            1..LEAST_TOKEN => Err(Failure::new(format!(
                "metrics.token is shorter than {LEAST_TOKEN} signs and could be guessed: make one with `openssl rand -hex 32`."
            ))),
            _ => Ok(Some(Secret::new(token.clone()))),
        }
    }

    /// The longest it may take to come to rest.
    pub fn stop_within(&self) -> Result<Duration, Failure> {
        match self.server.stop_seconds {
            seconds @ 1..=LONGEST_STOP => Ok(Duration::from_secs(seconds)),
            other => Err(Failure::new(format!("server.stop_seconds is {other}; it can be 1 to {LONGEST_STOP}."))),
        }
    }

    /// The proxies that are believed.
    pub fn trusted_proxies(&self) -> Result<Vec<AddressRange>, Failure> {
        let read = |text: &String| {
            text.parse().map_err(|_| {
                Failure::new(format!("server.trusted_proxies names `{text}`, which is no address and no range such as 10.0.0.0/8."))
            })
        };
        self.server.trusted_proxies.iter().map(read).collect()
    }

    /// When sessions end: idle, and at the latest.
    pub fn session_limits(&self) -> (Duration, Duration) {
        (
            Duration::from_secs(self.session.idle_minutes.saturating_mul(60)),
            Duration::from_secs(self.session.absolute_hours.saturating_mul(3_600)),
        )
    }
}
