//! The files of `static/`: embedded, and served under addresses that hold the hash of their content.
//!
//! A file that is put into the folder is served without more ado; a page names it with `page.asset("app.css")`.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
};
use domain::Problem;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use crate::{access::Visitor, arguments::Path, route::Answer};

#[derive(RustEmbed)]
#[folder = "../../static"]
struct Folder;

/// How many hexadecimal digits of a file's SHA-256 stand in its address.
const HASH_DIGITS: usize = 12;

struct Asset {
    bytes: Cow<'static, [u8]>,
    content_type: &'static str,
}

struct Assets {
    /// Addresses by name: `app.css` is at `/s/app.0123456789ab.css`.
    addresses: HashMap<String, String>,
    /// Files by the last part of their address.
    files: HashMap<String, Asset>,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let mut assets = Assets { addresses: HashMap::new(), files: HashMap::new() };
    for name in Folder::iter() {
        let Some(file) = Folder::get(&name) else { continue };
        let Some((stem, ending)) = name.rsplit_once('.') else { continue };
        let content_type = match ending {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => continue,
        };
        let mut hash = hex::encode(Sha256::digest(&file.data));
        hash.truncate(HASH_DIGITS);
        let hashed = format!("{stem}.{hash}.{ending}");
        assets.addresses.insert(name.to_string(), format!("/s/{hashed}"));
        assets.files.insert(hashed, Asset { bytes: file.data, content_type });
    }
    assets
});

/// The address of a file of `static/`; empty for one that is not there, which a test of the templates finds.
pub(crate) fn address(name: &str) -> &'static str {
    ASSETS.addresses.get(name).map_or("", String::as_str)
}

/// `GET /s/{file}`: a file, for ever the same under its address.
pub(crate) async fn file(_visitor: Visitor, Path(name): Path<String>) -> Answer {
    let asset = ASSETS.files.get(&name).ok_or_else(|| Problem::not_found("file"))?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, asset.content_type)).insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"));
    Ok(match &asset.bytes {
        Cow::Borrowed(bytes) => response.body(*bytes),
        Cow::Owned(bytes) => response.body(bytes.clone()),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn folder() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../static"))
    }

    #[test]
    fn what_others_wrote_is_byte_for_byte_what_was_vendored() {
        let list: toml::Table = std::fs::read_to_string(folder().join("VENDOR.toml")).unwrap().parse().unwrap();
        let files = list["file"].as_array().unwrap();
        assert!(files.len() >= 5, "htmx, its three extensions and the icons");
        for file in files {
            let name = file["file"].as_str().unwrap();
            let bytes = std::fs::read(folder().join(name)).unwrap();
            assert_eq!(hex::encode(Sha256::digest(&bytes)), file["sha256"].as_str().unwrap(), "{name}");
            assert!(folder().join(file["licence_file"].as_str().unwrap()).is_file(), "the licence of {name}");
        }
    }

    #[test]
    fn every_minified_file_is_vendored() {
        let list = std::fs::read_to_string(folder().join("VENDOR.toml")).unwrap();
        for name in Folder::iter().filter(|name| name.contains(".min.")) {
            assert!(list.contains(&format!("file = \"{name}\"")), "{name} is not in VENDOR.toml");
        }
    }

    #[test]
    fn the_address_of_a_file_holds_the_hash_of_its_content() {
        let css = std::fs::read(folder().join("app.css")).unwrap();
        let hash = hex::encode(Sha256::digest(&css));
        assert_eq!(address("app.css"), format!("/s/app.{}.css", &hash[..HASH_DIGITS]));
        assert_eq!(address("VENDOR.toml"), "");
        assert!(ASSETS.files.contains_key(address("htmx.min.js").strip_prefix("/s/").unwrap()));
    }
}
