//! Who somebody is: the first set-up, signing in and out, sessions and passwords.
//!
//! What a person may do in a tenant is not here but in `access` and `members`. A person belongs to no tenant, so
//! these verbs change across tenants, and each tenant a person is a member of has the act in its own log.

pub mod email;
mod links;
pub mod password;
pub mod reset;
pub mod sessions;
pub mod setup;
pub mod sign_in;

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use database::{
    AuditIntent, Chain, Housekeeping, SystemTx, sessions as rows,
    tenants::TenancyRow,
    throttle::{self, Bucket, Taken},
};
use domain::{
    PersonId, RequestFacts, Secret, Timestamp,
    audit::{AuditActor, AuditEvent},
    problem::FieldProblem,
};
use sha2::{Digest, Sha256};
use vault::Token;

use crate::{
    Error, Platform, Result,
    mail::text::{cut, one_line},
    tenants::TenantShown,
};

pub use database::sessions::SignedIn;
pub use email::{EmailChange, EmailRestoration};
pub use password::NewPassword;
pub use reset::ResetLink;
pub use sessions::{SessionReach, SessionShown};
pub use setup::{NewTenant, SetUp, SetupLink};

/// The most bytes of an e-mail address (RFC 5321, 4.5.3.1.3, less the brackets).
const LONGEST_EMAIL: usize = 254;
/// The most signs of what a browser calls itself that are kept.
const LONGEST_AGENT: usize = 300;

/// Tries to sign in from one neighbourhood of addresses: an office behind one address in the morning.
const OF_ADDRESS: Bucket = Bucket { capacity: 60, every: Duration::from_secs(5) };
/// Tries with one e-mail address: about three thousand a day, however many addresses they come from.
const OF_ACCOUNT: Bucket = Bucket { capacity: 10, every: Duration::from_secs(30) };
/// Tries in all: what hashing takes stays a part of what the machine can do.
const OF_ALL: Bucket = Bucket { capacity: 300, every: Duration::from_millis(100) };

/// The one at the other end of a request: where from and with what.
#[derive(Debug, Clone)]
pub struct Client {
    /// The request.
    pub request: RequestFacts,
    /// What the browser calls itself.
    pub agent: Option<String>,
}

/// A browser that is signed in from now on.
#[derive(Debug, Clone)]
pub struct Session {
    /// What its cookie holds; here for the only time.
    pub token: Secret,
    /// When it ends however much it is used.
    pub expires_at: Timestamp,
    /// Where the person may go, by name.
    pub tenants: Vec<TenantShown>,
}

/// An e-mail address as it is kept: in lower case, without spaces around it.
///
/// # Errors
/// Why it is none, as a sentence.
pub fn email(text: &str) -> Result<String, &'static str> {
    let email = text.trim().to_ascii_lowercase();
    if email.is_empty() {
        return Err("Enter an e-mail address.");
    }
    if !email.is_ascii() {
        return Err("E-mail addresses with letters beyond a to z are not supported yet.");
    }
    let bare = |sign: char| sign.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(sign);
    let is_address = email.len() <= LONGEST_EMAIL
        && email.rsplit_once('@').is_some_and(|(name, host)| {
            name.chars().all(bare) && host.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '-' || sign == '.')
        })
        && email.parse::<lettre::Address>().is_ok();
    if is_address { Ok(email) } else { Err("This is not an e-mail address. It has the form name@example.com.") }
}

/// A name for people: one line of 1 to `most` signs.
///
/// # Errors
/// Why it is none, as a sentence.
pub fn name(text: &str, most: usize) -> Result<String, String> {
    let name = one_line(text);
    if name.is_empty() {
        return Err("Enter a name.".to_owned());
    }
    if name.chars().count() > most {
        return Err(format!("A name can have at most {most} characters."));
    }
    Ok(name)
}

/// What is wrong with the fields of a form, gathered so that all of it is told at once.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<FieldProblem>);

impl Fields {
    /// The value, or its reason kept under the name of the field.
    pub(crate) fn take<T, E: ToString>(&mut self, field: &str, read: Result<T, E>) -> Option<T> {
        read.map_err(|reason| self.0.push(FieldProblem { field: field.to_owned(), message: reason.to_string() })).ok()
    }

    /// Everything that is wrong.
    pub(crate) fn problem(self) -> Error {
        domain::Problem::invalid(self.0).into()
    }
}

/// A person as the audit log names them.
pub(crate) fn person_in_log(person: PersonId, email: &str, request: &RequestFacts) -> AuditActor {
    AuditActor {
        kind: "person",
        id: person.to_string(),
        label: email.to_owned(),
        door: domain::Door::Page.name(),
        run: None,
        address: request.address.clone(),
        request: request.id.to_string(),
    }
}

/// The event in the log of every tenant the person may work in; in the installation's own when there is none.
pub(crate) fn for_each_tenant(tenancies: &[TenancyRow], actor: &AuditActor, event: &AuditEvent) -> Vec<AuditIntent> {
    let intent = |chain| AuditIntent { chain, actor: actor.clone(), event: event.clone() };
    let intents: Vec<AuditIntent> =
        tenancies.iter().filter(|tenancy| tenancy.is_open()).map(|tenancy| intent(Chain::Tenant(tenancy.tenant.id))).collect();
    if intents.is_empty() { vec![intent(Chain::Installation)] } else { intents }
}

/// Commits with what [`for_each_tenant`] gave.
pub(crate) async fn commit(tx: SystemTx, intents: Vec<AuditIntent>) -> Result<()> {
    let mut intents = intents.into_iter();
    let first = intents.next().ok_or_else(|| Error::Broken("a change was to be written without an audit event".to_owned()))?;
    Ok(tx.commit(first, intents.collect()).await?)
}

/// The neighbourhood of an address that shares a bucket: a provider gives a whole /64 to one customer, and one who
/// has one IPv4 address often has its neighbours.
fn neighbourhood(address: Option<&str>) -> String {
    let Some(address) = address.and_then(|address| address.parse::<IpAddr>().ok()) else {
        return "unknown".to_owned();
    };
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// The name of an account's bucket: of one length whatever was typed, and the same for every way to type it.
fn account_key(typed: &str) -> String {
    hex::encode(Sha256::digest(typed.trim().to_lowercase().as_bytes()))
}

impl Platform {
    /// Takes a try from the buckets of the address, the account and everybody, before any password is hashed.
    ///
    /// # Errors
    /// [`Error::Throttled`] when one of them is empty.
    pub(crate) async fn throttle(&self, typed_email: &str, request: &RequestFacts) -> Result<()> {
        let buckets = [
            (format!("sign-in from {}", neighbourhood(request.address.as_deref())), OF_ADDRESS),
            (format!("sign-in as {}", account_key(typed_email)), OF_ACCOUNT),
            ("sign-in".to_owned(), OF_ALL),
        ];
        self.take(buckets, "a sign-in", request).await
    }

    /// Takes a token from each of some buckets. `what` is tried, for the log.
    ///
    /// # Errors
    /// [`Error::Throttled`] when one of them is empty.
    async fn take(&self, buckets: [(String, Bucket); 3], what: &str, request: &RequestFacts) -> Result<()> {
        let now = self.now();
        let mut tx = self.parts().database.system().await?;
        let mut denied = None;
        for (key, bucket) in buckets {
            if let Taken::Denied { retry_after } = throttle::take(&mut tx, &key, bucket, now).await? {
                denied = Some(retry_after);
                break;
            }
        }
        tx.housekeep(Housekeeping::Throttle).await?;
        match denied {
            Some(retry_after) => {
                tracing::warn!(request = %request.id, address = request.address, "{what} was throttled");
                Err(Error::Throttled { retry_after })
            }
            None => Ok(()),
        }
    }

    /// Signs a browser in, in a transaction that goes on.
    pub(crate) async fn open_session(&self, tx: &mut SystemTx, person: PersonId, client: &Client) -> Result<Session> {
        let (token, now) = (Token::generate(self.parts().entropy.as_ref()), self.now());
        let session = rows::NewSession {
            id: self.new_id(),
            person,
            token_hash: token.hash(),
            created_at: now,
            expires_at: now.after(self.settings().session_absolute),
            address: client.request.address.clone(),
            agent: client.agent.as_deref().map(|agent| cut(&one_line(agent), LONGEST_AGENT)),
        };
        rows::create(tx, &session).await?;
        let tenancies = database::tenants::of_person(tx, person).await?;
        Ok(Session { token: token.text(), expires_at: session.expires_at, tenants: TenantShown::open(tenancies) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_is_kept_in_one_form() {
        assert_eq!(email("  Fin.Clerk+x@Acme.Example "), Ok("fin.clerk+x@acme.example".to_owned()));
        assert_eq!(email("root@localhost"), Ok("root@localhost".to_owned()));
        for wrong in
            ["", "  ", "fin", "@acme.example", "fin@", "a b@acme.example", "fin@acme.example\r\nBcc: x@y.example", "ﬁn@acme.example"]
        {
            assert!(email(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["fin@[127.0.0.1]", "\"a b\"@acme.example", &format!("{}@acme.example", "x".repeat(250))] {
            assert!(email(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_name_is_one_line_of_limited_length() {
        assert_eq!(name(" Ada\r\n Lovelace ", 100), Ok("Ada Lovelace".to_owned()));
        assert!(name("\u{200b}\t", 100).is_err());
        assert!(name("xxxx", 3).is_err());
    }

    #[test]
    fn neighbours_share_a_bucket_and_nobody_escapes_by_another_spelling() {
        assert_eq!(neighbourhood(Some("192.0.2.7")), neighbourhood(Some("192.0.2.250")));
        assert_eq!(neighbourhood(Some("192.0.2.7")), neighbourhood(Some("::ffff:192.0.2.7")));
        assert_ne!(neighbourhood(Some("192.0.2.7")), neighbourhood(Some("192.0.3.7")));
        assert_eq!(neighbourhood(Some("2001:db8:1:2::1")), neighbourhood(Some("2001:db8:1:2:ffff::")));
        assert_ne!(neighbourhood(Some("2001:db8:1:2::1")), neighbourhood(Some("2001:db8:1:3::1")));
        assert_eq!(neighbourhood(None), neighbourhood(Some("not an address")));
        assert_eq!(account_key(" FIN@acme.example"), account_key("fin@ACME.example "));
    }
}
