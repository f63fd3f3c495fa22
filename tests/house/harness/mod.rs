//! A house to test in: the real server on a port of its own over a database of its own, with the real engine, look-alike
//! services around it and a clock that is moved by hand.
//!
//! Two tenants that look alike always exist, `acme` and `globex`, each with a person in every role who is a browser:
//! `house.acme.approver.get("/t/acme/approvals").await`. [`in_both_houses`] runs each test on SQLite and on PostgreSQL.
//!
//! People are made once a process and engine, by the real verbs (hashing passwords is what takes long), and each house
//! opens a copy of that database; see `furniture`. What tenants have when they were used for a while is in `things`.

pub mod client;
pub mod furniture;
pub mod page;
pub mod process;
pub mod stub;
pub mod table;
pub mod things;
pub mod ways;

use std::{net::TcpListener, num::NonZeroU32, sync::Arc, time::Duration};

use database::{Database, Location, OpenError, crash::CrashPoints, testing::TempDir};
use domain::{
    Actor, PersonId, RunId, Secret, TenantId, Timestamp,
    call::EgressRules,
    machine::OsEntropy,
    time::{Clock, ManualClock},
};
use engine::{Driver, Embedded, EmbeddedSettings};
use platform::{
    Platform, RehearsalAddresses, Settings, Smtp,
    access::MemberDoor,
    execution::Execution,
    runs::{Given, RunShown},
    tenants::Quotas,
};
use rehearsal::Rehearsal;
use serde_json::{Map, Value};
use tokio::{sync::watch, task::JoinHandle};
use tools::Egress;
use vault::Token;

pub use client::{Answer, Client, Who};
pub use furniture::{Engine, PASSWORD};
pub use things::Things;

/// The moment at which every test begins.
pub const START: Timestamp = Timestamp::from_micros(1_795_257_600_000_000);
/// Far above what anything here takes: a test that waits in vain ends.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A tenant with a browser for each role.
#[derive(Clone)]
pub struct Tenant {
    pub id: TenantId,
    pub slug: &'static str,
    pub admin: Client,
    pub developer: Client,
    pub approver: Client,
    pub viewer: Client,
    /// A viewer of whom no test expects anything: what is done to a member is done to them.
    pub spare: Client,
}

/// What differs between houses.
#[derive(Clone, Default)]
pub struct Choices {
    pub smtp: Option<Smtp>,
    pub crash_points: Option<CrashPoints>,
    /// Whether nothing drives runs: doors alone.
    pub without_engine: bool,
    /// What may be reached besides the look-alike services, as `host:port`.
    pub allow: Vec<String>,
    /// Another public address than that of the port.
    pub public_url: Option<String>,
    /// Where the look-alike services listen; on free ports when nothing is said.
    pub ports: rehearsal::Config,
}

/// A running house.
pub struct House {
    pub engine: Engine,
    pub platform: Platform,
    pub clock: Arc<ManualClock>,
    pub rehearsal: Arc<Rehearsal>,
    pub acme: Tenant,
    pub globex: Tenant,
    /// Nobody: a browser without a session.
    pub nobody: Client,
    /// Signed in, and an active member of no tenant any more.
    pub outsider: Client,
    /// Where it listens, without a slash at the end.
    pub origin: String,
    /// What was done in both tenants before, in houses that were lived in.
    pub things: Option<(Things, Things)>,
    location: Location,
    folder: Option<TempDir>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// What is left of a house that fell over: to be opened again.
pub struct Ruin {
    pub engine: Engine,
    pub clock: Arc<ManualClock>,
    pub rehearsal: Arc<Rehearsal>,
    location: Location,
    folder: Option<TempDir>,
}

impl Ruin {
    /// The database alone.
    pub fn into_database(self) -> (Location, Option<TempDir>) {
        (self.location, self.folder)
    }
}

fn settings(public_url: String, smtp: Option<Smtp>, allow: &[String], rehearsal: &Rehearsal) -> Settings {
    let look_alikes = [rehearsal.invoice_book(), rehearsal.payment_desk(), rehearsal.tracker(), rehearsal.model()];
    let look_alikes = look_alikes.map(|address| address.to_string());
    let [invoice_book, payment_desk, tracker, model] = look_alikes.clone();
    Settings {
        public_url,
        smtp,
        egress: EgressRules { allow: [&look_alikes, allow].concat(), deny: Vec::new() },
        rehearsal: Some(RehearsalAddresses {
            invoice_book,
            payment_desk,
            tracker,
            model,
            erp_key: Secret::new(rehearsal::ERP_KEY),
            tracker_key: Secret::new(rehearsal::TRACKER_KEY),
            payment_key: Secret::new(rehearsal::PAYMENT_DESK_KEY),
            model_key: Secret::new(rehearsal::MODEL_KEY),
        }),
        // Clocks are moved by days here, and sessions are the subject of tests of their own.
        session_idle: furniture::SESSION,
        session_absolute: furniture::SESSION,
        quotas: Quotas::default(),
    }
}

impl House {
    /// A house with people and nothing else.
    pub async fn new(engine: Engine) -> Self {
        Self::with(engine, Choices::default()).await
    }

    pub async fn with(engine: Engine, choices: Choices) -> Self {
        let (location, folder) = furniture::people_of(engine).await.copy().await;
        let rehearsal = Arc::new(Rehearsal::start(choices.ports).await.unwrap());
        let clock = Arc::new(ManualClock::at(START));
        Self::open(Ruin { engine, clock, rehearsal, location, folder }, choices).await
    }

    /// A house whose tenants have everything that pays an invoice: workflow, variables, credentials, provider, model.
    pub async fn with_samples(engine: Engine, choices: Choices) -> Self {
        let house = Self::with(engine, choices).await;
        for tenant in [&house.acme, &house.globex] {
            let admin = house.actor(&tenant.admin).await;
            house.platform.install_samples(&admin).await.unwrap();
        }
        house
    }

    /// A house in which both tenants have one of everything, a waiting approval among it. Nothing drives runs there.
    pub async fn lived_in(engine: Engine) -> Self {
        let lived_in = furniture::lived_in_of(engine).await;
        let (location, folder) = lived_in.copy().await;
        let rehearsal = Arc::new(Rehearsal::start(rehearsal::Config::default()).await.unwrap());
        let clock = Arc::new(ManualClock::at(lived_in.until()));
        let choices = Choices { without_engine: true, ..Choices::default() };
        let mut house = Self::open(Ruin { engine, clock, rehearsal, location, folder }, choices).await;
        house.things = Some(lived_in.things());
        house
    }

    /// Opens what another house left.
    pub async fn open(ruin: Ruin, choices: Choices) -> Self {
        tools::install_crypto();
        let Ruin { engine, clock, rehearsal, location, folder } = ruin;
        let people = furniture::people_of(engine).await;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let mut of_database = database::Settings::new(Arc::clone(&shared), Arc::new(OsEntropy));
        of_database.crash_points = choices.crash_points;
        let database = open_database(&location, &of_database).await;
        let settings = settings(choices.public_url.unwrap_or_else(|| origin.clone()), choices.smtp, &choices.allow, &rehearsal);
        let egress = Arc::new(Egress::new(&settings.egress).unwrap());
        let platform = Platform::new(database, Arc::clone(&shared), Arc::new(OsEntropy), furniture::keyring(), egress, settings);
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        if !choices.without_engine {
            let host = Arc::new(Execution::new(platform.clone()));
            let driver = Embedded::new(platform.database().clone(), host, shared, Arc::new(OsEntropy), EmbeddedSettings::default());
            let stopped = stopped.clone();
            tasks.push(tokio::spawn(async move { driver.work(stopped).await }));
        }
        if platform.settings().smtp.is_some() {
            let (platform, stopped) = (platform.clone(), stopped.clone());
            tasks.push(tokio::spawn(async move { platform.deliver_forever(stopped).await.unwrap() }));
        }
        let serving = {
            let platform = platform.clone();
            // Clocks stand still here, so that nothing used up would ever come back.
            let freely = web::Rate { per_minute: NonZeroU32::MAX, burst: NonZeroU32::MAX };
            let config = web::WebConfig {
                trusted_proxies: Vec::new(),
                entropy: Arc::new(OsEntropy),
                workers: 1,
                limits: web::RequestLimits { address: freely, key: freely },
                grace: Duration::from_secs(10),
                metrics_token: None,
            };
            let mut stopped = stopped;
            let stopped = async move { drop(stopped.wait_for(|stop| *stop).await) };
            tokio::spawn(async move { web::serve(platform, config, listener, stopped).await.unwrap() })
        };
        tasks.push(serving);
        let tenant = |slug: &'static str| {
            let client = |role: &str| Client::new(&origin, Some(people.who(slug, role)));
            Tenant {
                id: people.tenant(slug),
                slug,
                admin: client("admin"),
                developer: client("developer"),
                approver: client("approver"),
                viewer: client("viewer"),
                spare: client("spare"),
            }
        };
        Self {
            engine,
            acme: tenant("acme"),
            globex: tenant("globex"),
            nobody: Client::new(&origin, None),
            outsider: Client::new(&origin, Some(people.outsider())),
            platform,
            clock,
            rehearsal,
            origin,
            things: None,
            location,
            folder,
            stop,
            tasks,
        }
    }

    /// Ends everything but the database's content and the services around: as after a stop or a fall.
    pub async fn fall(self) -> Ruin {
        let Self { engine, clock, rehearsal, location, folder, stop, tasks, platform, .. } = self;
        // What still waits for an answer of the services would hold the end up.
        for stage in [rehearsal.invoice_book_stage(), rehearsal.payment_desk_stage(), rehearsal.tracker_stage(), rehearsal.model_stage()] {
            stage.release();
        }
        let _ = stop.send(true);
        for task in tasks {
            task.await.unwrap();
        }
        platform.database().close().await;
        Ruin { engine, clock, rehearsal, location, folder }
    }

    /// Ends everything.
    pub async fn end(self) {
        let ruin = self.fall().await;
        ruin.rehearsal.stop().await;
    }

    /// A browser that signs a person in anew, without the password: for tests that use sessions up.
    pub async fn another_session_of(&self, client: &Client) -> Client {
        let who = client.who();
        let cookie = furniture::open_session(&self.platform, who.person).await;
        Client::new(&self.origin, Some(Who { cookie, ..who.clone() }))
    }

    /// A browser as the actor of verbs, in the tenant where they work, with the rights they have now.
    pub async fn actor(&self, client: &Client) -> Actor {
        let who = client.who();
        let signed_in = self.platform.session(&who.cookie).await.unwrap().expect("a session");
        let (_, slug) = who.home.as_ref().expect("a member");
        self.platform.actor(&signed_in, slug, MemberDoor::Page, self.platform.new_request(None)).await.unwrap()
    }

    /// Starts a vendor payment as this person, by the verb.
    pub async fn start(&self, client: &Client, inputs: Value) -> RunId {
        let Value::Object(inputs) = inputs else { panic!("inputs are an object") };
        self.start_workflow(client, "vendor-payment", inputs).await
    }

    pub async fn start_workflow(&self, client: &Client, slug: &str, inputs: Map<String, Value>) -> RunId {
        let actor = self.actor(client).await;
        self.platform.start_run(&actor, slug, Given::Values(inputs), None).await.unwrap().run
    }

    /// Waits until the run is as wanted.
    pub async fn until(&self, tenant: &Tenant, run: RunId, wanted: impl Fn(&RunShown) -> bool) -> RunShown {
        let actor = self.actor(&tenant.admin).await;
        let looking = async {
            let mut last = None;
            let mut watch = self.platform.watch_run(&actor, run, 0).await.unwrap();
            while let Some(shown) = watch.next().await.unwrap() {
                if wanted(&shown) {
                    return shown;
                }
                last = Some(shown);
            }
            panic!("the run ended another way: {last:#?}");
        };
        match tokio::time::timeout(PATIENCE, looking).await {
            Ok(shown) => shown,
            Err(_) => panic!("the run did not get there: {:#?}", self.platform.run(&actor, run).await.unwrap()),
        }
    }

    /// Waits until the run is over.
    pub async fn until_over(&self, tenant: &Tenant, run: RunId) -> RunShown {
        self.until(tenant, run, |shown| shown.line.status.is_over()).await
    }

    /// The events of a tenant's log, the oldest first, after the first `skip`: name and outcome.
    pub async fn log(&self, tenant: &Tenant) -> Vec<platform::audit::AuditLine> {
        let admin = self.actor(&tenant.admin).await;
        let mut lines = Vec::new();
        let mut after = None;
        loop {
            let page = self.platform.audit(&admin, &platform::audit::Filter::default(), after, 200).await.unwrap();
            lines.extend(page.items);
            after = page.next;
            if after.is_none() {
                lines.reverse();
                return lines;
            }
        }
    }

    /// The newest link in a mail to an address that leads to this part of the site.
    pub async fn mailed_link(&self, to: &str, part: &str) -> String {
        let mails = self.platform.mailbox().await.unwrap();
        let start = format!("{}{part}", self.platform.settings().public_url);
        let links = mails.iter().filter(|mail| mail.to == to).flat_map(|mail| mail.text.lines()).filter(|line| line.starts_with(&start));
        links.map(str::to_owned).next().unwrap_or_else(|| panic!("no mail to {to} with a link to {part}"))
    }
}

/// Opens a database. The threads of a server that has stopped let go of their file a moment later.
async fn open_database(location: &Location, settings: &database::Settings) -> Database {
    let opening = async {
        loop {
            match Database::open(location.clone(), settings.clone()).await {
                Err(OpenError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
                opened => return opened.unwrap(),
            }
        }
    };
    tokio::time::timeout(PATIENCE, opening).await.expect("whoever had the file lets go of it")
}

/// The person behind a browser.
pub fn person(client: &Client) -> PersonId {
    client.who().person
}

/// A text that has the form of a token of ours and is none.
pub fn unknown_token() -> String {
    Token::generate(&OsEntropy).text().expose().to_owned()
}

/// Runs each test on both engines, in a house of its own that the expression makes for `engine`.
macro_rules! in_both_houses {
    ($make:expr => $(async fn $name:ident($house:ident) $body:block)*) => {
        mod on_sqlite {
            use super::*;
            $(#[tokio::test] async fn $name() {
                #[allow(unused_mut, reason = "some tests open theirs again")]
                let mut $house: $crate::harness::House = ($make)($crate::harness::Engine::Sqlite).await;
                $body
                $house.end().await;
            })*
        }
        mod on_postgres {
            use super::*;
            $(#[tokio::test] async fn $name() {
                #[allow(unused_mut, reason = "some tests open theirs again")]
                let mut $house: $crate::harness::House = ($make)($crate::harness::Engine::Postgres).await;
                $body
                $house.end().await;
            })*
        }
    };
}
pub(crate) use in_both_houses;
