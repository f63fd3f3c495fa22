//! How often one client may ask: by its address, and by the key it shows.
//!
//! What lives here: counting, and what answers say of it. What is not counted is said where routes are made
//! ([`Route::unlimited`](crate::route::Route)); tries to sign in are counted besides, in the database, by the platform.
//!
//! Counts are this process's own: several nodes let through as many times as much. They are kept in memory and by arrival times
//! (the generic cell rate algorithm of ITU-T I.371): one number a client says how much of its burst is used up. `governor` does
//! the same with a clock of its own and six crates more, and its clock cannot be moved by a test.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use domain::{Problem, Secret, Timestamp};
use sha2::{Digest, Sha256};

/// The most clients that are told apart at a time, by address and by key each: about 4 MiB.
const MOST_CLIENTS: usize = 1 << 16;
/// How often a full table is searched for clients that may be forgotten.
const SEARCH_EVERY: i64 = MICROS;
const MICROS: i64 = 1_000_000;

/// IETF draft-ietf-httpapi-ratelimit-headers-10.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The same.
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// So many requests a minute in the long run, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a minute.
    pub per_minute: NonZeroU32,
    /// Requests at once, after a time without any.
    pub burst: NonZeroU32,
}

impl Rate {
    /// Microseconds from one request to the next in the long run.
    fn interval(self) -> i64 {
        (60 * MICROS / i64::from(self.per_minute.get())).max(1)
    }

    /// Microseconds in which a used-up burst is whole again.
    fn window(self) -> i64 {
        self.interval().saturating_mul(i64::from(self.burst.get()))
    }
}

/// How often one client may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// From one address; an IPv6 network of 64 bits counts as one, because one subscriber has all of it.
    pub address: Rate,
    /// With one key of the API, from wherever.
    pub key: Rate,
}

/// What a client has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Allowance {
    name: &'static str,
    rate: Rate,
    /// Requests that are let in at once from now on.
    left: u32,
    /// Until the burst is whole again.
    whole_in: Duration,
    /// The time to wait, when this one is not let in.
    wait: Option<Duration>,
}

/// What the limits say to one request: nothing to one that is not counted.
#[derive(Debug, Default)]
pub(crate) struct Allowances(Vec<Allowance>);

impl Allowances {
    /// Refuses a request that came too early.
    pub(crate) fn refusal(&self) -> Option<Problem> {
        let wait = self.wait()?;
        let detail = format!("More requests came from here than are answered. Try again in {} s.", seconds(wait));
        Some(Problem::new(429, "too_many_requests", detail))
    }

    fn wait(&self) -> Option<Duration> {
        self.0.iter().filter_map(|allowance| allowance.wait).max()
    }

    /// Which limits a request ran into.
    pub(crate) fn refused_by(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter(|allowance| allowance.wait.is_some()).map(|allowance| allowance.name)
    }

    /// Says in an answer what is left.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let list = |item: &dyn Fn(&Allowance) -> String| self.0.iter().map(item).collect::<Vec<_>>().join(", ");
        let policy = list(&|it| {
            format!("\"{}\";q={};w={}", it.name, it.rate.burst, seconds(Duration::from_micros(it.rate.window().unsigned_abs())))
        });
        let left = list(&|it| format!("\"{}\";r={};t={}", it.name, it.left, seconds(it.whole_in)));
        for (name, value) in [(POLICY, policy), (LIMIT, left)] {
            if !value.is_empty()
                && let Ok(value) = HeaderValue::from_str(&value)
            {
                headers.insert(name, value);
            }
        }
        if let Some(wait) = self.wait() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds(wait)));
        }
    }
}

/// Whole seconds, rounded up.
fn seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX)
}

/// Who is counted as one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Client {
    Address(IpAddr),
    /// SHA-256 of what was shown, whether it opens anything or not.
    Key([u8; 32]),
    /// Everybody for whom there is no room any more, together.
    Others,
}

/// The moments at which clients have their whole burst again.
#[derive(Default)]
struct Table {
    whole_at: HashMap<Client, i64>,
    searched_at: i64,
}

impl Table {
    /// The client as it is counted: one of its own while there is room.
    fn seat(&mut self, client: Client, now: i64) -> Client {
        if self.whole_at.len() < MOST_CLIENTS || self.whole_at.contains_key(&client) {
            return client;
        }
        if now.saturating_sub(self.searched_at).unsigned_abs() >= SEARCH_EVERY.unsigned_abs() {
            self.searched_at = now;
            self.whole_at.retain(|_, whole_at| *whole_at > now);
        }
        if self.whole_at.len() < MOST_CLIENTS { client } else { Client::Others }
    }

    fn take(&mut self, name: &'static str, client: Client, rate: Rate, now: i64) -> Allowance {
        let (interval, window) = (rate.interval(), rate.window());
        let client = self.seat(client, now);
        let known = self.whole_at.get(&client).copied().unwrap_or(now);
        // A clock that was set back makes nobody wait longer than for a whole burst.
        let whole_at = known.clamp(now, now.saturating_add(window));
        let next = whole_at.saturating_add(interval);
        let over = next.saturating_sub(now).saturating_sub(window);
        let (whole_at, wait) = if over > 0 { (whole_at, Some(over)) } else { (next, None) };
        self.whole_at.insert(client, whole_at);
        let used = whole_at.saturating_sub(now);
        let micros = |micros: i64| Duration::from_micros(micros.unsigned_abs());
        let left = window.saturating_sub(used) / interval;
        Allowance { name, rate, left: u32::try_from(left).unwrap_or(u32::MAX), whole_in: micros(used), wait: wait.map(micros) }
    }
}

/// Counts requests.
pub(crate) struct Limiter {
    limits: RequestLimits,
    addresses: Mutex<Table>,
    keys: Mutex<Table>,
}

impl Limiter {
    pub(crate) fn new(limits: RequestLimits) -> Self {
        Self { limits, addresses: Mutex::default(), keys: Mutex::default() }
    }

    /// Counts a request from an address, with what it shows as its key.
    pub(crate) fn take(&self, now: Timestamp, address: IpAddr, shown: Option<&Secret>) -> Allowances {
        let now = now.micros();
        let count =
            |table: &Mutex<Table>, name, client, rate| table.lock().unwrap_or_else(PoisonError::into_inner).take(name, client, rate, now);
        let mut all = vec![count(&self.addresses, "address", Client::Address(network(address)), self.limits.address)];
        if let Some(shown) = shown {
            let client = Client::Key(Sha256::digest(shown.expose()).into());
            all.push(count(&self.keys, "key", client, self.limits.key));
        }
        Allowances(all)
    }
}

/// The address that is counted.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_795_257_600_000_000;

    fn rate(per_minute: u32, burst: u32) -> Rate {
        Rate { per_minute: per_minute.try_into().unwrap(), burst: burst.try_into().unwrap() }
    }

    fn limiter(address: Rate, key: Rate) -> Limiter {
        Limiter::new(RequestLimits { address, key })
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(START + seconds * MICROS)
    }

    fn ask(limiter: &Limiter, seconds: i64, address: &str, key: Option<&str>) -> Allowances {
        limiter.take(at(seconds), address.parse().unwrap(), key.map(Secret::new).as_ref())
    }

    #[test]
    fn a_burst_is_let_in_and_then_one_at_a_time() {
        let limiter = limiter(rate(60, 3), rate(60, 3));
        let mut left = Vec::new();
        for _ in 0..3 {
            let allowed = ask(&limiter, 0, "203.0.113.1", None);
            assert!(allowed.refusal().is_none());
            left.push(allowed.0[0].left);
        }
        assert_eq!(left, [2, 1, 0]);
        let refused = ask(&limiter, 0, "203.0.113.1", None);
        let problem = refused.refusal().unwrap();
        assert_eq!((problem.status, problem.code), (429, "too_many_requests"));
        assert!(problem.detail.contains("in 1 s"), "{}", problem.detail);
        assert_eq!(refused.refused_by().collect::<Vec<_>>(), ["address"]);
        assert!(ask(&limiter, 0, "203.0.113.2", None).refusal().is_none(), "another address");
        assert!(ask(&limiter, 1, "203.0.113.1", None).refusal().is_none(), "a second later there is one more");
        assert!(ask(&limiter, 1, "203.0.113.1", None).refusal().is_some(), "and no other");
        assert!(ask(&limiter, 1_000, "203.0.113.1", None).refusal().is_none());
        assert_eq!(ask(&limiter, 1_000, "203.0.113.1", None).0[0].left, 1, "never more than the burst");
    }

    #[test]
    fn asking_in_vain_makes_nobody_wait_longer() {
        let limiter = limiter(rate(60, 1), rate(60, 1));
        for _ in 0..50 {
            ask(&limiter, 0, "203.0.113.1", None);
        }
        assert!(ask(&limiter, 1, "203.0.113.1", None).refusal().is_none());
    }

    #[test]
    fn a_key_is_counted_wherever_it_comes_from() {
        let limiter = limiter(rate(600, 100), rate(60, 2));
        assert!(ask(&limiter, 0, "203.0.113.1", Some("one")).refusal().is_none());
        assert!(ask(&limiter, 0, "203.0.113.2", Some("one")).refusal().is_none());
        let refused = ask(&limiter, 0, "203.0.113.3", Some("one"));
        assert_eq!(refused.refused_by().collect::<Vec<_>>(), ["key"]);
        assert!(ask(&limiter, 0, "203.0.113.3", Some("two")).refusal().is_none());
    }

    #[test]
    fn a_network_of_version_6_is_one_client() {
        let limiter = limiter(rate(60, 1), rate(60, 1));
        assert!(ask(&limiter, 0, "2001:db8::1", None).refusal().is_none());
        assert!(ask(&limiter, 0, "2001:db8::ffff:1", None).refusal().is_some());
        assert!(ask(&limiter, 0, "2001:db8:0:1::1", None).refusal().is_none());
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_for_hours() {
        let limiter = limiter(rate(60, 2), rate(60, 2));
        ask(&limiter, 7_200, "203.0.113.1", None);
        let refused = ask(&limiter, 0, "203.0.113.1", None);
        assert_eq!(refused.wait(), Some(Duration::from_secs(1)));
    }

    #[test]
    fn the_table_does_not_grow_without_end_and_who_finds_no_room_shares_one_seat() {
        let mut table = Table::default();
        let client = |number: u32| Client::Address(IpAddr::V4(number.into()));
        for number in 0..u32::try_from(MOST_CLIENTS).unwrap() {
            table.take("address", client(number), rate(60, 1), START);
        }
        assert!(table.take("address", client(u32::MAX), rate(60, 1), START).wait.is_none());
        assert!(table.take("address", client(u32::MAX - 1), rate(60, 1), START).wait.is_some(), "the seat of the others is taken");
        assert!(table.whole_at.len() <= MOST_CLIENTS + 1);
        assert!(table.take("address", client(u32::MAX - 2), rate(60, 1), START + 2 * MICROS).wait.is_none(), "room was made");
        assert_eq!(table.whole_at.len(), 1);
    }

    #[test]
    fn an_answer_says_what_is_left_and_when_to_come_back() {
        let limiter = limiter(rate(60, 1), rate(120, 5));
        let mut headers = HeaderMap::new();
        ask(&limiter, 0, "203.0.113.1", Some("one")).tell(&mut headers);
        assert_eq!(headers.get(POLICY).unwrap(), "\"address\";q=1;w=1, \"key\";q=5;w=3");
        assert_eq!(headers.get(LIMIT).unwrap(), "\"address\";r=0;t=1, \"key\";r=4;t=1");
        assert!(!headers.contains_key(RETRY_AFTER));
        ask(&limiter, 0, "203.0.113.1", None).tell(&mut headers);
        assert_eq!(headers.get(RETRY_AFTER).unwrap(), "1");
        let mut none = HeaderMap::new();
        Allowances::default().tell(&mut none);
        assert!(none.is_empty());
    }
}
