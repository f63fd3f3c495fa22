//! Look-alike services on loopback, for those who want to see a workflow signed off before they connect
//! anything real: an invoice book where expenses are booked too, a payment desk that counts what it was asked, a
//! tracker of changes, and a scripted model.
//!
//! Each says in every answer that it is a rehearsal (the header [`LABEL`], and a field where the format
//! leaves room for one). They keep everything in memory, listen on 127.0.0.1 only, and are no part of a
//! server that was not asked to rehearse. Tests steer them through [`Stage`]: Rust calls, never HTTP.
//!
//! To add a service, add a module with its routes beside the others, and a line in [`Rehearsal::start`].
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")
)]

mod expenses;
mod fabricate;
mod invoice_book;
mod ledger;
mod model;
mod payment_desk;
mod script;
mod stage;
mod tracker;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use actix_web::{App, HttpServer, dev::ServerHandle, web};

use self::{expenses::Expenses, model::ScriptedModel, payment_desk::PaymentDesk, tracker::Tracker};
pub use self::{
    expenses::{ERP_KEY, Expense},
    model::{MODEL_KEY, MODEL_NAME},
    payment_desk::{PAYMENT_DESK_KEY, Payment},
    stage::{Recorded, Stage, When},
    tracker::{QUIET_PROJECT, Release, TRACKER_KEY},
};

/// The header field that every answer carries; its value is the name of the service.
pub const LABEL: &str = "X-Mandate-Rehearsal";

/// The ports to listen on; 0 takes a free one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Config {
    /// The invoice book's.
    pub invoice_book: u16,
    /// The payment desk's.
    pub payment_desk: u16,
    /// The tracker's.
    pub tracker: u16,
    /// The scripted model's.
    pub model: u16,
}

/// The running services. They end with [`Rehearsal::stop`], or with the runtime they were started on.
pub struct Rehearsal {
    invoice_book: Running,
    payment_desk: Running,
    tracker: Running,
    model: Running,
    expenses: Arc<Expenses>,
    desk: Arc<PaymentDesk>,
    releases: Arc<Tracker>,
    script: Arc<ScriptedModel>,
}

#[derive(Clone)]
struct Running {
    address: SocketAddr,
    stage: Arc<Stage>,
    handle: ServerHandle,
}

impl Rehearsal {
    /// Starts the services on the present tokio runtime.
    ///
    /// # Errors
    /// When a port is taken; what was started is stopped again.
    pub async fn start(config: Config) -> io::Result<Self> {
        let expenses = Arc::new(Expenses::default());
        let desk = Arc::new(PaymentDesk::default());
        let releases = Arc::new(Tracker::default());
        let script = Arc::new(ScriptedModel::default());
        let mut started = Started::default();
        let invoice_book = started.listen(config.invoice_book, "invoice-book", invoice_book::routes(Arc::clone(&expenses))).await?;
        let payment_desk = started.listen(config.payment_desk, "payment-desk", payment_desk::routes(Arc::clone(&desk))).await?;
        let tracker = started.listen(config.tracker, "tracker", tracker::routes(Arc::clone(&releases))).await?;
        let model = started.listen(config.model, "model", model::routes(Arc::clone(&script))).await?;
        Ok(Self { invoice_book, payment_desk, tracker, model, expenses, desk, releases, script })
    }

    /// Where the invoice book listens: `GET /invoices/{id}`, and `POST /expenses` with the bearer [`ERP_KEY`].
    pub const fn invoice_book(&self) -> SocketAddr {
        self.invoice_book.address
    }

    /// Where the payment desk listens: `POST /payments` with the bearer [`PAYMENT_DESK_KEY`].
    pub const fn payment_desk(&self) -> SocketAddr {
        self.payment_desk.address
    }

    /// Where the tracker listens: `GET /projects/{project}/changes`, and `POST /projects/{project}/releases` with the
    /// bearer [`TRACKER_KEY`].
    pub const fn tracker(&self) -> SocketAddr {
        self.tracker.address
    }

    /// Where the scripted model listens: chat completions under `/v1` with the bearer [`MODEL_KEY`].
    pub const fn model(&self) -> SocketAddr {
        self.model.address
    }

    /// What the invoice book was asked, and how it behaves.
    pub fn invoice_book_stage(&self) -> &Stage {
        &self.invoice_book.stage
    }

    /// What the payment desk was asked, and how it behaves.
    pub fn payment_desk_stage(&self) -> &Stage {
        &self.payment_desk.stage
    }

    /// What the tracker was asked, and how it behaves.
    pub fn tracker_stage(&self) -> &Stage {
        &self.tracker.stage
    }

    /// What the model was asked, and how it behaves.
    pub fn model_stage(&self) -> &Stage {
        &self.model.stage
    }

    /// The payments the desk has made, in order: one for each idempotency key, however often it was asked.
    pub fn payments(&self) -> Vec<Payment> {
        self.desk.payments()
    }

    /// The expenses that were booked, in order: one for each idempotency key.
    pub fn expenses(&self) -> Vec<Expense> {
        self.expenses.booked()
    }

    /// The releases that were announced, in order: one for each idempotency key.
    pub fn releases(&self) -> Vec<Release> {
        self.releases.released()
    }

    /// Lets the model answer the next question with exactly this text; several calls queue up.
    pub fn model_says_next(&self, text: impl Into<String>) {
        self.script.say_next(text.into());
    }

    /// Ends the services at once, with whatever they were answering.
    pub async fn stop(&self) {
        for running in [&self.invoice_book, &self.payment_desk, &self.tracker, &self.model] {
            running.stop().await;
        }
    }
}

/// What listens already while others are being started.
#[derive(Default)]
struct Started(Vec<Running>);

impl Started {
    /// Starts one more; when its port is taken, the others are stopped again.
    async fn listen<R>(&mut self, port: u16, name: &'static str, routes: R) -> io::Result<Running>
    where
        R: Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    {
        match listen(port, name, routes) {
            Ok(running) => {
                self.0.push(running.clone());
                Ok(running)
            }
            Err(error) => {
                for running in &self.0 {
                    running.stop().await;
                }
                Err(error)
            }
        }
    }
}

impl Running {
    async fn stop(&self) {
        self.stage.release();
        self.handle.stop(false).await;
    }
}

fn listen<R>(port: u16, name: &'static str, routes: R) -> io::Result<Running>
where
    R: Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
{
    let stage = Arc::new(Stage::new(name));
    let shared = web::Data::from(Arc::clone(&stage));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .app_data(web::PayloadConfig::new(10 << 20))
            .configure(routes.clone())
            .default_service(web::to(stage::nothing_here))
    })
    .workers(1)
    .disable_signals()
    .bind((Ipv4Addr::LOCALHOST, port))?;
    let address = server.addrs().first().copied().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok(Running { address, stage, handle })
}
