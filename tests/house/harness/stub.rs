//! A service that says one thing, whatever it is asked: for answers that no look-alike gives.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A running service; it ends with this value.
pub struct Stub {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers every request with this JSON.
pub async fn answering(body: &str) -> Stub {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let task = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            answer_one(connection, &answer).await;
        }
    });
    Stub { address, task }
}

async fn answer_one(mut connection: TcpStream, answer: &str) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    loop {
        let Ok(read @ 1..) = connection.read(&mut part).await else { return };
        request.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok()).unwrap_or(0);
        if rest.len() >= length {
            break;
        }
    }
    let _ = connection.write_all(answer.as_bytes()).await;
    let _ = connection.shutdown().await;
}
