//! An invoice book: three invoices that are always the same, and every other number made from its digits. The
//! [expenses](crate::expenses) are booked at the same address, as in systems that keep both.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use crate::{
    expenses::{self, Expenses},
    stage::Stage,
};

#[expect(clippy::disallowed_methods, reason = "a look-alike of another service has routes of its own")]
pub(crate) fn routes(expenses: Arc<Expenses>) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config.route("/", web::get().to(index)).route("/invoices/{id}", web::get().to(read));
        expenses::routes(config, &expenses);
    }
}

async fn index(stage: web::Data<Stage>, request: HttpRequest) -> HttpResponse {
    let text = "It stands in for the place where invoices are kept and expenses are booked. Ask for <code>/invoices/INV-20417</code>, or for \
                any number of four to eight digits. See <a href=\"/expenses\">what was booked</a>.";
    stage.perform(&request, b"", || stage.page("Invoices and expenses", text)).await
}

async fn read(stage: web::Data<Stage>, request: HttpRequest, id: web::Path<String>) -> HttpResponse {
    let answer = || match invoice(&id) {
        Some(invoice) => HttpResponse::Ok().json(invoice),
        None => HttpResponse::NotFound().json(json!({"rehearsal": "invoice-book", "error": "There is no such invoice."})),
    };
    stage.perform(&request, b"", answer).await
}

const VENDORS: [&str; 6] =
    ["Nordlicht Druck", "Bergmann Logistik", "Atelier Sommer", "Hafenkontor IT", "Papeterie Blum", "Gustav Reinigung"];
const TEXTS: [&str; 5] = ["Printing", "Paper and toner", "Delivery", "Consulting, hourly", "Maintenance"];

/// The invoice of that number: `INV-` and four to eight digits, the form vendor payments ask for.
fn invoice(id: &str) -> Option<Value> {
    let digits =
        id.strip_prefix("INV-").filter(|digits| (4..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let written = match id {
        "INV-20417" => Written {
            vendor: "Nordlicht Druck",
            status: "open",
            iban: "DE02120300000000202051".to_owned(),
            lines: vec![("Annual report, 400 copies", 162_000), ("Delivery", 22_050)],
        },
        "INV-1001" => Written { vendor: "Papeterie Blum", status: "open", iban: iban(1001), lines: vec![("Paper and toner", 8_420)] },
        "INV-1002" => Written { vendor: "Gustav Reinigung", status: "paid", iban: iban(1002), lines: vec![("Maintenance", 21_300)] },
        _ => made_up(digits),
    };
    Some(written.into_value(id))
}

struct Written {
    vendor: &'static str,
    status: &'static str,
    iban: String,
    /// Text and amount in cents.
    lines: Vec<(&'static str, u64)>,
}

impl Written {
    fn into_value(self, id: &str) -> Value {
        let total: u64 = self.lines.iter().map(|(_, cents)| cents).sum();
        let lines: Vec<_> = self.lines.iter().map(|&(text, cents)| json!({"text": text, "amount": euros(cents)})).collect();
        json!({
            "id": id,
            "vendor": self.vendor,
            "amount": euros(total),
            "currency": "EUR",
            "status": self.status,
            "iban": self.iban,
            "lines": lines,
            "rehearsal": "invoice-book",
        })
    }
}

/// Cents as euros; exact to the cent for every amount this book makes.
fn euros(cents: u64) -> f64 {
    cents as f64 / 100.0
}

/// An open invoice between about 20 and 4,300 euros, always the same for the same digits.
fn made_up(digits: &str) -> Written {
    // FNV-1a: any fixed function that scatters neighbouring numbers would do.
    let seed = digits.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let pick = |list: &[&'static str], shift: u32| {
        let index = usize::try_from((seed >> shift) % list.len() as u64).unwrap_or(0);
        list.get(index).copied().unwrap_or_default()
    };
    let lines =
        (0..=(seed >> 8) % 3).zip([12_u32, 24, 36]).map(|(_, shift)| (pick(&TEXTS, shift), 2_000 + (seed >> shift) % 141_000)).collect();
    Written { vendor: pick(&VENDORS, 40), status: "open", iban: iban(seed), lines }
}

/// A German account number with right check digits (ISO 13616: the rearranged digits give 1 modulo 97).
fn iban(seed: u64) -> String {
    let account = 120_300_000_000_000_000 + seed % 10_000_000_000;
    // D is 13 and E is 14.
    let check = 98 - (u128::from(account) * 1_000_000 + 131_400) % 97;
    format!("DE{check:02}{account}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_invoices_never_change() {
        let invoice = |id| invoice(id).unwrap();
        let big = invoice("INV-20417");
        assert_eq!((&big["amount"], &big["iban"]), (&json!(1840.5), &json!("DE02120300000000202051")));
        assert_eq!((&big["vendor"], &big["status"]), (&json!("Nordlicht Druck"), &json!("open")));
        assert!(invoice("INV-1001")["amount"].as_f64().unwrap() < 1000.0);
        assert_eq!(invoice("INV-1002")["status"], "paid");
    }

    #[test]
    fn any_other_number_is_an_open_invoice_that_adds_up() {
        for number in 3000..3200 {
            let id = format!("INV-{number}");
            let one = invoice(&id).unwrap();
            assert_eq!(Some(&one), invoice(&id).as_ref(), "the same each time");
            let cents = |value: &Value| (value["amount"].as_f64().unwrap() * 100.0).round() as u64;
            let lines = one["lines"].as_array().unwrap();
            assert_eq!(lines.iter().map(cents).sum::<u64>(), cents(&one), "{one}");
            assert_eq!((one["iban"].as_str().unwrap().len(), &one["status"]), (22, &json!("open")));
        }
    }

    #[test]
    fn account_numbers_have_right_check_digits() {
        for seed in [0, 202_051, 7, u64::MAX] {
            let iban = iban(seed);
            let digits: u128 = format!("{}1314{}", &iban[4..], &iban[2..4]).parse().unwrap();
            assert_eq!(digits % 97, 1, "{iban}");
        }
        assert_eq!(iban(202_051), "DE02120300000000202051");
    }

    #[test]
    fn what_is_no_invoice_number_has_no_invoice() {
        for id in ["INV-123", "INV-123456789", "inv-2000", "2000", "INV-20x7", ""] {
            assert_eq!(invoice(id), None, "{id}");
        }
    }
}
