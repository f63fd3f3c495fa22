//! Who there is in a demo, and how they come in: the first of a tenant by its link, the others by an invitation.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use domain::{Actor, Entropy as _, Secret, machine::OsEntropy};
use platform::{
    Platform,
    access::MemberDoor,
    identity::{Client, setup::NewTenant},
    invitations::{Acceptance, Invite},
};
use policy::Role;

use crate::Failure;

/// What stands in the place of an address in every audit event of a sample.
const SAMPLE: &str = "sample";

/// A tenant of the demo.
pub(super) struct Company {
    pub name: &'static str,
    pub slug: &'static str,
    /// The first is the admin.
    staff: [(&'static str, Role); 7],
}

/// Two tenants that look alike, so that whoever looks for one in the other would find something.
pub(super) const COMPANIES: [Company; 2] = [
    Company {
        name: "Acme (samples)",
        slug: "acme",
        staff: [
            ("Ada Adeyemi", Role::Admin),
            ("Dmitri Dorn", Role::Developer),
            ("Elif Erdem", Role::Executor),
            ("Paula Prieto", Role::Approver),
            ("Bruno Baptista", Role::BudgetOwner),
            ("Aiko Aoki", Role::Auditor),
            ("Vera Varga", Role::Viewer),
        ],
    },
    Company {
        name: "Globex (samples)",
        slug: "globex",
        staff: [
            ("Anders Aalto", Role::Admin),
            ("Dalia Doss", Role::Developer),
            ("Emeka Eze", Role::Executor),
            ("Pia Pohl", Role::Approver),
            ("Bela Brandt", Role::BudgetOwner),
            ("Ana Alves", Role::Auditor),
            ("Viktor Voss", Role::Viewer),
        ],
    },
];

/// Somebody who can sign in.
pub(super) struct Person {
    pub company: &'static Company,
    pub role: Role,
    email: String,
    password: Secret,
    session: Secret,
}

impl Person {
    /// Acts, with the rights they have now.
    pub async fn actor(&self, platform: &Platform) -> Result<Actor, Failure> {
        let signed_in = platform.session(self.session.expose()).await.map_err(Failure::new)?;
        let signed_in = signed_in.ok_or_else(|| Failure::new(format!("The session of {} has ended.", self.email)))?;
        let request = platform.new_request(Some(SAMPLE.to_owned()));
        platform.actor(&signed_in, self.company.slug, MemberDoor::Page, request).await.map_err(Failure::new)
    }

    /// Signs out.
    pub async fn leave(&self, platform: &Platform) -> Result<(), Failure> {
        let Some(signed_in) = platform.session(self.session.expose()).await.map_err(Failure::new)? else { return Ok(()) };
        platform.sign_out(&signed_in, &platform.new_request(Some(SAMPLE.to_owned()))).await.map_err(Failure::new)
    }
}

fn client(platform: &Platform) -> Client {
    Client { request: platform.new_request(Some(SAMPLE.to_owned())), agent: Some("mandate demo".to_owned()) }
}

/// 80 random bits in letters that are told apart.
fn random_password() -> Secret {
    const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0_u8; 16];
    OsEntropy.fill(&mut bytes);
    let signs = bytes.iter().filter_map(|byte| SIGNS.get(usize::from(byte % 32)));
    Secret::new(signs.map(|sign| char::from(*sign)).collect::<String>())
}

fn email_of(name: &str, company: &Company) -> String {
    let first = name.split(' ').next().unwrap_or(name);
    format!("{}@{}.example", first.to_lowercase(), company.slug)
}

/// Makes a tenant with everybody in it, and what its workflows need.
pub(super) async fn move_in(platform: &Platform, company: &'static Company) -> Result<Vec<Person>, Failure> {
    let link = match platform.setup_link().await.map_err(Failure::new)? {
        Some(link) => link,
        None => platform.tenant_invite(),
    };
    let mut staff = company.staff.iter();
    let (admin_name, admin_role) = staff.next().ok_or_else(|| Failure::new("A tenant begins with its admin."))?;
    let (email, password) = (email_of(admin_name, company), random_password());
    let tenant = NewTenant {
        tenant_name: company.name.to_owned(),
        slug: Some(company.slug.to_owned()),
        name: (*admin_name).to_owned(),
        email: email.clone(),
        password: password.clone(),
    };
    let token = link.rsplit('/').next().unwrap_or(&link);
    let made = platform.set_up(token, tenant, &client(platform)).await.map_err(Failure::new)?;
    let admin = Person { company, role: *admin_role, email, password, session: made.session.token };
    platform.install_samples(&admin.actor(platform).await?).await.map_err(Failure::new)?;
    let mut people = vec![admin];
    for (name, role) in staff {
        let person = join(platform, &people, company, name, *role).await?;
        people.push(person);
    }
    Ok(people)
}

/// Is invited by the admin, finds the mail and accepts.
async fn join(
    platform: &Platform,
    people: &[Person],
    company: &'static Company,
    name: &'static str,
    role: Role,
) -> Result<Person, Failure> {
    let admin = people.first().ok_or_else(|| Failure::new("Somebody has to invite."))?.actor(platform).await?;
    let email = email_of(name, company);
    platform.invite(&admin, Invite { email: email.clone(), name: name.to_owned(), role }).await.map_err(Failure::new)?;
    let mails = platform.mailbox().await.map_err(Failure::new)?;
    let token = mails.iter().filter(|mail| mail.to == email).find_map(|mail| token_in(&mail.text));
    let token = token.ok_or_else(|| Failure::new(format!("The invitation of {email} is not in the mailbox.")))?;
    let password = random_password();
    let acceptance = Acceptance::Password { name: name.to_owned(), password: password.clone() };
    let accepted = platform.accept_invitation(token, acceptance, &client(platform)).await.map_err(Failure::new)?;
    let session = accepted.session.ok_or_else(|| Failure::new(format!("{email} accepted and has no session.")))?;
    Ok(Person { company, role, email, password, session: session.token })
}

/// The token of the link to an invitation in the text of its mail.
fn token_in(text: &str) -> Option<&str> {
    let (_, link) = text.split_once("/invitations/")?;
    link.split(|sign: char| sign.is_whitespace() || sign == '>').next()
}

/// Where the list of people of a demo is kept.
pub(super) fn file(directory: &Path) -> PathBuf {
    directory.join("people.txt")
}

/// Everybody, with the password that opens their door.
pub(super) fn list(people: &[Person]) -> Secret {
    let mut text = String::new();
    for company in &COMPANIES {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", company.name);
        for person in people.iter().filter(|person| person.company.slug == company.slug) {
            let _ = writeln!(text, "  {:<13} {:<24} {}", person.role.name(), person.email, person.password.expose());
        }
    }
    Secret::new(text)
}

/// What [`list`] wrote.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    let text = fs::read_to_string(file);
    text.map_err(|error| Failure::new(format!("The list of people {} cannot be read: {error}.", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_an_invitation_is_found_in_its_mail() {
        assert_eq!(token_in("Join here:\nhttp://127.0.0.1:8080/invitations/abc-DEF_1\n\nBye"), Some("abc-DEF_1"));
        assert_eq!(token_in("<http://127.0.0.1:8080/invitations/abc>"), Some("abc"));
        assert_eq!(token_in("nothing"), None);
    }

    #[test]
    fn both_tenants_have_somebody_in_every_role_and_no_two_have_the_same_address() {
        let mut emails = std::collections::BTreeSet::new();
        for company in &COMPANIES {
            for role in Role::ALL {
                assert_eq!(company.staff.iter().filter(|(_, held)| held == role).count(), 1, "{} {role:?}", company.name);
            }
            emails.extend(company.staff.iter().map(|(name, _)| email_of(name, company)));
        }
        assert_eq!(emails.len(), 14);
    }

    #[test]
    fn two_passwords_are_never_the_same() {
        let (one, other) = (random_password(), random_password());
        assert_eq!(one.expose().len(), 16);
        assert_ne!(one.expose(), other.expose());
    }
}
