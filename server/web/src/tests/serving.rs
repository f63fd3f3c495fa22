//! The server itself, over loopback.

use std::{net::TcpListener, sync::Arc, time::Duration};

use domain::entropy::SeededEntropy;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
};

use super::{FREELY, house};
use crate::{WebConfig, serve};

#[tokio::test]
async fn a_server_answers_until_it_is_told_to_stop() {
    let house = house().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let grace = Duration::from_secs(10);
    let config = WebConfig {
        grace,
        trusted_proxies: Vec::new(),
        entropy: Arc::new(SeededEntropy::new(3)),
        workers: 1,
        limits: FREELY,
        metrics_token: None,
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(serve(house.platform.clone(), config, listener, async { drop(stopped.await) }));
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("ok\n"), "{answer}");
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(20), serving).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
