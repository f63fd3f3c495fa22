//! Rows that cannot be used before somebody said what for.
//!
//! A row comes out of the database as [`Guarded`]; [`Guarded::authorize`] names a permission and
//! gives [`Authorized`], the form that changes and displays demand. What an actor may not even read
//! does not exist for them; what they may read but not do is forbidden.

use std::{fmt, marker::PhantomData, ops::Deref};

use crate::{
    actor::Actor,
    permission::{Permission, PermissionMarker},
};

/// A kind of row that is protected by a permission to read it.
pub trait Protected {
    /// What it takes to know that the row exists.
    type Read: PermissionMarker;
    /// The word for this kind in messages and in the audit log.
    const KIND: &'static str;
    /// The public id, for the record of a denial.
    fn public_id(&self) -> String;
}

/// A row nobody has asked permission for yet.
pub struct Guarded<T>(T);

/// A row together with the proof that the actor holds `P`.
pub struct Authorized<'actor, P, T> {
    row: T,
    actor: &'actor Actor,
    permission: PhantomData<fn() -> P>,
}

/// Why a row may not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// The actor may not know of it: answered as if there were nothing.
    NotFound {
        /// The word for the kind of row.
        kind: &'static str,
        /// The permission that was missing, for the record.
        permission: Permission,
        /// The public id, for the record.
        id: String,
    },
    /// The actor may see it, but not do this.
    Forbidden {
        /// The word for the kind of row.
        kind: &'static str,
        /// The permission that is missing.
        permission: Permission,
        /// The public id, for the record.
        id: String,
    },
}

impl<T: Protected> Guarded<T> {
    /// Puts a row under guard. Only the statement files of `database` call this.
    pub const fn new(row: T) -> Self {
        Self(row)
    }

    /// The row, for an actor who holds `P`.
    ///
    /// # Errors
    /// [`Denied::NotFound`] for one who may not read it, [`Denied::Forbidden`] for one who may only read it.
    pub fn authorize<P: PermissionMarker>(self, actor: &Actor) -> Result<Authorized<'_, P, T>, Denied> {
        if actor.may(P::PERMISSION) && actor.may(T::Read::PERMISSION) {
            return Ok(Authorized { row: self.0, actor, permission: PhantomData });
        }
        let (kind, id) = (T::KIND, self.0.public_id());
        Err(if actor.may(T::Read::PERMISSION) {
            Denied::Forbidden { kind, permission: P::PERMISSION, id }
        } else {
            Denied::NotFound { kind, permission: T::Read::PERMISSION, id }
        })
    }
}

impl<'actor, P, T> Authorized<'actor, P, T> {
    /// The actor who was authorized.
    pub const fn actor(&self) -> &'actor Actor {
        self.actor
    }

    /// The row, for display.
    pub fn into_inner(self) -> T {
        self.row
    }
}

impl<P, T> Deref for Authorized<'_, P, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.row
    }
}

impl<T> fmt::Debug for Guarded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guarded(..)")
    }
}

/// The part of a tenant that an actor may see or act on with `P`. Lists and creations take one.
///
/// Today a scope is always the whole tenant of the actor; bindings to folders and single resources
/// will narrow it.
pub struct Scope<'actor, P> {
    actor: &'actor Actor,
    permission: PhantomData<fn() -> P>,
}

impl<'actor, P: PermissionMarker> Scope<'actor, P> {
    /// The scope of an actor; `kind` names what is listed, for the record of a denial.
    ///
    /// # Errors
    /// [`Denied::Forbidden`] when the actor does not hold `P` anywhere.
    pub fn of(actor: &'actor Actor, kind: &'static str) -> Result<Self, Denied> {
        if actor.may(P::PERMISSION) {
            Ok(Self { actor, permission: PhantomData })
        } else {
            Err(Denied::Forbidden { kind, permission: P::PERMISSION, id: String::new() })
        }
    }

    /// The actor whose scope it is.
    pub const fn actor(&self) -> &'actor Actor {
        self.actor
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        actor::{Grants, PolicyVersion, RequestFacts},
        id::{Id, PersonId},
        permission::{RunCancel, RunRead},
    };

    struct Row;
    impl Protected for Row {
        type Read = RunRead;
        const KIND: &'static str = "run";
        fn public_id(&self) -> String {
            "run_x".to_owned()
        }
    }

    fn actor(permissions: &[Permission]) -> Actor {
        let bits = permissions.iter().fold(0, |bits, permission| bits | permission.bit());
        let grants = Grants::recorded(bits, PolicyVersion(Uuid::nil()));
        let request = RequestFacts { id: Id::from_uuid(Uuid::nil()), address: None };
        Actor::at_page(Id::from_uuid(Uuid::nil()), PersonId::from_uuid(Uuid::nil()), "a@b.example".to_owned(), grants, request)
    }

    #[test]
    fn what_may_not_be_read_does_not_exist() {
        let nobody = actor(&[Permission::RunCancel]);
        assert!(matches!(Guarded::new(Row).authorize::<RunCancel>(&nobody), Err(Denied::NotFound { .. })));
    }

    #[test]
    fn what_may_be_read_but_not_done_is_forbidden() {
        let reader = actor(&[Permission::RunRead]);
        assert!(Guarded::new(Row).authorize::<RunRead>(&reader).is_ok());
        assert!(matches!(Guarded::new(Row).authorize::<RunCancel>(&reader), Err(Denied::Forbidden { .. })));
    }
}
