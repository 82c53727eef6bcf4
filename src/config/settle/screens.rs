//! Where the pages are served, and with which certificate.

use std::path::PathBuf;

use super::Settling;
use super::uplink::exposed;
use crate::config::checked::{Identity, Screens};
use crate::config::codes;
use crate::config::faults::Placed;
use crate::config::file::ScreensTable;
use crate::config::value::FilePath;
use crate::screens::certificate;

/// Reads [screens].
pub(super) fn screens(table: ScreensTable, on: &mut Settling<'_>) -> Option<Screens> {
    let given = |key: &str| table.given.contains(&key);
    let identity = match (&table.cert, &table.key) {
        (Some(cert), Some(key)) => Some(identity(cert, key, on)),
        (Some(cert), None) if !given("key") => return alone(cert, "cert", "key", on),
        (None, Some(key)) if !given("cert") => return alone(key, "key", "cert", on),
        (Some(_) | None, Some(_) | None) => None,
    };
    let hosts = table.hosts.map(|hosts| hosts.value).unwrap_or_default();
    Some(Screens {
        listen: table.listen?.value.0,
        identity,
        hosts: hosts.into_iter().map(|host| host.value.0).collect(),
        lock_after: table.lock_after?.value.0,
        session: table.session?.value.0,
        typical: table.typical.map(|folder| typical(&folder, on)),
    })
}

fn typical(folder: &Placed<FilePath>, on: &mut Settling<'_>) -> PathBuf {
    let path = on.path(&folder.value.0);
    if !path.is_dir() {
        on.faults
            .add(
                codes::NOT_THERE_YET,
                folder.span.clone(),
                format!("{} is not there", path.display()),
                "no such folder on this machine",
            )
            .help("until it is, desks have no typical images to compare with");
    }
    path
}

fn alone(there: &Placed<FilePath>, name: &str, missing: &str, on: &mut Settling<'_>) -> Option<Screens> {
    let message = format!("`{name}` of [screens] stands without `{missing}`");
    on.faults
        .add(codes::CLASH, there.span.clone(), message, "a certificate and its private key belong together")
        .help(format!("add `{missing}`, or remove `{name}`: then the daemon makes a certificate of its own"));
    None
}

fn identity(cert: &Placed<FilePath>, key: &Placed<FilePath>, on: &mut Settling<'_>) -> Identity {
    let identity = Identity { cert: on.path(&cert.value.0), key: on.path(&key.value.0) };
    for (path, span) in [(&identity.cert, &cert.span), (&identity.key, &key.span)] {
        if !path.exists() {
            on.faults
                .add(
                    codes::NOT_THERE_YET,
                    span.clone(),
                    format!("{} is not there", path.display()),
                    "no such file on this machine",
                )
                .help("until it is, no pages are served; the lane works without them");
        }
    }
    exposed(&identity.key, &key.span, on);
    let found = match (identity.cert.exists(), identity.key.exists()) {
        (true, true) => certificate::load(&identity).map(drop),
        (true, false) => certificate::load_public(&identity.cert).map(drop),
        (false, _) => Ok(()),
    };
    if let Err(error) = found {
        let span = if error.is_of_the_key() { key.span.clone() } else { cert.span.clone() };
        on.faults
            .add(codes::BAD_CERTIFICATE, span, error.to_string(), "expected a certificate and its key in PEM")
            .help("remove `cert` and `key` to have the daemon make a certificate of its own");
    }
    identity
}
