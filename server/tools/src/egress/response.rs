//! Reads an answer within limits: header bytes, body bytes as they come and as they unpack, and how much
//! more they become by unpacking.

use std::{io::Write, time::Duration};

use reqwest::header::{CONTENT_ENCODING, DATE, HeaderMap, RETRY_AFTER};

use super::transport_error;
use crate::error::{CallError, CallErrorKind, Sent};

/// The most an answer may hold, unpacked.
pub const MAX_BODY: usize = 10 << 20;
/// The most its header fields may hold, names and values together.
pub const MAX_HEADER_BYTES: usize = 64 << 10;
/// How many times its packed size an answer may have unpacked, once it is larger than a MiB. JSON
/// packs to a tenth or a twentieth; a bomb packs to a thousandth.
const MAX_RATIO: usize = 100;
const RATIO_FREE: usize = 1 << 20;

/// Names in lower case with their values, in the order they came.
pub(super) fn headers(headers: &HeaderMap) -> Result<Vec<(String, String)>, CallError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > MAX_HEADER_BYTES {
        return Err(CallError::answered(CallErrorKind::TooLarge, "The header of the answer is larger than 64 KiB."));
    }
    Ok(headers.iter().map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())).collect())
}

/// The whole body, unpacked.
pub(super) async fn body(mut response: reqwest::Response, host: &str) -> Result<Vec<u8>, CallError> {
    if response.content_length().is_some_and(|announced| announced > MAX_BODY as u64) {
        return Err(too_large());
    }
    let mut sink = Sink::for_encoding(response.headers())?;
    let mut received = 0_usize;
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                received = received.saturating_add(chunk.len());
                if received > MAX_BODY {
                    return Err(too_large());
                }
                sink.take(&chunk, received)?;
            }
            Ok(None) => return sink.finish(),
            Err(error) => return Err(transport_error(&error, host, Sent::Answered)),
        }
    }
}

fn too_large() -> CallError {
    CallError::answered(CallErrorKind::TooLarge, "The answer is larger than 10 MiB.")
}

fn garbled() -> CallError {
    CallError::answered(CallErrorKind::Protocol, "The answer cannot be unpacked: it is cut off or is not gzip.")
}

enum Sink {
    Plain(Vec<u8>),
    Gzip(Box<flate2::write::MultiGzDecoder<Capped>>),
}

/// Takes bytes until there are too many, which it reports as an error of its own.
struct Capped {
    bytes: Vec<u8>,
    limit: usize,
    overrun: bool,
}

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len().saturating_add(bytes.len()) > self.limit {
            self.overrun = true;
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn for_encoding(headers: &HeaderMap) -> Result<Self, CallError> {
        let encodings: Vec<_> = headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
            .map(|name| name.trim_ascii().to_ascii_lowercase())
            .filter(|name| !name.is_empty() && name != b"identity")
            .collect();
        match encodings.as_slice() {
            [] => Ok(Self::Plain(Vec::new())),
            [one] if one == b"gzip" || one == b"x-gzip" => {
                let capped = Capped { bytes: Vec::new(), limit: 0, overrun: false };
                Ok(Self::Gzip(Box::new(flate2::write::MultiGzDecoder::new(capped))))
            }
            _ => Err(CallError::answered(CallErrorKind::Protocol, "The answer is packed in a way that was not asked for.")),
        }
    }

    fn take(&mut self, chunk: &[u8], received: usize) -> Result<(), CallError> {
        match self {
            Self::Plain(bytes) => bytes.extend_from_slice(chunk),
            Self::Gzip(decoder) => {
                decoder.get_mut().limit = MAX_BODY.min(RATIO_FREE.max(received.saturating_mul(MAX_RATIO)));
                if decoder.write_all(chunk).is_err() {
                    return Err(if decoder.get_ref().overrun { too_large() } else { garbled() });
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>, CallError> {
        match self {
            Self::Plain(bytes) => Ok(bytes),
            Self::Gzip(decoder) => match (*decoder).finish() {
                Ok(capped) => Ok(capped.bytes),
                Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => Err(too_large()),
                Err(_) => Err(garbled()),
            },
        }
    }
}

/// How long the other side wants to be left alone: the seconds it gave, or the time until the date it gave,
/// measured from the date it answered, so that no clock of ours is asked. At most a day.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wanted = text(RETRY_AFTER)?;
    let seconds = match wanted.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => imf_seconds(wanted)?.saturating_sub(imf_seconds(text(DATE)?)?),
    };
    Some(Duration::from_secs(seconds.min(86_400)))
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7; the obsolete forms are not read).
fn imf_seconds(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: u64 = words.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = words.next()?;
    let month = u64::try_from(MONTHS.iter().position(|&name| name == month)?).ok()? + 1;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok().filter(|&part| part <= 60));
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if words.next()? != "GMT" {
        return None;
    }
    // Days from the civil date, counting years from March so that the leap day comes last.
    let shifted = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = (365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year).checked_sub(719_468)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_http_are_read() {
        assert_eq!(imf_seconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(imf_seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(imf_seconds("Tue, 29 Feb 2000 23:59:59 GMT"), Some(951_868_799));
        for wrong in ["", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 40 Nov 1994 08:49:37 GMT", "x, y"] {
            assert_eq!(imf_seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_wish_to_be_left_alone_is_measured_on_the_other_sides_clock() {
        let wish = |after: &str, date: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            headers.insert(DATE, date.parse().unwrap());
            retry_after(&headers).map(|wait| wait.as_secs())
        };
        let now = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(wish("7", now), Some(7));
        assert_eq!(wish("Sun, 06 Nov 1994 08:51:37 GMT", now), Some(120));
        assert_eq!(wish("Sun, 06 Nov 1994 08:40:00 GMT", now), Some(0));
        assert_eq!(wish("99999999", now), Some(86_400));
        assert_eq!(wish("soon", now), None);
    }
}
