//! `mandate serve`: everything wired together, from the configuration to the listening socket.

use std::{net::TcpListener, sync::Arc};

use database::{Database, Location, Settings as DatabaseSettings};
use domain::{
    Clock, Entropy, Secret,
    call::EgressRules,
    machine::{OsEntropy, SystemClock},
};
use engine::{Driver, Embedded, EmbeddedSettings};
use platform::{Platform, RehearsalAddresses, Settings, execution::Execution};
use rehearsal::Rehearsal;
use tokio::{signal::unix, sync::watch};
use tools::Egress;
use url::Url;
use vault::Keyring;

use crate::{
    config::Config,
    failure::{Exit, Failure},
    keys, logging, terminal,
};

/// Brings the database up to date and ends.
pub(crate) async fn migrate(config: Config) -> Result<(), Failure> {
    logging::start(&config.log)?;
    let location = config.location()?;
    if matches!(location, Location::Sqlite { .. }) {
        keys::make_private_folder(&config.data.directory)?;
    }
    let database = open(location).await?;
    database.close().await;
    terminal::print_line("The database is up to date.")
}

async fn open(location: Location) -> Result<Database, Failure> {
    let settings = DatabaseSettings::new(Arc::new(SystemClock), Arc::new(OsEntropy));
    Database::open(location, settings).await.map_err(Failure::new)
}

/// The keys and the database. Keys are made only where nothing was ever kept under any: beside a file that does not exist
/// yet, or for a PostgreSQL database without a tenant.
async fn open_with_keys(config: &Config, location: Location, entropy: &dyn Entropy) -> Result<(Arc<Keyring>, Database), Failure> {
    let key_file = config.key_file();
    if let Location::Sqlite { path } = &location {
        keys::make_private_folder(&config.data.directory)?;
        let keyring = keys::read_or_make(&key_file, !path.exists(), entropy)?;
        return Ok((Arc::new(keyring), open(location).await?));
    }
    let database = open(location).await?;
    let unreadable = |error: database::Error| Failure::new(format!("The database cannot be read: {error}."));
    let mut tx = database.system_read().await.map_err(unreadable)?;
    let is_empty = database::tenants::all(&mut tx).await.map_err(unreadable)?.is_empty();
    drop(tx);
    Ok((Arc::new(keys::read_or_make(&key_file, is_empty, entropy)?), database))
}

/// `host:port` of an address, for what must never be reached by a run.
fn endpoint(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let port = url.port_or_known_default().or_else(|| url.scheme().starts_with("postgres").then_some(5432))?;
    Some(format!("{}:{port}", url.host_str()?))
}

/// What outgoing calls may and may never reach: the operator's list and the look-alikes of this process; never this
/// server, its database or its mail server.
pub(crate) fn egress_rules(config: &Config, public_url: &str, rehearsal: Option<&Rehearsal>) -> EgressRules {
    let mut allow = config.egress.allow.clone();
    if let Some(rehearsal) = rehearsal {
        let look_alikes = [rehearsal.invoice_book(), rehearsal.payment_desk(), rehearsal.tracker(), rehearsal.model()];
        allow.extend(look_alikes.map(|address| address.to_string()));
    }
    let mut deny = vec![config.server.listen.clone()];
    deny.extend(endpoint(public_url));
    deny.extend(
        [&config.database.owner_url, &config.database.app_url, &config.database.system_url].into_iter().filter_map(|url| endpoint(url)),
    );
    if !config.mail.host.is_empty() {
        deny.push(format!("{}:{}", config.mail.host, config.mail.port));
    }
    EgressRules { allow, deny }
}

pub(crate) async fn start_rehearsal(config: &Config) -> Result<Rehearsal, Failure> {
    let ports = &config.rehearsal;
    let config = rehearsal::Config {
        invoice_book: ports.invoice_book_port,
        payment_desk: ports.payment_desk_port,
        tracker: ports.tracker_port,
        model: ports.model_port,
    };
    Rehearsal::start(config).await.map_err(|error| {
        Failure::new(format!(
            "The rehearsal services cannot listen on ports {}, {}, {} and {} of 127.0.0.1 ({error}): stop what uses them, or set others in [rehearsal].",
            ports.invoice_book_port, ports.payment_desk_port, ports.tracker_port, ports.model_port
        ))
    })
}

/// Starts the server and returns when it was told to stop and everything has come to rest.
pub(crate) async fn serve(config: Config, with_rehearsal: bool) -> Result<(), Failure> {
    logging::start(&config.log)?;
    tools::install_crypto();
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    vault::self_test(entropy.as_ref()).map_err(Failure::new)?;

    let public_url = config.public_url()?;
    let smtp = config.smtp()?;
    let location = config.location()?;
    let listener = TcpListener::bind(&config.server.listen).map_err(|error| {
        Failure::new(format!(
            "The server cannot listen on {} ({error}): stop what uses that port, or set server.listen to another.",
            config.server.listen
        ))
    })?;
    let rehearsal = if with_rehearsal { Some(start_rehearsal(&config).await?) } else { None };
    // Everything that can be wrong with the configuration is found before anything is made.
    let rules = egress_rules(&config, &public_url, rehearsal.as_ref());
    let egress = Arc::new(Egress::new(&rules).map_err(|error| Failure::new(format!("egress.allow cannot be used: {error}.")))?);
    let (trusted_proxies, limits, metrics_token) = (config.trusted_proxies()?, config.limits()?, config.metrics_token()?);
    let (quotas, stop_within) = (config.quotas()?, config.stop_within()?);
    let (keyring, database) = open_with_keys(&config, location, entropy.as_ref()).await?;

    let (session_idle, session_absolute) = config.session_limits();
    let site = web::WebConfig {
        trusted_proxies,
        entropy: Arc::clone(&entropy),
        workers: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        limits,
        metrics_token,
        grace: stop_within / 3,
    };
    let settings = Settings {
        public_url: public_url.clone(),
        smtp,
        egress: rules,
        rehearsal: rehearsal.as_ref().map(addresses),
        session_idle,
        session_absolute,
        quotas,
    };
    let platform = Platform::new(database.clone(), Arc::clone(&clock), Arc::clone(&entropy), keyring, egress, settings);
    if let Err(why) = platform.readiness().await {
        tracing::warn!(%why, "this node is not ready: {why}");
    }
    // Calls that are out get most of the time, and what is left is for handing runs over and for the last answers.
    let engine = EmbeddedSettings { drain: stop_within * 2 / 3, ..EmbeddedSettings::default() };
    let driver = Embedded::new(database.clone(), Arc::new(Execution::new(platform.clone())), clock, entropy, engine);
    // Whoever reads that we are ready may ask us to stop at once.
    let mut signals = Signals::new()?;
    welcome(&platform, &public_url, with_rehearsal).await?;

    let (stop, stopped) = watch::channel(false);
    let working = tokio::spawn({
        let stopped = stopped.clone();
        async move { driver.work(stopped).await }
    });
    let courier = tokio::spawn({
        let (platform, stopped) = (platform.clone(), stopped.clone());
        async move {
            if let Err(error) = platform.deliver_forever(stopped).await {
                tracing::error!(%error, "mail is not being sent: {error}");
            }
        }
    });
    let keeper = tokio::spawn({
        let (platform, stopped) = (platform.clone(), stopped.clone());
        async move { platform.keep_house_forever(stopped).await }
    });
    let out_of_patience = async move {
        signals.next().await;
        tracing::info!("asked to stop: what is under way comes to rest first");
        // Nobody listens any more only when everything has ended already.
        let _ended = stop.send(true);
        tokio::select! {
            () = tokio::time::sleep(stop_within) => Failure::new(format!(
                "The server did not come to rest within {} s. Calls that were out are sent again under their keys after the next start.",
                stop_within.as_secs()
            )),
            () = signals.next() => Failure::new("The server was asked to stop twice and ended at once."),
        }
    };
    let serving = async move {
        let served = web::serve(platform, site, listener, async move {
            // An error means that nobody can ask to stop any more, which asks to stop.
            let _asked = { stopped.clone() }.wait_for(|stop| *stop).await.is_ok();
        })
        .await;
        for task in [working, courier, keeper] {
            if let Err(error) = task.await {
                tracing::error!(%error, "a part of the server ended unexpectedly: {error}");
            }
        }
        if let Some(rehearsal) = rehearsal {
            rehearsal.stop().await;
        }
        database.close().await;
        served.map_err(|error| Failure::new(format!("The server ended: {error}.")))
    };
    tokio::select! {
        ended = serving => ended,
        failure = out_of_patience => Err(failure),
    }
}

pub(crate) fn addresses(rehearsal: &Rehearsal) -> RehearsalAddresses {
    RehearsalAddresses {
        invoice_book: rehearsal.invoice_book().to_string(),
        payment_desk: rehearsal.payment_desk().to_string(),
        tracker: rehearsal.tracker().to_string(),
        model: rehearsal.model().to_string(),
        erp_key: Secret::new(rehearsal::ERP_KEY),
        tracker_key: Secret::new(rehearsal::TRACKER_KEY),
        payment_key: Secret::new(rehearsal::PAYMENT_DESK_KEY),
        model_key: Secret::new(rehearsal::MODEL_KEY),
    }
}

/// The first line a new user reads: where to go.
async fn welcome(platform: &Platform, public_url: &str, with_rehearsal: bool) -> Result<(), Failure> {
    let link = platform.setup_link().await.map_err(|error| Failure::new(format!("The database cannot be read: {error}.")))?;
    let mut words = match link {
        Some(link) => format!("Mandate is ready. Open this link once, within 24 hours, to set it up: {link}"),
        None => format!("Mandate is ready at {public_url}"),
    };
    if with_rehearsal {
        words.push_str(
            "\nThe rehearsal services are on: an invoice book, a payment desk, a tracker and a scripted model, all of them look-alikes.",
        );
    }
    // A server goes on when nobody reads its first line.
    match terminal::print_line(&words) {
        Err(failure) if failure.exit != Exit::Done => Err(failure),
        _ => Ok(()),
    }
}

/// What asks this process to stop.
struct Signals {
    interrupted: unix::Signal,
    terminated: unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let wrong = |error: std::io::Error| Failure::new(format!("Signals cannot be listened for: {error}."));
        Ok(Self {
            interrupted: unix::signal(unix::SignalKind::interrupt()).map_err(wrong)?,
            terminated: unix::signal(unix::SignalKind::terminate()).map_err(wrong)?,
        })
    }

    /// The next SIGINT or SIGTERM.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
    }
}
