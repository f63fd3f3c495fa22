//! Moments, for steps: read, written and formatted as the filters do it.

use serde_json::Value;

use super::{
    error::Fault,
    filters::{self, Form, Wall},
    value::kind,
};

/// A moment, and how it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Microseconds since 1970 in UTC; of a date the first of that day in UTC.
    pub(crate) micros: i64,
    form: Form,
}

impl Moment {
    /// The moment in a value.
    ///
    /// # Errors
    /// A sentence that says why there is none.
    pub(crate) fn of(value: &Value) -> Result<Self, String> {
        let wanted = || Fault::Type(format!("is a date or a number of microseconds since 1970, not {}", kind(value)));
        filters::moment(value, wanted).map(|(micros, form)| Self { micros, form }).map_err(sentence)
    }

    /// Whether it is a date alone.
    pub(crate) fn is_day(&self) -> bool {
        self.form == Form::Date
    }

    /// Another moment, written as this one was.
    pub(crate) fn written_alike(&self, micros: i64) -> Result<Value, String> {
        filters::in_range(micros).map(|micros| filters::written(micros, self.form)).map_err(sentence)
    }

    /// A moment as RFC 3339, in UTC.
    pub(crate) fn written(micros: i64) -> Result<Value, String> {
        filters::in_range(micros).map(|micros| filters::written(micros, Form::DateTime)).map_err(sentence)
    }
}

/// A moment in a format, as a clock shows it that is so many seconds ahead of UTC, in a zone of that short name.
pub(crate) fn formatted(micros: i64, (ahead, zone): (i64, &str), format: &str) -> Result<String, String> {
    filters::render_at(Wall { micros, ahead, zone }, format).map_err(sentence)
}

/// A format in `%` letters, whichever letters it is given in.
pub(crate) fn percent_letters(format: &str) -> Result<String, String> {
    filters::percent_letters(format).map_err(sentence)
}

fn sentence(fault: Fault) -> String {
    fault.at(0).to_string()
}
