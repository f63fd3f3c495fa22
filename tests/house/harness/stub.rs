//! A service that says what it was told to, whatever it is asked: for answers that no look-alike gives.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A running service; it ends with this value.
pub struct Stub {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Stub {
    /// Every request so far, head and body.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Said {
    pub status: u16,
    /// Further lines of the head.
    pub headers: Vec<&'static str>,
    pub body: String,
    /// Whether the connection breaks off before the end that was announced.
    pub is_cut: bool,
}

impl Said {
    /// 200 with a value.
    pub fn json(value: &serde_json::Value) -> Self {
        Self { status: 200, headers: vec!["content-type: application/json"], body: value.to_string(), is_cut: false }
    }

    fn text(&self) -> String {
        let length = self.body.len() + if self.is_cut { 1_000 } else { 0 };
        let headers: String = self.headers.iter().map(|line| format!("{line}\r\n")).collect();
        format!("HTTP/1.1 {} Said\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{}", self.status, self.body)
    }
}

/// Answers every request with this JSON.
pub async fn answering(body: &str) -> Stub {
    saying(vec![Said { status: 200, headers: vec!["content-type: application/json"], body: body.to_owned(), is_cut: false }]).await
}

/// Answers one request after the other like this, and all further ones like the last.
pub async fn saying(answers: Vec<Said>) -> Stub {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    let task = tokio::spawn(async move {
        let mut answers = answers.into_iter();
        let mut last = None;
        while let Ok((mut connection, _)) = listener.accept().await {
            // A connection that says nothing is no request.
            let Some(request) = read(&mut connection).await else { continue };
            heard.lock().unwrap().push(request);
            last = answers.next().or(last);
            let answer = last.as_ref().expect("something to say").text();
            let _ = connection.write_all(answer.as_bytes()).await;
            let _ = connection.shutdown().await;
        }
    });
    Stub { address, asked, task }
}

async fn read(connection: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    loop {
        let Ok(read @ 1..) = connection.read(&mut part).await else { return None };
        request.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
        let lower = head.to_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok()).unwrap_or(0);
        if rest.len() >= length {
            return Some(text);
        }
    }
}
