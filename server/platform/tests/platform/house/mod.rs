//! A house to test in: a platform over a database of its own, a clock that is moved by hand, and two tenants that
//! look alike, `acme` and `globex`, each with an admin and an approver of the same names.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{sync::Arc, time::Duration};

use database::{
    Database, Location,
    sessions::SignedIn,
    testing::{self, TempDir},
};
use domain::{
    Actor, Entropy, Problem, Secret, TenantId, Timestamp,
    call::EgressRules,
    entropy::SeededEntropy,
    time::{Clock, ManualClock},
};
use platform::{
    Platform, Settings, Smtp,
    access::MemberDoor,
    identity::{Client, NewTenant, Session},
    invitations::{Acceptance, Invite},
    members::Role,
};
use tools::egress::Egress;
use vault::Keyring;

/// The moment at which every test begins.
pub const START: Timestamp = Timestamp::from_micros(1_795_257_600_000_000);
/// Everybody's first password.
pub const PASSWORD: &str = "harbour violet trombone 7";
pub const PUBLIC_URL: &str = "http://127.0.0.1:8080";

/// A member who is signed in.
#[derive(Clone)]
pub struct Member {
    pub email: String,
    pub cookie: String,
    pub signed_in: SignedIn,
}

pub struct Tenant {
    pub id: TenantId,
    pub slug: String,
    pub admin: Member,
    pub approver: Member,
}

pub struct House {
    pub platform: Platform,
    pub clock: Arc<ManualClock>,
    pub acme: Tenant,
    pub globex: Tenant,
    _folder: Option<TempDir>,
}

/// A platform with no tenant.
pub struct Empty {
    pub platform: Platform,
    pub clock: Arc<ManualClock>,
    folder: Option<TempDir>,
}

pub fn settings() -> Settings {
    Settings {
        public_url: PUBLIC_URL.to_owned(),
        smtp: None,
        egress: EgressRules::default(),
        rehearsal: None,
        session_idle: Duration::from_hours(8),
        session_absolute: Duration::from_hours(24 * 7),
        quotas: platform::tenants::Quotas::default(),
    }
}

pub async fn empty(location: Location, folder: Option<TempDir>, settings: Settings) -> Empty {
    let clock = Arc::new(ManualClock::at(START));
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
    let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    let database = Database::open(location, database::Settings::new(Arc::clone(&shared), Arc::clone(&entropy))).await.unwrap();
    let keyring = Arc::new(Keyring::generate(entropy.as_ref()));
    let egress = Arc::new(Egress::new(&settings.egress).unwrap());
    Empty { platform: Platform::new(database, shared, entropy, keyring, egress, settings), clock, folder }
}

pub async fn empty_on_sqlite() -> Empty {
    empty_on_sqlite_with(settings()).await
}

pub async fn empty_on_sqlite_with(settings: Settings) -> Empty {
    let (location, folder) = testing::sqlite();
    empty(location, Some(folder), settings).await
}

pub async fn empty_on_postgres() -> Empty {
    empty(testing::postgres().await, None, settings()).await
}

/// A browser at an address.
pub fn client_at(platform: &Platform, address: &str) -> Client {
    Client { request: platform.new_request(Some(address.to_owned())), agent: Some("Browser/1.0".to_owned()) }
}

/// The text after the last slash of the address of a page.
pub fn token_of(url: &str) -> String {
    url.rsplit('/').next().unwrap().to_owned()
}

pub fn new_tenant(slug: &str) -> NewTenant {
    NewTenant {
        tenant_name: slug.to_uppercase(),
        slug: Some(slug.to_owned()),
        name: "Ada Admin".to_owned(),
        email: format!("admin@{slug}.example"),
        password: Secret::new(PASSWORD),
    }
}

pub async fn member(platform: &Platform, email: &str, session: &Session) -> Member {
    let cookie = session.token.expose().to_owned();
    let signed_in = platform.session(&cookie).await.unwrap().unwrap();
    Member { email: email.to_owned(), cookie, signed_in }
}

/// The link in the newest mail to an address.
pub async fn mailed_link(platform: &Platform, to: &str) -> String {
    let mails = platform.mailbox().await.unwrap();
    let mail = mails.iter().find(|mail| mail.to == to).unwrap();
    mail.text.lines().find(|line| line.starts_with(PUBLIC_URL)).unwrap().to_owned()
}

impl Empty {
    pub fn client(&self) -> Client {
        client_at(&self.platform, "192.0.2.1")
    }

    async fn tenant(&self, slug: &str, link: &str) -> Tenant {
        let made = self.platform.set_up(&token_of(link), new_tenant(slug), &self.client()).await.unwrap();
        let admin = member(&self.platform, &format!("admin@{slug}.example"), &made.session).await;
        let actor = self.platform.actor(&admin.signed_in, slug, MemberDoor::Page, self.client().request).await.unwrap();
        let email = format!("approver@{slug}.example");
        let invite = Invite { email: email.clone(), name: "Fin Approver".to_owned(), role: Role::Approver };
        self.platform.invite(&actor, invite).await.unwrap();
        let token = token_of(&mailed_link(&self.platform, &email).await);
        let acceptance = Acceptance::Password { name: "Fin Approver".to_owned(), password: Secret::new(PASSWORD) };
        let accepted = self.platform.accept_invitation(&token, acceptance, &self.client()).await.unwrap();
        let approver = member(&self.platform, &email, &accepted.session.unwrap()).await;
        Tenant { id: made.tenant, slug: made.slug, admin, approver }
    }

    pub async fn furnished(self) -> House {
        let link = self.platform.setup_link().await.unwrap().unwrap();
        let acme = self.tenant("acme", &link).await;
        let globex = self.tenant("globex", &self.platform.tenant_invite()).await;
        House { platform: self.platform, clock: self.clock, acme, globex, _folder: self.folder }
    }
}

impl House {
    pub async fn on_sqlite() -> Self {
        empty_on_sqlite().await.furnished().await
    }

    pub async fn on_postgres() -> Self {
        empty_on_postgres().await.furnished().await
    }

    /// A second platform over the same database with another way for mail, as after a restart with other settings.
    pub fn with_mail(&self, smtp: Option<Smtp>, public_url: &str) -> Platform {
        let settings = Settings { smtp, public_url: public_url.to_owned(), ..settings() };
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.clock);
        let keyring = Arc::new(self.platform.keyring().clone());
        let egress = Arc::new(Egress::new(&settings.egress).unwrap());
        Platform::new(self.platform.database().clone(), clock, Arc::new(SeededEntropy::new(8)), keyring, egress, settings)
    }

    pub fn client(&self) -> Client {
        client_at(&self.platform, "192.0.2.1")
    }

    /// A member as the actor for a tenant, with the rights they have now.
    pub async fn actor(&self, member: &Member, slug: &str) -> Result<Actor, platform::Error> {
        self.platform.actor(&member.signed_in, slug, MemberDoor::Page, self.client().request).await
    }

    pub async fn acme_admin(&self) -> Actor {
        self.actor(&self.acme.admin, "acme").await.unwrap()
    }

    pub async fn acme_approver(&self) -> Actor {
        self.actor(&self.acme.approver, "acme").await.unwrap()
    }

    pub async fn globex_admin(&self) -> Actor {
        self.actor(&self.globex.admin, "globex").await.unwrap()
    }

    /// The actions in a tenant's log, the oldest first, as its admin sees them.
    pub async fn log(&self, admin: &Actor) -> Vec<String> {
        let admin = self.platform.renewed(admin).await.unwrap();
        let scope = domain::Scope::<domain::permission::AuditRead>::of(&admin, "audit").unwrap();
        let mut tx = self.platform.database().read(&admin).await.unwrap();
        let page = database::audit::page(&mut tx, &scope, &database::audit::Filter::default(), None, 500).await.unwrap();
        page.items.into_iter().rev().map(|row| row.action).collect()
    }
}

/// Why something was refused, as a status and a code.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, platform::Error>) -> (u16, &'static str) {
    let Problem { status, code, .. } = result.unwrap_err().problem();
    (status, code)
}

/// The names of the fields at fault.
pub fn fields<T: std::fmt::Debug>(result: Result<T, platform::Error>) -> Vec<String> {
    let problem = result.unwrap_err().problem();
    assert_eq!(problem.status, 422, "{problem}");
    problem.fields.into_iter().map(|field| field.field).collect()
}

/// Runs each test on both engines, in a furnished house.
#[allow(unused_macros, reason = "each test program uses a part of it")]
macro_rules! in_a_house {
    ($(async fn $name:ident($house:ident) $body:block)*) => {
        mod on_sqlite {
            use super::*;
            $(#[tokio::test] async fn $name() { let $house = House::on_sqlite().await; $body })*
        }
        mod on_postgres {
            use super::*;
            $(#[tokio::test] async fn $name() { let $house = House::on_postgres().await; $body })*
        }
    };
}
#[allow(unused_imports, reason = "each test program uses a part of it")]
pub(crate) use in_a_house;
