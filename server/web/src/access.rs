//! Who may come in: the three kinds of access a route can have, and the door that each gives its handler.
//!
//! [`Public`] gives a [`Visitor`], [`SignedIn`] an [`Account`], [`Member`] a [`Grant`]: the first argument of the handler.
//! None of them can be had but from a route, and a handler that wants another one than its route gives does not compile.

use std::{cell::OnceCell, future::Future, marker::PhantomData, rc::Rc};

use domain::{Actor, Denied, Permission, PermissionMarker, SessionId};
use platform::{Platform, access::MemberDoor, identity::SignedIn as SignedInPerson};

use crate::{
    page::{self, Page},
    route::Result,
    visit::Visit,
};

/// A signed-in browser.
pub struct Session {
    csrf: String,
    person: SignedInPerson,
}

impl Session {
    /// The id of the session.
    pub const fn id(&self) -> SessionId {
        self.person.session.id
    }

    /// The person's name.
    pub fn name(&self) -> &str {
        &self.person.name
    }

    /// The person's e-mail address.
    pub fn email(&self) -> &str {
        &self.person.email
    }

    /// The token that the forms of this session carry.
    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    /// The person, for the verbs of identity.
    pub(crate) const fn person(&self) -> &SignedInPerson {
        &self.person
    }
}

/// All that is known of the one who asks, as far as it is known yet: what is found out on the way stays known when the
/// way ends early, for the record of a denial and for the frame of the page that tells of it.
pub struct Caller {
    pub(crate) visit: Rc<Visit>,
    session: OnceCell<Rc<Session>>,
    actor: OnceCell<Rc<Actor>>,
}

/// Why a door stays shut.
pub(crate) enum Shut {
    /// Nobody is signed in.
    SignedOut,
    /// What the platform said.
    Refused(platform::Error),
}

impl From<platform::Error> for Shut {
    fn from(error: platform::Error) -> Self {
        Self::Refused(error)
    }
}

/// A kind of access; one of [`Public`], [`SignedIn`] and [`Member`].
pub trait Access: Copy + Send + Sync + 'static {
    /// What the handler is given first.
    type Door: 'static;
    /// The word in the table of routes.
    const NAME: &'static str;
    /// The permission a member needs.
    const PERMISSION: Option<Permission>;
    /// Whether somebody must be signed in.
    const NEEDS_SESSION: bool;

    /// Opens the door to the tenant named by the path, or to nothing in particular.
    #[doc(hidden)]
    fn open(self, caller: Rc<Caller>, slug: Option<&str>) -> impl Future<Output = Opened<Self::Door>>;
}

/// A door, or why it stays shut.
#[doc(hidden)]
pub struct Opened<D>(pub(crate) std::result::Result<D, Shut>);

/// Anybody.
#[derive(Debug, Clone, Copy)]
pub struct Public;

/// Anybody who is signed in.
#[derive(Debug, Clone, Copy)]
pub struct SignedIn;

/// A member of the tenant in the path who has the permission: `Member(RunRead)`.
#[derive(Debug, Clone, Copy)]
pub struct Member<P>(pub P);

/// Anybody: the door of [`Public`].
#[derive(Clone)]
pub struct Visitor {
    caller: Rc<Caller>,
}

/// A signed-in person: the door of [`SignedIn`].
#[derive(Clone)]
pub struct Account {
    caller: Rc<Caller>,
    session: Rc<Session>,
}

/// A member who has the permission `P`: the door of [`Member`].
pub struct Grant<P> {
    caller: Rc<Caller>,
    session: Rc<Session>,
    actor: Rc<Actor>,
    slug: String,
    permission: PhantomData<fn() -> P>,
}

impl<P> Clone for Grant<P> {
    fn clone(&self) -> Self {
        Self {
            caller: Rc::clone(&self.caller),
            session: Rc::clone(&self.session),
            actor: Rc::clone(&self.actor),
            slug: self.slug.clone(),
            permission: PhantomData,
        }
    }
}

impl Access for Public {
    type Door = Visitor;
    const NAME: &'static str = "public";
    const PERMISSION: Option<Permission> = None;
    const NEEDS_SESSION: bool = false;

    async fn open(self, caller: Rc<Caller>, _slug: Option<&str>) -> Opened<Visitor> {
        Opened(Ok(Visitor { caller }))
    }
}

impl Access for SignedIn {
    type Door = Account;
    const NAME: &'static str = "signed_in";
    const PERMISSION: Option<Permission> = None;
    const NEEDS_SESSION: bool = true;

    async fn open(self, caller: Rc<Caller>, _slug: Option<&str>) -> Opened<Account> {
        Opened(caller.session().map(|session| Account { caller, session }).ok_or(Shut::SignedOut))
    }
}

impl<P: PermissionMarker> Access for Member<P> {
    type Door = Grant<P>;
    const NAME: &'static str = "member";
    const PERMISSION: Option<Permission> = Some(P::PERMISSION);
    const NEEDS_SESSION: bool = true;

    async fn open(self, caller: Rc<Caller>, slug: Option<&str>) -> Opened<Grant<P>> {
        Opened(open_to_member(caller, slug).await)
    }
}

async fn open_to_member<P: PermissionMarker>(caller: Rc<Caller>, slug: Option<&str>) -> std::result::Result<Grant<P>, Shut> {
    let session = caller.session().ok_or(Shut::SignedOut)?;
    let slug = slug.ok_or_else(|| platform::Error::Broken("a route for members has no {slug} in its path".to_owned()))?;
    let actor = caller.enter(&session, slug, MemberDoor::Page).await?;
    if !actor.may(P::PERMISSION) {
        let denied = Denied::Forbidden { kind: "page", permission: P::PERMISSION, id: String::new() };
        return Err(Shut::Refused(denied.into()));
    }
    Ok(Grant { caller, session, actor, slug: slug.to_owned(), permission: PhantomData })
}

impl Caller {
    /// One of whom nothing is known yet.
    pub(crate) const fn stranger(visit: Rc<Visit>) -> Self {
        Self { visit, session: OnceCell::new(), actor: OnceCell::new() }
    }

    /// Who is signed in, as far as it is known.
    pub(crate) fn session(&self) -> Option<Rc<Session>> {
        self.session.get().cloned()
    }

    /// The member, as far as it is known.
    pub(crate) fn actor(&self) -> Option<Rc<Actor>> {
        self.actor.get().cloned()
    }

    /// Finds out who is signed in.
    pub(crate) async fn recognise(&self) -> Result<Option<Rc<Session>>> {
        if let Some(known) = self.session() {
            return Ok(Some(known));
        }
        let Some(cookie) = self.visit.cookie() else { return Ok(None) };
        let platform = self.visit.platform();
        let Some(person) = platform.session(cookie.expose()).await? else { return Ok(None) };
        let Some(csrf) = platform.csrf_token(cookie.expose()) else { return Ok(None) };
        Ok(Some(Rc::clone(self.session.get_or_init(|| Rc::new(Session { csrf, person })))))
    }

    /// Enters a tenant. Whatever is denied from now on is denied to this actor.
    async fn enter(&self, session: &Session, slug: &str, door: MemberDoor) -> Result<Rc<Actor>> {
        let actor = self.visit.platform().actor(session.person(), slug, door, self.visit.facts().clone()).await?;
        Ok(Rc::clone(self.actor.get_or_init(|| Rc::new(actor))))
    }
}

impl Visitor {
    /// The request.
    pub fn visit(&self) -> &Visit {
        &self.caller.visit
    }

    /// The platform, for its verbs.
    pub fn platform(&self) -> &Platform {
        self.caller.visit.platform()
    }

    /// Who is signed in, if anybody is.
    pub async fn session(&self) -> Result<Option<Rc<Session>>> {
        self.caller.recognise().await
    }

    /// The frame of a page.
    pub fn page(&self) -> Page {
        page::plain(&self.caller.visit)
    }
}

impl Account {
    /// The request.
    pub fn visit(&self) -> &Visit {
        &self.caller.visit
    }

    /// The platform, for its verbs.
    pub fn platform(&self) -> &Platform {
        self.caller.visit.platform()
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Enters the tenant with this slug by a door: for routes whose path does not name it, such as the link in a mail. One
    /// request enters one tenant.
    ///
    /// # Errors
    /// Not found when the person is no member of it.
    pub async fn enter(&self, slug: &str, door: MemberDoor) -> Result<Rc<Actor>> {
        self.caller.enter(&self.session, slug, door).await
    }

    /// The frame of a page of the tenant that was entered.
    pub async fn page_of(&self, actor: &Actor) -> Result<Page> {
        page::of_member(&self.caller.visit, &self.session, actor).await
    }

    /// The frame of a page; with the navigation of the tenant when the person has exactly one.
    pub async fn page(&self) -> Result<Page> {
        page::of_person(&self.caller.visit, &self.session).await
    }
}

impl<P> Grant<P> {
    /// The request.
    pub fn visit(&self) -> &Visit {
        &self.caller.visit
    }

    /// The platform, for its verbs.
    pub fn platform(&self) -> &Platform {
        self.caller.visit.platform()
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The actor, for the verbs of the platform.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The word for the tenant in addresses.
    pub fn slug(&self) -> &str {
        &self.slug
    }

    /// The address of a page of this tenant; `rest` is empty for its home, else begins with a slash.
    pub fn path(&self, rest: &str) -> String {
        format!("/t/{}{rest}", self.slug)
    }

    /// Whether the actor has a permission: pages do not show what would be refused.
    pub fn may(&self, permission: Permission) -> bool {
        self.actor.may(permission)
    }

    /// The frame of a page.
    pub async fn page(&self) -> Result<Page> {
        page::of_member(&self.caller.visit, &self.session, &self.actor).await
    }
}
