//! Templates turned into answers, and forms that are shown again with what was wrong in them.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER},
    },
};
use askama::Template;
use domain::{Problem, problem::FieldProblem};

use crate::route::{Answer, Result};

/// The content type of pages and fragments.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// What is wrong with one field, for `ui::error_summary` and the `error` of `ui::field`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormError {
    /// The name of the field; empty for the form as a whole.
    pub field: String,
    /// What is wrong, as a sentence.
    pub message: String,
}

/// Everything that is wrong with a form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormErrors(pub Vec<FormError>);

impl FormErrors {
    /// None: the form is shown for the first time.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// What is wrong with a field; empty when nothing is.
    pub fn of(&self, field: &str) -> &str {
        self.0.iter().find(|error| error.field == field).map_or("", |error| error.message.as_str())
    }
}

/// What came of a verb that a form asked for.
pub enum Outcome<T> {
    /// It was done.
    Done(T),
    /// It was refused in a way that the form itself can show: 409 or 422, and for a sign-in 401, 403 and 429.
    Refused(Refusal),
}

/// Why a form is shown again.
pub struct Refusal {
    /// The status to answer with.
    pub status: StatusCode,
    /// What is wrong, field by field.
    pub errors: FormErrors,
    /// After which time it may be tried again, when it was tried too often.
    pub retry_after: Option<Duration>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let errors = if problem.fields.is_empty() {
            vec![FormError { field: String::new(), message: problem.detail }]
        } else {
            problem.fields.into_iter().map(|FieldProblem { field, message }| FormError { field, message }).collect()
        };
        Self {
            status: StatusCode::from_u16(problem.status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY),
            errors: FormErrors(errors),
            retry_after: problem.retry_after,
        }
    }
}

/// Separates what a form can show from what it cannot: with any of these statuses the form is shown again, every other
/// error goes its way.
pub fn outcome<T>(result: Result<T>, shown_in_form: &[u16]) -> Result<Outcome<T>> {
    match result {
        Ok(done) => Ok(Outcome::Done(done)),
        // A missing right is recorded on its way out and is never for a form.
        Err(error @ platform::Error::Denied(_)) => Err(error),
        Err(error) => {
            let problem = error.problem();
            if !shown_in_form.contains(&problem.status) {
                return Err(error);
            }
            Ok(Outcome::Refused(problem.into()))
        }
    }
}

/// A time to wait as `Retry-After` has it: whole seconds, at least one, and never too few.
pub fn seconds(after: Duration) -> u64 {
    after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0)).max(1)
}

/// A page or fragment with status 200.
pub fn html(template: &impl Template) -> Answer {
    html_with(StatusCode::OK, template)
}

/// A page or fragment with another status.
pub fn html_with(status: StatusCode, template: &impl Template) -> Answer {
    let body = template.render().map_err(|error| platform::Error::Broken(format!("a template could not be rendered: {error}")))?;
    Ok(HttpResponse::build(status).insert_header((CONTENT_TYPE, HTML)).body(body))
}

/// The same, saying when it may be tried again (RFC 9110, 10.2.3).
pub fn html_later(status: StatusCode, retry_after: Option<Duration>, template: &impl Template) -> Answer {
    let mut response = html_with(status, template)?;
    if let Some(after) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds(after).into());
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_shows_what_it_can_and_nothing_else() {
        let refused = outcome::<()>(Err(Problem::field("name", "Enter a name.").into()), &[422]).unwrap();
        let Outcome::Refused(refusal) = refused else { panic!("it was refused") };
        assert_eq!((refusal.status.as_u16(), refusal.errors.of("name"), refusal.errors.of("other")), (422, "Enter a name.", ""));
        let whole = Refusal::from(Problem::conflict("x", "Too late."));
        assert_eq!(whole.errors.of(""), "Too late.");
        assert!(outcome::<()>(Err(Problem::not_found("run").into()), &[422]).is_err());
        let denied = domain::Denied::Forbidden { kind: "run", permission: domain::Permission::RunRead, id: String::new() };
        assert!(outcome::<()>(Err(denied.into()), &[403]).is_err(), "denials are recorded, not shown in forms");
        let throttled = platform::Error::Throttled { retry_after: Duration::from_secs(12) };
        let Outcome::Refused(refusal) = outcome::<()>(Err(throttled), &[429]).unwrap() else { panic!("it was refused") };
        assert_eq!(refusal.retry_after, Some(Duration::from_secs(12)));
    }
}
