//! Live pages: fragments sent as they happen, by server-sent events (HTML Living Standard, 9.2).
//!
//! A page opens a stream with `hx-sse:connect`; each event holds `<hx-partial hx-target="#step-3" hx-swap="outerMorph">`
//! elements, so that one sent twice does no harm. The event's id is the journal's number: a browser that lost the stream says
//! the last one it saw, which [`LastSeen`] reads, and a browser that saw none is sent everything first.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName},
    web::Bytes,
};
use domain::{Problem, SessionId};
use futures_util::{Stream, StreamExt, stream};
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior},
};

use crate::{
    access::Grant,
    route::{Answer, Result},
};

/// Streams one session may have open at a time.
const MOST_STREAMS: usize = 6;
/// How often a silent stream says that it is alive. A browser that went away is noticed then, at the latest.
const PING: Duration = Duration::from_secs(15);
/// What browsers are told to wait before they come back.
const RETRY: &str = "retry: 2000\n\n";
const END: &str = "event: end\ndata:\n\n";
/// Proxies that buffer answers are asked not to.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where the browser stands once it has seen this: the journal's number.
    pub id: u64,
    /// `<hx-partial>` elements, rendered.
    pub html: String,
}

impl Event {
    /// Without a name: htmx swaps in what has none, and only announces what has one.
    fn text(&self) -> Bytes {
        let mut text = format!("id: {}\n", self.id);
        for line in self.html.lines() {
            text.push_str("data: ");
            text.push_str(line.trim_end_matches('\r'));
            text.push('\n');
        }
        text.push('\n');
        Bytes::from(text)
    }
}

/// How many streams each session has open.
#[derive(Default)]
pub(crate) struct OpenStreams(Mutex<HashMap<SessionId, usize>>);

/// One open stream of a session; closed when dropped.
struct OpenStream {
    all: Arc<OpenStreams>,
    session: SessionId,
}

impl OpenStreams {
    fn open(self: &Arc<Self>, session: SessionId) -> Option<OpenStream> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(session).or_insert(0);
        if *count >= MOST_STREAMS {
            return None;
        }
        *count += 1;
        Some(OpenStream { all: Arc::clone(self), session })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let mut counts = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.session) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.session);
            }
        }
    }
}

struct Open<S> {
    events: Pin<Box<S>>,
    ping: Interval,
    stopping: watch::Receiver<bool>,
    /// Ends when the session no longer opens the tenant.
    session_ended: Pin<Box<dyn Future<Output = ()>>>,
    ended: bool,
    _count: OpenStream,
}

/// Answers with a stream of events. When `events` ends, the page is told not to come back; when an event is an error, the
/// session ended, or the server stops, the stream is cut and the browser comes back by itself, to be told then.
///
/// # Errors
/// 429 when the session has six streams open; by the time to wait that it names, those of closed pages are gone.
pub fn stream<P, S>(grant: &Grant<P>, events: S) -> Answer
where
    S: Stream<Item = Result<Event>> + 'static,
{
    let site = grant.visit().site();
    let Some(count) = site.streams.open(grant.session().id()) else {
        return Err(Problem::new(
            429,
            "too_many_streams",
            format!(
                "This browser follows {MOST_STREAMS} pages live already. Close one of them, or reload this page to see it as it is now."
            ),
        )
        .after(Some(PING))
        .into());
    };
    let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let reach = grant.platform().session_reach(grant.session().id(), grant.actor().tenant());
    let session_ended = Box::pin(reach.ended());
    let open = Open { events: Box::pin(events), ping, stopping: site.stopping.clone(), session_ended, ended: false, _count: count };
    let request = grant.visit().facts().id.to_string();
    let body = stream::once(async { Ok(Bytes::from_static(RETRY.as_bytes())) })
        .chain(stream::unfold(open, move |open| next(open, request.clone())));
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        // Compressed, an event would wait in the compressor for the next one.
        .insert_header((CONTENT_ENCODING, "identity"))
        .insert_header((BUFFERING, "no"))
        .streaming(body))
}

async fn next<S>(mut open: Open<S>, request: String) -> Option<(std::result::Result<Bytes, actix_web::Error>, Open<S>)>
where
    S: Stream<Item = Result<Event>>,
{
    if open.ended || *open.stopping.borrow() {
        return None;
    }
    let bytes = tokio::select! {
        biased;
        // A sender that is gone is a server that is gone.
        _ = open.stopping.changed() => return None,
        () = &mut open.session_ended => return None,
        event = open.events.next() => match event {
            Some(Ok(event)) => event.text(),
            Some(Err(error)) => {
                tracing::warn!(%request, %error, "request {request}: a live page was cut: {error}");
                return None;
            }
            None => {
                open.ended = true;
                Bytes::from_static(END.as_bytes())
            }
        },
        _ = open.ping.tick() => Bytes::from_static(b": ping\n\n"),
    };
    Some((Ok(bytes), open))
}

/// The last event that the browser saw before it lost the stream: an argument of handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastSeen(pub Option<u64>);

#[cfg(test)]
mod tests {
    use domain::{Id, Timestamp, entropy::SeededEntropy};

    use super::*;

    #[test]
    fn every_line_of_a_fragment_is_a_line_of_data() {
        let event = Event { id: 412, html: "<hx-partial>\r\n<p>a</p>\n</hx-partial>".to_owned() };
        assert_eq!(event.text(), "id: 412\ndata: <hx-partial>\ndata: <p>a</p>\ndata: </hx-partial>\n\n");
    }

    #[test]
    fn a_session_has_six_streams_at_most_and_closed_ones_do_not_count() {
        let all = Arc::new(OpenStreams::default());
        let entropy = SeededEntropy::new(1);
        let (one, other) = (Id::new(Timestamp::from_micros(0), &entropy), Id::new(Timestamp::from_micros(0), &entropy));
        let mut open: Vec<OpenStream> = (0..MOST_STREAMS).map(|_| all.open(one).unwrap()).collect();
        assert!(all.open(one).is_none());
        assert!(all.open(other).is_some());
        open.pop();
        assert!(all.open(one).is_some());
        drop(open);
        assert!(all.0.lock().unwrap().is_empty());
    }

    fn open(events: Vec<Result<Event>>, stopping: watch::Receiver<bool>) -> Open<impl Stream<Item = Result<Event>>> {
        let all = Arc::new(OpenStreams::default());
        let session = Id::new(Timestamp::from_micros(0), &SeededEntropy::new(1));
        let ping = tokio::time::interval_at(Instant::now() + PING, PING);
        let session_ended = Box::pin(std::future::pending());
        Open { events: Box::pin(stream::iter(events)), ping, stopping, session_ended, ended: false, _count: all.open(session).unwrap() }
    }

    async fn texts<S: Stream<Item = Result<Event>>>(mut open: Open<S>) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some((bytes, rest)) = next(open, "req".to_owned()).await {
            texts.push(String::from_utf8(bytes.unwrap().to_vec()).unwrap());
            open = rest;
        }
        texts
    }

    #[tokio::test]
    async fn a_stream_that_ends_says_so_and_one_that_breaks_does_not() {
        let (_stop, stopping) = watch::channel(false);
        let event = || Ok(Event { id: 1, html: "x".to_owned() });
        assert_eq!(texts(open(vec![event()], stopping.clone())).await, ["id: 1\ndata: x\n\n", END]);
        let broken = open(vec![event(), Err(Problem::not_found("run").into()), event()], stopping);
        assert_eq!(texts(broken).await.len(), 1);
    }

    #[tokio::test]
    async fn a_stopping_server_cuts_its_streams() {
        let (stop, stopping) = watch::channel(false);
        stop.send(true).unwrap();
        assert!(texts(open(vec![Ok(Event { id: 1, html: "x".to_owned() })], stopping)).await.is_empty());
    }
}
