//! A payment desk that never pays twice for one idempotency key, and counts how often it was asked.

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::stage::{Stage, carries, idempotency_key};

/// The key that the desk wants as `Authorization: Bearer`.
pub const PAYMENT_DESK_KEY: &str = "rehearsal-payment-desk-key";

/// A payment that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    /// `PAY-0001` and so on.
    pub id: String,
    /// The invoice that was paid.
    pub invoice: String,
    /// The account it was paid to.
    pub iban: String,
    /// How much, in `currency`.
    pub amount: f64,
    /// Such as `EUR`.
    pub currency: String,
    /// The `Idempotency-Key` it was asked with, if any.
    pub idempotency_key: Option<String>,
    /// How often it was asked for.
    pub requests: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    invoice: String,
    iban: String,
    amount: f64,
    currency: String,
}

#[derive(Default)]
struct Books {
    /// Every request for a payment that carried the right key, whatever became of it.
    requests: u32,
    payments: Vec<Payment>,
}

#[derive(Default)]
pub(crate) struct PaymentDesk(Mutex<Books>);

impl PaymentDesk {
    pub(crate) fn payments(&self) -> Vec<Payment> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).payments.clone()
    }

    fn pay(&self, key: Option<&str>, body: &[u8]) -> HttpResponse {
        let mut books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        books.requests += 1;
        let order: Order = match serde_json::from_slice(body) {
            Ok(order) => order,
            Err(error) => return refusal(400, &format!("This is not an order for a payment: {error}.")),
        };
        if !(order.amount > 0.0 && order.amount.is_finite()) || order.iban.trim().is_empty() || order.invoice.trim().is_empty() {
            return refusal(422, "A payment needs an invoice, an account and an amount above zero.");
        }
        let before = books.payments.iter_mut().find(|payment| key.is_some() && payment.idempotency_key.as_deref() == key);
        if let Some(payment) = before {
            let Order { invoice, iban, amount, currency } = order;
            if (&payment.invoice, &payment.iban, &payment.currency) != (&invoice, &iban, &currency)
                || payment.amount.to_bits() != amount.to_bits()
            {
                return refusal(409, "This Idempotency-Key was used for another payment.");
            }
            payment.requests += 1;
            return HttpResponse::Ok().insert_header(("Idempotent-Replay", "true")).json(receipt(payment));
        }
        let payment = Payment {
            id: format!("PAY-{:04}", books.payments.len() + 1),
            invoice: order.invoice,
            iban: order.iban,
            amount: order.amount,
            currency: order.currency,
            idempotency_key: key.map(str::to_owned),
            requests: 1,
        };
        let receipt = receipt(&payment);
        books.payments.push(payment);
        HttpResponse::Created().json(receipt)
    }

    fn list(&self) -> Value {
        let books = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let payments: Vec<_> = books
            .payments
            .iter()
            .map(|payment| {
                json!({
                    "id": payment.id,
                    "invoice": payment.invoice,
                    "iban": payment.iban,
                    "amount": payment.amount,
                    "currency": payment.currency,
                    "idempotency_key": payment.idempotency_key,
                    "requests": payment.requests,
                })
            })
            .collect();
        json!({"rehearsal": "payment-desk", "requests": books.requests, "payments": payments})
    }
}

fn receipt(payment: &Payment) -> Value {
    json!({
        "id": payment.id,
        "invoice": payment.invoice,
        "iban": payment.iban,
        "amount": payment.amount,
        "currency": payment.currency,
        "status": "paid",
        "rehearsal": "payment-desk",
    })
}

fn refusal(status: u16, why: &str) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).unwrap_or(actix_web::http::StatusCode::BAD_REQUEST);
    HttpResponse::build(status).json(json!({"rehearsal": "payment-desk", "error": why}))
}

#[expect(clippy::disallowed_methods, reason = "a look-alike of another service has routes of its own")]
pub(crate) fn routes(desk: Arc<PaymentDesk>) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .app_data(web::Data::from(Arc::clone(&desk)))
            .route("/", web::get().to(index))
            .route("/payments", web::get().to(list))
            .route("/payments", web::post().to(pay));
    }
}

async fn index(stage: web::Data<Stage>, request: HttpRequest) -> HttpResponse {
    let text = "It stands in for the place that pays. No money moves; it writes down what it was asked and pays once for each \
                <code>Idempotency-Key</code>. See <a href=\"/payments\">what it was asked</a>.";
    stage.perform(&request, b"", || stage.page("Payment desk", text)).await
}

async fn list(stage: web::Data<Stage>, desk: web::Data<PaymentDesk>, request: HttpRequest) -> HttpResponse {
    stage.perform(&request, b"", || HttpResponse::Ok().json(desk.list())).await
}

async fn pay(stage: web::Data<Stage>, desk: web::Data<PaymentDesk>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let work = || {
        if !carries(&request, PAYMENT_DESK_KEY) {
            return refusal(401, "The payment desk wants its key as Authorization: Bearer.");
        }
        desk.pay(idempotency_key(&request), &body)
    };
    stage.perform(&request, &body, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &[u8; 88] = br#"{"invoice":"INV-20417","iban":"DE02120300000000202051","amount":1840.5,"currency":"EUR"}"#;

    #[test]
    fn the_same_key_never_pays_twice() {
        let desk = PaymentDesk::default();
        assert_eq!(desk.pay(Some("k"), ORDER).status(), 201);
        assert_eq!(desk.pay(Some("k"), ORDER).status(), 200);
        assert_eq!(desk.pay(Some("k"), &ORDER.map(|byte| if byte == b'8' { b'9' } else { byte })).status(), 409);
        let payments = desk.payments();
        assert_eq!((payments.len(), payments[0].requests, payments[0].id.as_str()), (1, 2, "PAY-0001"));
        assert_eq!(desk.list()["requests"], 3);
    }

    #[test]
    fn without_a_key_each_request_pays() {
        let desk = PaymentDesk::default();
        desk.pay(None, ORDER);
        desk.pay(None, ORDER);
        desk.pay(Some("k"), ORDER);
        assert_eq!(desk.payments().len(), 3);
    }

    #[test]
    fn what_is_no_order_pays_nothing() {
        let desk = PaymentDesk::default();
        for (body, status) in [
            (&b"pay!"[..], 400),
            (br#"{"invoice":"a","iban":"b","amount":"5","currency":"EUR"}"#, 400),
            (br#"{"invoice":"a","iban":"b","amount":5,"currency":"EUR","tip":1}"#, 400),
            (br#"{"invoice":"a","iban":"b","amount":0,"currency":"EUR"}"#, 422),
            (br#"{"invoice":"a","iban":" ","amount":5,"currency":"EUR"}"#, 422),
        ] {
            assert_eq!(desk.pay(Some("k"), body).status(), status);
        }
        assert!(desk.payments().is_empty());
    }
}
