//! A server on loopback that says exactly what it was told to, and keeps what it was sent.
#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{
    Id, Secret, TenantId, Timestamp,
    call::{BoundSecret, CallContext, EgressRules, Permit},
    entropy::SeededEntropy,
};
use tools::{Body, Egress, OutgoingRequest};

#[derive(Default)]
struct Record {
    connections: AtomicUsize,
    requests: Mutex<Vec<Vec<u8>>>,
    everything: Mutex<Vec<u8>>,
    closing: AtomicBool,
}

/// A server that gives the next of its answers to each request, and closes the connection after the last.
pub struct Served {
    address: SocketAddr,
    record: Arc<Record>,
}

impl Served {
    pub fn answering(answers: &[&str]) -> Self {
        Self::answering_bytes(answers.iter().map(|answer| answer.as_bytes().to_vec()).collect())
    }

    pub fn answering_bytes(answers: Vec<Vec<u8>>) -> Self {
        Self::start(answers, false)
    }

    /// Gives the beginning of an answer and nothing more.
    pub fn hanging_after(answer: &str) -> Self {
        Self::start(vec![answer.as_bytes().to_vec()], true)
    }

    /// Accepts connections and never answers.
    pub fn silent() -> Self {
        Self::start(Vec::new(), true)
    }

    fn start(answers: Vec<Vec<u8>>, hang: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let record = Arc::new(Record::default());
        let (shared, answers) = (Arc::clone(&record), Arc::new(Mutex::new(answers.into_iter())));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.closing.load(Ordering::SeqCst) {
                    break;
                }
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (record, answers) = (Arc::clone(&shared), Arc::clone(&answers));
                std::thread::spawn(move || converse(stream.unwrap(), &record, &answers, hang));
            }
        });
        Self { address, record }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn endpoint(&self) -> String {
        self.address.to_string()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn connections(&self) -> usize {
        self.record.connections.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> usize {
        self.record.requests.lock().unwrap().len()
    }

    /// The request of that number, from 0, as it came.
    pub fn seen(&self, index: usize) -> String {
        String::from_utf8(self.record.requests.lock().unwrap()[index].clone()).unwrap()
    }

    /// Every byte that came, requests or not.
    pub fn everything(&self) -> String {
        String::from_utf8_lossy(&self.record.everything.lock().unwrap()).into_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.record.closing.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts, which then gives the port back.
        drop(TcpStream::connect(self.address));
    }
}

fn converse(mut stream: TcpStream, record: &Record, answers: &Mutex<std::vec::IntoIter<Vec<u8>>>, hang: bool) {
    let mut pending = Vec::new();
    while let Some(request) = next_request(&mut stream, &mut pending, record) {
        record.requests.lock().unwrap().push(request);
        let answer = answers.lock().unwrap().next();
        let (Some(answer), last) = (answer, answers.lock().unwrap().len() == 0) else {
            if !hang {
                break;
            }
            continue;
        };
        if stream.write_all(&answer).is_err() {
            return;
        }
        if last && !hang {
            // What ends here ends for the reader as well, while it may still be sending.
            drop(stream.shutdown(Shutdown::Write));
            drop(std::io::copy(&mut stream, &mut std::io::sink()));
            return;
        }
    }
}

fn next_request(stream: &mut TcpStream, pending: &mut Vec<u8>, record: &Record) -> Option<Vec<u8>> {
    loop {
        if let Some(head) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&pending[..head]).to_lowercase();
            let length: usize =
                text.lines().find_map(|line| line.strip_prefix("content-length:")).map_or(0, |length| length.trim().parse().unwrap());
            if pending.len() >= head + 4 + length {
                let rest = pending.split_off(head + 4 + length);
                return Some(std::mem::replace(pending, rest));
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk) {
            Ok(read) if read > 0 => {
                record.everything.lock().unwrap().extend_from_slice(&chunk[..read]);
                pending.extend_from_slice(&chunk[..read]);
                // A TLS handshake record: this server does not understand it and hangs up.
                if pending[0] == 0x16 {
                    return None;
                }
            }
            _ => return None,
        }
    }
}

pub fn egress() -> Egress {
    tools::install_crypto();
    Egress::new(&EgressRules::default()).unwrap()
}

pub fn tenant(number: i64) -> TenantId {
    Id::new(Timestamp::from_micros(number), &SeededEntropy::new(number.unsigned_abs()))
}

/// A context that may reach this server and has no credentials.
pub fn context(server: &Served) -> CallContext {
    let run = Id::new(Timestamp::from_micros(7), &SeededEntropy::new(7));
    CallContext {
        partition: tenant(1),
        permit: Permit::issue(run, "step_1".into(), 1, 1, None),
        egress: EgressRules { allow: vec![server.endpoint()], deny: vec![] },
        secrets: vec![],
        time_limit: Duration::from_secs(20),
        idempotency_key: "key-1".into(),
    }
}

pub fn with_secret(mut context: CallContext, name: &str, value: &str, hosts: &[&str]) -> CallContext {
    let hosts = hosts.iter().map(ToString::to_string).collect();
    context.secrets.push(BoundSecret { name: name.into(), value: Secret::new(value), hosts });
    context
}

pub fn get(url: String) -> OutgoingRequest {
    OutgoingRequest { method: "GET".into(), url, headers: vec![], body: Body::empty(), follow_redirects: false }
}
