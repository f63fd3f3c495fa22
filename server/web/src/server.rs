//! The server: the routes behind what stands around every request, listening until it is told to stop.

use std::{future::Future, io, net::TcpListener, sync::Arc};

use actix_web::{
    App, Error, HttpServer,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::{Compress, from_fn},
    web::ServiceConfig,
};
use platform::Platform;
use tokio::sync::watch;

use crate::{
    route::{self, Route},
    routes::routes,
    site::{Site, WebConfig},
    visit,
};

/// The routes, and around them the compression of answers, and around that what begins and ends every request.
pub(crate) fn app(
    site: Arc<Site>,
    routes: Arc<Vec<Route>>,
) -> App<impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<impl MessageBody>, Error = Error, InitError = ()>> {
    App::new()
        .app_data(site)
        .wrap(Compress::default())
        .wrap(from_fn(visit::around))
        .configure(move |config: &mut ServiceConfig| route::mount(&routes, config))
}

/// Serves the pages on a listener until `stop` is ready, then finishes what it is answering; live streams are cut and
/// come back elsewhere or later. A listener on port 0 of loopback is a server of its own for a test.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve(platform: Platform, config: WebConfig, listener: TcpListener, stop: impl Future<Output = ()>) -> io::Result<()> {
    let (stopping, stopped) = watch::channel(false);
    let routes = Arc::new(routes());
    let grace = config.grace;
    let site = Arc::new(Site::new(platform, &config, &routes, stopped));
    let server = HttpServer::new(move || app(Arc::clone(&site), Arc::clone(&routes)))
        .workers(config.workers.max(1))
        .shutdown_timeout(grace.as_secs().max(1))
        .disable_signals()
        .listen(listener)?
        .run();
    let handle = server.handle();
    let stop = async move {
        stop.await;
        // Nobody listens any more when the server ended by itself.
        let _ = stopping.send(true);
        handle.stop(true).await;
    };
    let mut running = std::pin::pin!(server);
    tokio::select! {
        ended = &mut running => ended,
        () = stop => running.await,
    }
}
