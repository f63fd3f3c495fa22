//! The expenses of the same system that keeps the invoices: what an approved expense report is booked in.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    ledger::{Entered, Ledger},
    stage::{Stage, carries, idempotency_key},
};

/// The key that booking an expense wants as `Authorization: Bearer`.
pub const ERP_KEY: &str = "rehearsal-erp-key";

/// An expense that was booked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expense {
    /// Who spent it.
    pub employee: String,
    /// How much.
    pub amount: f64,
    /// Four figures.
    pub cost_centre: String,
}

/// The expenses that were booked, in order.
#[derive(Default)]
pub(crate) struct Expenses(Ledger<Expense>);

impl Expenses {
    pub(crate) fn booked(&self) -> Vec<Expense> {
        self.0.entries()
    }

    fn book(&self, key: Option<&str>, body: &[u8]) -> HttpResponse {
        let expense: Expense = match serde_json::from_slice(body) {
            Ok(expense) => expense,
            Err(error) => return refusal(StatusCode::BAD_REQUEST, &format!("This is no expense: {error}.")),
        };
        let centre = expense.cost_centre.as_bytes();
        if !(expense.amount > 0.0 && expense.amount.is_finite()) || centre.len() != 4 || !centre.iter().all(u8::is_ascii_digit) {
            return refusal(StatusCode::UNPROCESSABLE_ENTITY, "An expense needs an amount above zero and a cost centre of four figures.");
        }
        match self.0.enter(key, expense.clone()) {
            Entered::New(number) => HttpResponse::Created().json(receipt(number, &expense)),
            Entered::Again(number) => HttpResponse::Ok().insert_header(("Idempotent-Replay", "true")).json(receipt(number, &expense)),
            Entered::KeyTaken => refusal(StatusCode::CONFLICT, "This Idempotency-Key was used for another expense."),
        }
    }
}

fn receipt(number: usize, expense: &Expense) -> Value {
    json!({
        "id": format!("EXP-{number:04}"),
        "employee": expense.employee,
        "amount": expense.amount,
        "cost_centre": expense.cost_centre,
        "status": "booked",
        "rehearsal": "invoice-book",
    })
}

fn refusal(status: StatusCode, why: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"rehearsal": "invoice-book", "error": why}))
}

#[expect(clippy::disallowed_methods, reason = "a look-alike of another service has routes of its own")]
pub(crate) fn routes(config: &mut web::ServiceConfig, expenses: &Arc<Expenses>) {
    config.app_data(web::Data::from(Arc::clone(expenses))).route("/expenses", web::get().to(list)).route("/expenses", web::post().to(book));
}

async fn list(stage: web::Data<Stage>, expenses: web::Data<Expenses>, request: HttpRequest) -> HttpResponse {
    let answer = || HttpResponse::Ok().json(json!({"rehearsal": "invoice-book", "expenses": expenses.booked()}));
    stage.perform(&request, b"", answer).await
}

async fn book(stage: web::Data<Stage>, expenses: web::Data<Expenses>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let work = || {
        if carries(&request, ERP_KEY) {
            expenses.book(idempotency_key(&request), &body)
        } else {
            refusal(StatusCode::UNAUTHORIZED, "Booking an expense wants its key as Authorization: Bearer.")
        }
    };
    stage.perform(&request, &body, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expense_is_booked_once_for_each_key() {
        let expenses = Expenses::default();
        let body = br#"{"employee":"Dana","amount":80.5,"cost_centre":"4711"}"#;
        assert_eq!(expenses.book(Some("k"), body).status(), 201);
        assert_eq!(expenses.book(Some("k"), body).status(), 200);
        assert_eq!(expenses.book(Some("k"), br#"{"employee":"Dana","amount":8,"cost_centre":"4711"}"#).status(), 409);
        assert_eq!(expenses.booked(), [Expense { employee: "Dana".to_owned(), amount: 80.5, cost_centre: "4711".to_owned() }]);
    }

    #[test]
    fn what_is_no_expense_is_not_booked() {
        let expenses = Expenses::default();
        for (body, status) in [
            (&b"book!"[..], 400),
            (br#"{"employee":"Dana","amount":"80","cost_centre":"4711"}"#, 400),
            (br#"{"employee":"Dana","amount":0,"cost_centre":"4711"}"#, 422),
            (br#"{"employee":"Dana","amount":80,"cost_centre":"47"}"#, 422),
        ] {
            assert_eq!(expenses.book(None, body).status(), status);
        }
        assert!(expenses.booked().is_empty());
    }
}
