//! The people of every house, made once a process and engine and copied from then on: hashing their passwords takes
//! longer than everything else together.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use database::{Database, Housekeeping, Location, mail, sessions, testing, testing::TempDir};
use domain::{
    Permission, PersonId, Secret, TenantId, Timestamp,
    call::EgressRules,
    entropy::SeededEntropy,
    machine::OsEntropy,
    time::{Clock, ManualClock},
};
use platform::{
    Platform, Settings,
    access::MemberDoor,
    identity::{Client as Browser, NewTenant},
    invitations::{Acceptance, Invite},
    keys::NewKey,
    members::Role,
};
use tokio::sync::OnceCell;
use tools::Egress;
use vault::{Keyring, Token};

use super::{
    Client, House, START,
    client::Who,
    things::{self, Things},
};

/// Everybody's password.
pub const PASSWORD: &str = "harbour violet trombone 7";
/// How long sessions last, however the clock is moved.
pub const SESSION: Duration = Duration::from_hours(24 * 400);

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// A database that is closed, and is copied for each house.
pub struct Template {
    location: Location,
    _folder: Option<TempDir>,
    tenants: HashMap<&'static str, TenantId>,
    people: HashMap<(&'static str, &'static str), Who>,
}

/// A template in which both tenants have one of everything.
pub struct LivedIn {
    template: Template,
    things: (Things, Things),
    until: Timestamp,
}

const PEOPLE: &[(&str, &str, Role)] = &[
    ("developer", "Dana Developer", Role::Developer),
    ("approver", "Fin Approver", Role::Approver),
    ("viewer", "Vic Viewer", Role::Viewer),
    ("spare", "Sam Spare", Role::Viewer),
];

/// The keys of every house.
pub fn keyring() -> Arc<Keyring> {
    static KEYRING: OnceLock<Arc<Keyring>> = OnceLock::new();
    Arc::clone(KEYRING.get_or_init(|| Arc::new(Keyring::generate(&SeededEntropy::new(7)))))
}

/// The people on this engine.
pub async fn people_of(engine: Engine) -> &'static Template {
    static SQLITE: OnceCell<Template> = OnceCell::const_new();
    static POSTGRES: OnceCell<Template> = OnceCell::const_new();
    match engine {
        Engine::Sqlite => SQLITE.get_or_init(|| furnish(engine)).await,
        Engine::Postgres => POSTGRES.get_or_init(|| furnish(engine)).await,
    }
}

/// The tenants that were lived in, on this engine.
pub async fn lived_in_of(engine: Engine) -> &'static LivedIn {
    static SQLITE: OnceCell<LivedIn> = OnceCell::const_new();
    static POSTGRES: OnceCell<LivedIn> = OnceCell::const_new();
    match engine {
        Engine::Sqlite => SQLITE.get_or_init(|| live_in(engine)).await,
        Engine::Postgres => POSTGRES.get_or_init(|| live_in(engine)).await,
    }
}

impl Template {
    pub fn tenant(&self, slug: &str) -> TenantId {
        self.tenants[slug]
    }

    pub fn who(&self, tenant: &'static str, role: &str) -> Who {
        self.people.iter().find(|((slug, known), _)| *slug == tenant && *known == role).map(|(_, who)| who.clone()).unwrap()
    }

    pub fn outsider(&self) -> Who {
        self.people[&("", "outsider")].clone()
    }

    /// A database of one's own with everything that is in this one.
    pub async fn copy(&self) -> (Location, Option<TempDir>) {
        copy(&self.location).await
    }
}

impl LivedIn {
    pub async fn copy(&self) -> (Location, Option<TempDir>) {
        self.template.copy().await
    }

    /// What acme has, and what globex has.
    pub fn things(&self) -> (Things, Things) {
        self.things.clone()
    }

    /// When they stopped living there.
    pub const fn until(&self) -> Timestamp {
        self.until
    }
}

async fn copy(original: &Location) -> (Location, Option<TempDir>) {
    match original {
        Location::Sqlite { path } => {
            let (location, folder) = testing::sqlite();
            let Location::Sqlite { path: to } = &location else { panic!("SQLite is a file") };
            std::fs::copy(path, to).unwrap();
            (location, Some(folder))
        }
        Location::Postgres { .. } => (testing::postgres_copy(original).await, None),
    }
}

/// Signs a person in without asking for the password, and gives the cookie.
pub async fn open_session(platform: &Platform, person: PersonId) -> String {
    let token = Token::generate(&OsEntropy);
    let now = platform.now();
    let new = sessions::NewSession {
        id: platform.new_id(),
        person,
        token_hash: token.hash(),
        created_at: now,
        expires_at: now.after(SESSION),
        address: Some("127.0.0.1".to_owned()),
        agent: Some("Browser/1.0 (tests)".to_owned()),
    };
    let mut tx = platform.database().system().await.unwrap();
    sessions::create(&mut tx, &new).await.unwrap();
    tx.housekeep(Housekeeping::Sessions).await.unwrap();
    token.text().expose().to_owned()
}

fn token_of(link: &str) -> String {
    link.rsplit('/').next().unwrap().to_owned()
}

async fn mailed_token(platform: &Platform, to: &str) -> String {
    let mails = platform.mailbox().await.unwrap();
    let mail = mails.iter().find(|mail| mail.to == to).unwrap();
    token_of(mail.text.lines().find(|line| line.contains("/invitations/")).unwrap())
}

async fn furnish(engine: Engine) -> Template {
    let (location, folder) = match engine {
        Engine::Sqlite => {
            let (location, folder) = testing::sqlite();
            (location, Some(folder))
        }
        Engine::Postgres => (testing::postgres().await, None),
    };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(START));
    let database = Database::open(location.clone(), database::Settings::new(Arc::clone(&clock), Arc::new(OsEntropy))).await.unwrap();
    let settings = Settings {
        public_url: "http://127.0.0.1:8080".to_owned(),
        smtp: None,
        egress: EgressRules::default(),
        rehearsal: None,
        session_idle: SESSION,
        session_absolute: SESSION,
        quotas: platform::tenants::Quotas::default(),
    };
    let egress = Arc::new(Egress::new(&settings.egress).unwrap());
    let platform = Platform::new(database, clock, Arc::new(OsEntropy), keyring(), egress, settings);
    let mut template = Template { location, _folder: folder, tenants: HashMap::new(), people: HashMap::new() };
    let first = platform.setup_link().await.unwrap().unwrap();
    furnish_tenant(&platform, &mut template, "acme", &first).await;
    furnish_tenant(&platform, &mut template, "globex", &platform.tenant_invite()).await;
    make_outsider(&platform, &mut template).await;
    empty_outbox(&platform).await;
    platform.database().close().await;
    template
}

/// The mails so far were sent: a house with a mail server does not begin with them.
async fn empty_outbox(platform: &Platform) {
    let now = platform.now();
    let mut tx = platform.database().system().await.unwrap();
    for mail in mail::claim_due(&mut tx, now, now, 1_000).await.unwrap() {
        mail::sent(&mut tx, mail.tenant, mail.id, now).await.unwrap();
    }
    tx.housekeep(Housekeeping::Outbox).await.unwrap();
}

fn browser(platform: &Platform) -> Browser {
    Browser { request: platform.new_request(Some("127.0.0.1".to_owned())), agent: Some("Browser/1.0 (tests)".to_owned()) }
}

async fn keep(platform: &Platform, template: &mut Template, at: (&'static str, &'static str), cookie: &Secret) {
    let signed_in = platform.session(cookie.expose()).await.unwrap().unwrap();
    let home = template.tenants.get(at.0).map(|id| (*id, at.0.to_owned()));
    let key = match template.tenants.contains_key(at.0) {
        true => Some(make_key(platform, &signed_in, at.0).await),
        false => None,
    };
    let who = Who { person: signed_in.session.person, email: signed_in.email, cookie: cookie.expose().to_owned(), key, home };
    template.people.insert(at, who);
}

/// A key with everything that this person may in a tenant.
async fn make_key(platform: &Platform, signed_in: &platform::identity::SignedIn, slug: &str) -> String {
    let actor = platform.actor(signed_in, slug, MemberDoor::Page, platform.new_request(None)).await.unwrap();
    let scopes = Permission::ALL.iter().filter(|permission| actor.may(**permission)).map(|permission| permission.name().to_owned());
    let new = NewKey { name: "tests".to_owned(), scopes: scopes.collect(), days: 366 };
    platform.create_api_key(&actor, &new).await.unwrap().text.expose().to_owned()
}

async fn furnish_tenant(platform: &Platform, template: &mut Template, slug: &'static str, link: &str) {
    let new = NewTenant {
        tenant_name: format!("{}{}", slug[..1].to_uppercase(), &slug[1..]),
        slug: Some(slug.to_owned()),
        name: "Ada Admin".to_owned(),
        email: format!("admin@{slug}.example"),
        password: Secret::new(PASSWORD),
    };
    let made = platform.set_up(&token_of(link), new, &browser(platform)).await.unwrap();
    template.tenants.insert(slug, made.tenant);
    keep(platform, template, (slug, "admin"), &made.session.token).await;
    for (role, name, held) in PEOPLE {
        let session = invite(platform, template, slug, (&format!("{role}@{slug}.example"), name, *held)).await;
        keep(platform, template, (slug, role), &session).await;
    }
}

async fn invite(platform: &Platform, template: &Template, slug: &'static str, (email, name, role): (&str, &str, Role)) -> Secret {
    let signed_in = platform.session(&template.who(slug, "admin").cookie).await.unwrap().unwrap();
    let actor = platform.actor(&signed_in, slug, MemberDoor::Page, platform.new_request(None)).await.unwrap();
    platform.invite(&actor, Invite { email: email.to_owned(), name: name.to_owned(), role }).await.unwrap();
    let token = mailed_token(platform, email).await;
    let acceptance = Acceptance::Password { name: name.to_owned(), password: Secret::new(PASSWORD) };
    platform.accept_invitation(&token, acceptance, &browser(platform)).await.unwrap().session.unwrap().token
}

/// Somebody who was a member of acme and was disabled, with a session all the same.
async fn make_outsider(platform: &Platform, template: &mut Template) {
    let cookie = invite(platform, template, "acme", ("outsider@nowhere.example", "Otto Outsider", Role::Admin)).await;
    let signed_in = platform.session(cookie.expose()).await.unwrap().unwrap();
    let (person, key) = (signed_in.session.person, make_key(platform, &signed_in, "acme").await);
    let signed_in = platform.session(&template.who("acme", "admin").cookie).await.unwrap().unwrap();
    let actor = platform.actor(&signed_in, "acme", MemberDoor::Page, platform.new_request(None)).await.unwrap();
    platform.disable_member(&actor, person).await.unwrap();
    assert!(platform.session(cookie.expose()).await.unwrap().is_none(), "who was disabled is signed out");
    let cookie = Secret::new(open_session(platform, person).await);
    keep(platform, template, ("", "outsider"), &cookie).await;
    // The key was made before, and is no longer good for anything.
    template.people.entry(("", "outsider")).and_modify(|who| who.key = Some(key));
}

async fn live_in(engine: Engine) -> LivedIn {
    let house = House::with_samples(engine, super::Choices::default()).await;
    let things = (things::made_in(&house, &house.acme).await, things::made_in(&house, &house.globex).await);
    let until = house.clock.now();
    let people = people_of(engine).await;
    let ruin = house.fall().await;
    ruin.rehearsal.stop().await;
    let (location, folder) = ruin.into_database();
    let template = Template { location, _folder: folder, tenants: people.tenants.clone(), people: people.people.clone() };
    LivedIn { template, things, until }
}

/// Everybody of a tenant with the word for what they are.
pub fn roles(tenant: &super::Tenant) -> [(&'static str, Client); 4] {
    [
        ("viewer", tenant.viewer.clone()),
        ("approver", tenant.approver.clone()),
        ("developer", tenant.developer.clone()),
        ("admin", tenant.admin.clone()),
    ]
}
