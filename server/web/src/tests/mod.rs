//! The whole frame around a real platform: a browser that keeps its cookies asks an app with the real routes.

mod frame;
mod identity;
mod operations;
mod serving;
mod templates;
mod work;

use std::{cell::RefCell, collections::BTreeMap, net::SocketAddr, num::NonZeroU32, rc::Rc, sync::Arc, time::Duration};

use actix_web::{
    body,
    cookie::Cookie,
    http::{
        StatusCode,
        header::{self, HeaderMap},
    },
    test::{self, TestRequest},
};
use database::testing::TempDir;
use domain::{Entropy, Secret, Timestamp, call::EgressRules, entropy::SeededEntropy, permission::UserRead, time::ManualClock};
use platform::{Platform, Settings};
use tokio::sync::watch;

use crate::{
    LastSeen, Rate, RequestLimits, WebConfig, live,
    route::{Answer, Grant, Member, Method, Public, Route, Visitor, route},
    routes::routes,
    server::app,
    site::Site,
};

/// More than any test asks: clocks stand still here.
const FREELY: RequestLimits = {
    let rate = Rate { per_minute: NonZeroU32::MAX, burst: NonZeroU32::MAX };
    RequestLimits { address: rate, key: rate }
};
const PUBLIC_URL: &str = "http://127.0.0.1:8080";
const PASSWORD: &str = "harbour violet trombone 7";

/// An answer that was read to its end.
struct Read {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Read {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn location(&self) -> &str {
        self.header("location")
    }
}

type Ask = dyn Fn(TestRequest) -> futures_util::future::LocalBoxFuture<'static, Read>;

/// An installation with its app.
struct House {
    platform: Platform,
    clock: Arc<ManualClock>,
    ask: Rc<Ask>,
    _stop: watch::Sender<bool>,
    _folder: TempDir,
}

/// One browser.
struct Browser {
    ask: Rc<Ask>,
    cookies: RefCell<BTreeMap<String, String>>,
}

fn settings(public_url: &str) -> Settings {
    Settings {
        public_url: public_url.to_owned(),
        smtp: None,
        egress: EgressRules::default(),
        rehearsal: None,
        session_idle: Duration::from_hours(8),
        session_absolute: Duration::from_hours(24 * 7),
        quotas: platform::tenants::Quotas::default(),
    }
}

async fn panics(_visitor: Visitor) -> Answer {
    panic!("on purpose")
}

/// A live page that sends one event and ends.
async fn live(grant: Grant<UserRead>, LastSeen(last): LastSeen) -> Answer {
    let event = live::Event { id: last.unwrap_or(0) + 1, html: "<p>x</p>".to_owned() };
    live::stream(&grant, futures_util::stream::iter([Ok(event)]))
}

async fn house() -> House {
    house_at(PUBLIC_URL).await
}

async fn house_at(public_url: &str) -> House {
    house_with(public_url, FREELY, None).await
}

async fn house_with(public_url: &str, limits: RequestLimits, metrics_token: Option<Secret>) -> House {
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_795_257_600_000_000)));
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
    let (location, folder) = database::testing::sqlite();
    let settings = settings(public_url);
    let database =
        database::Database::open(location, database::Settings::new(Arc::<ManualClock>::clone(&clock), Arc::clone(&entropy))).await.unwrap();
    let keyring = Arc::new(vault::Keyring::generate(entropy.as_ref()));
    let egress = Arc::new(tools::egress::Egress::new(&settings.egress).unwrap());
    let platform = Platform::new(database, Arc::<ManualClock>::clone(&clock), Arc::clone(&entropy), keyring, egress, settings);
    let (stop, stopping) = watch::channel(false);
    let mut all: Vec<Route> = routes();
    all.push(route(Public, Method::GET, "/test/panic", panics));
    all.push(route(Member(UserRead), Method::GET, "/t/{slug}/test/live", live));
    let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    let grace = Duration::from_secs(1);
    let config = WebConfig { grace, trusted_proxies, entropy, workers: 1, limits, metrics_token };
    let site = Arc::new(Site::new(platform.clone(), &config, &all, stopping));
    let service = Rc::new(test::init_service(app(site, Arc::new(all))).await);
    let ask: Rc<Ask> = Rc::new(move |request| {
        let service = Rc::clone(&service);
        Box::pin(async move {
            let (_, response) = test::call_service(&*service, request.to_request()).await.into_parts();
            let (head, body) = response.into_parts();
            let body = body::to_bytes(body).await.unwrap_or_default().to_vec();
            Read { status: head.status(), headers: head.headers().clone(), body }
        })
    });
    House { platform, clock, ask, _stop: stop, _folder: folder }
}

impl House {
    fn browser(&self) -> Browser {
        Browser { ask: Rc::clone(&self.ask), cookies: RefCell::default() }
    }

    /// A browser that set the first tenant, `acme`, up.
    async fn admin(&self) -> Browser {
        let browser = self.browser();
        let link = self.platform.setup_link().await.unwrap().unwrap();
        let path = link.strip_prefix(&self.platform.settings().public_url).unwrap().to_owned();
        let form =
            [("tenant_name", "Acme"), ("slug", "acme"), ("name", "Ada Admin"), ("email", "admin@acme.example"), ("password", PASSWORD)];
        let made = browser.post(&path, &form).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{}", made.text());
        browser
    }

    /// The link in the newest mail to an address, as a path.
    async fn mailed(&self, to: &str) -> String {
        let mails = self.platform.mailbox().await.unwrap();
        let mail = mails.iter().find(|mail| mail.to == to).unwrap();
        mail.text.lines().find_map(|line| line.strip_prefix(PUBLIC_URL)).unwrap().to_owned()
    }

    /// Invites somebody with a role, and gives the browser in which they accepted.
    async fn invited(&self, admin: &Browser, email: &str, role: &str) -> Browser {
        let sent = admin.submit("/t/acme/members", "/t/acme/invitations", &[("email", email), ("name", "Fin"), ("role", role)]).await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text());
        let link = self.mailed(email).await;
        let browser = self.browser();
        let joined = browser.post(&link, &[("name", "Fin"), ("password", PASSWORD)]).await;
        assert_eq!(joined.status, StatusCode::SEE_OTHER, "{}", joined.text());
        browser
    }
}

/// The address of a member's page, out of the list of members.
async fn member_path(admin: &Browser, email: &str) -> String {
    let page = admin.get("/t/acme/members").await.text();
    let row = page.split("<tr>").skip(1).find(|row| row.contains(email)).unwrap();
    row.split("href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

fn peer() -> SocketAddr {
    "127.0.0.1:50000".parse().unwrap()
}

fn encoded(form: &[(&str, &str)]) -> String {
    let sign = percent_encoding::NON_ALPHANUMERIC;
    let pair = |(name, value): &(&str, &str)| {
        format!("{}={}", percent_encoding::utf8_percent_encode(name, sign), percent_encoding::utf8_percent_encode(value, sign))
    };
    form.iter().map(pair).collect::<Vec<_>>().join("&")
}

impl Browser {
    /// A request as this browser makes it.
    fn request(&self, method: Method, path: &str) -> TestRequest {
        let cookies: Vec<String> = self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = TestRequest::with_uri(path)
            .method(method)
            .peer_addr(peer())
            .insert_header((header::HOST, "127.0.0.1:8080"))
            .insert_header(("sec-fetch-site", "same-origin"));
        if cookies.is_empty() { request } else { request.insert_header((header::COOKIE, cookies.join("; "))) }
    }

    /// Sends a request and keeps the cookies of the answer.
    async fn send(&self, request: TestRequest) -> Read {
        let read = (self.ask)(request).await;
        for value in read.headers.get_all(header::SET_COOKIE) {
            let cookie = Cookie::parse(value.to_str().unwrap().to_owned()).unwrap();
            if cookie.max_age().is_some_and(actix_web::cookie::time::Duration::is_zero) {
                self.cookies.borrow_mut().remove(cookie.name());
            } else {
                self.cookies.borrow_mut().insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
        read
    }

    async fn get(&self, path: &str) -> Read {
        self.send(self.request(Method::GET, path)).await
    }

    /// Sends a form just so.
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Read {
        let request = self.request(Method::POST, path).insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"));
        self.send(request.set_payload(encoded(form))).await
    }

    /// Sends a form with the token of the page it is on.
    async fn submit(&self, page: &str, path: &str, form: &[(&str, &str)]) -> Read {
        let page = self.get(page).await.text();
        let token = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let mut form = form.to_vec();
        form.push(("csrf", &token));
        self.post(path, &form).await
    }
}
