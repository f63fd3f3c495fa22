//! `mandate demo`: a data folder of its own with two look-alike tenants, people in every role and some weeks of past
//! runs, and then a server over it.
//!
//! Nothing of it is written behind the product's back: people are invited and accept, runs are started, driven by the
//! engine against the rehearsal services and decided by approvers, all by the verbs that the pages call, under a clock
//! that is moved from some weeks ago to now. The tenants' names and the address in every audit event say that these are
//! samples. `people.rs` is who there is; `history.rs` is what they did.

mod history;
mod people;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use database::{Database, Settings as DatabaseSettings};
use domain::{
    Clock, Entropy, Timestamp,
    machine::{OsEntropy, SystemClock},
    time::ManualClock,
};
use engine::{Driver, Embedded, EmbeddedSettings};
use platform::{Platform, Settings, execution::Execution, tenants::Quotas};
use tokio::sync::watch;
use tools::Egress;

use crate::{
    Failure,
    config::{self, Config},
    keys, serve, terminal,
};

/// How long ago the first thing of a demo happened.
const WEEKS: u64 = 3;
/// Sessions of the people who make the history last as long as it does; they sign out at its end.
const LONG_SESSION: Duration = Duration::from_hours(24 * 7 * (WEEKS + 1));

/// What whoever sees the demo for the first time is told.
const WELCOME: &str = "
These are samples: made-up people, and look-alikes of an invoice book, a payment desk, a tracker and a model.
Five minutes: sign in as the executor, start \"Vendor payment\" with the invoice INV-20417, then sign in as the
approver, open the approval and let it pay. The mail is in the mailbox on the sign-in page.
";

/// Where the demo keeps what it makes.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The folder; made when it does not exist, and served again when it does.
    #[arg(long, value_name = "FOLDER", default_value = "./demo")]
    directory: PathBuf,
}

/// Makes the demo, if it is not there yet, says who can sign in, and serves it.
pub(crate) async fn demo(config: Config, demo: Demo) -> Result<(), Failure> {
    let config = of_its_own(config, demo.directory)?;
    let people = people::file(&config.data.directory);
    if !people.exists() {
        make(&config).await?;
    }
    terminal::print_line(&format!("{}\n{WELCOME}", people::read(&people)?))?;
    serve::serve(config, true).await
}

/// The operator's configuration without what a demo must not touch: another database, other keys, a mail server.
fn of_its_own(config: Config, directory: PathBuf) -> Result<Config, Failure> {
    let is_local = config.server.listen.parse().is_ok_and(|address: SocketAddr| address.ip().is_loopback());
    if !is_local {
        return Err(Failure::new(format!(
            "The demo shows everybody's mail and listens on this machine only, not on {}: unset server.listen, or set it to 127.0.0.1 and a port.",
            config.server.listen
        )));
    }
    let mut own = Config::default();
    own.data.directory = directory;
    own.server = config::Server { public_url: String::new(), trusted_proxies: Vec::new(), ..config.server };
    own.rehearsal = config.rehearsal;
    own.log = config.log;
    Ok(own)
}

/// Makes the folder with everything in it. The list of people is written last: without it the folder is not finished.
async fn make(config: &Config) -> Result<(), Failure> {
    tools::install_crypto();
    let file = config.database_file();
    if file.exists() {
        return Err(Failure::new(format!(
            "{} was not made by `mandate demo`, or not to its end: remove it, or name another folder with --directory.",
            config.data.directory.display()
        )));
    }
    keys::make_private_folder(&config.data.directory)?;
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let keyring = Arc::new(keys::generate(&config.key_file(), entropy.as_ref())?);
    let now = SystemClock.now();
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(now.micros() - days(7 * WEEKS))));

    let rehearsal = serve::start_rehearsal(config).await?;
    let public_url = config.public_url()?;
    let rules = serve::egress_rules(config, &public_url, Some(&rehearsal));
    let egress = Arc::new(Egress::new(&rules).map_err(Failure::new)?);
    let settings = Settings {
        public_url,
        smtp: None,
        egress: rules,
        rehearsal: Some(serve::addresses(&rehearsal)),
        session_idle: LONG_SESSION,
        session_absolute: LONG_SESSION,
        quotas: Quotas::default(),
    };
    let database_settings = DatabaseSettings::new(Arc::clone(&clock) as Arc<dyn Clock>, Arc::clone(&entropy));
    let database = Database::open(config.location()?, database_settings).await.map_err(Failure::new)?;
    let platform = Platform::new(database.clone(), Arc::clone(&clock) as Arc<dyn Clock>, Arc::clone(&entropy), keyring, egress, settings);
    let made = with_engine(&platform, &clock, now).await;
    rehearsal.stop().await;
    database.close().await;
    keys::write(&people::file(&config.data.directory), &people::list(&made?))
}

/// Lets the history happen while a driver works.
async fn with_engine(platform: &Platform, clock: &Arc<ManualClock>, now: Timestamp) -> Result<Vec<people::Person>, Failure> {
    let driver = Embedded::new(
        platform.database().clone(),
        Arc::new(Execution::new(platform.clone())),
        Arc::clone(clock) as Arc<dyn Clock>,
        Arc::new(OsEntropy),
        EmbeddedSettings::default(),
    );
    let (stop, stopped) = watch::channel(false);
    let working = tokio::spawn(async move { driver.work(stopped).await });
    let made = history::happen(platform, clock, now).await;
    // Nobody listens any more only when the driver has ended already.
    let _ended = stop.send(true);
    working.await.map_err(Failure::new)?;
    made
}

/// Microseconds of so many days.
const fn days(count: u64) -> i64 {
    count as i64 * 24 * 60 * 60 * 1_000_000
}
