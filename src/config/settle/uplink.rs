//! The way to the centre and the files that it needs.

use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Settling, shared};
use crate::config::address::Host;
use crate::config::checked::{Identity, Lane, Security, Uplink};
use crate::config::choice::Receipts;
use crate::config::codes;
use crate::config::faults::Placed;
use crate::config::file::UplinkTable;
use crate::config::value::FilePath;

/// Reads [uplink].
pub(super) fn uplink(table: UplinkTable, lane: Option<&Lane>, on: &mut Settling<'_>) -> Option<Uplink> {
    receipts(table.receipts.as_ref(), on);
    if let Some(trust) = &table.trust {
        let message = "signed requests and receipts are not in this version";
        on.faults.add(codes::NOT_YET, trust.span.clone(), message, "kept for later; no request is obeyed");
    }
    pair(&table, on);
    let url = table.url.as_ref()?;
    let security = if url.value.tls {
        protected(&table, &url.span, on)
    } else {
        unprotected(&url.span, &url.value.host, [&table.ca, &table.cert, &table.key], on);
        Some(Security::Plain)
    };
    let client_id = match table.client_id {
        Some(id) => id.value.shared(),
        None => lane.map(|lane| shared(format!("portside-{}-{}", lane.port, lane.id)))?,
    };
    Some(Uplink {
        host: url.value.host.0.clone(),
        port: url.value.port,
        security: security?,
        client_id,
        keepalive: table.keepalive?.value.0,
        receipts: table.receipts?.value,
        trust: table.trust.map(|path| on.path(&path.value.0)),
    })
}

fn receipts(receipts: Option<&Placed<Receipts>>, on: &mut Settling<'_>) {
    let Some(receipts) = receipts else { return };
    match receipts.value {
        Receipts::Puback => {
            let message = "records count as delivered once the broker has them";
            on.faults
                .add(codes::PUBACK, receipts.span.clone(), message, "a broker may forget what it acknowledged")
                .help("keep the broker's persistence on, and its disk on a power supply that lasts");
        }
        // Accepted, it would keep every record owed until the store is full and the lane closes.
        Receipts::Centre => {
            let message = "the centre's receipts are not in this version: every record would stay owed for ever";
            on.faults
                .add(codes::NOT_HERE, receipts.span.clone(), message, "expected \"puback\"")
                .help("write receipts = \"puback\" until then");
        }
    }
}

fn protected(table: &UplinkTable, url: &Range<usize>, on: &mut Settling<'_>) -> Option<Security> {
    let ca = table.ca.as_ref().map(|path| file(path, on));
    let cert = table.cert.as_ref().map(|path| file(path, on));
    let key = table.key.as_ref().map(|path| secret_file(path, on));
    if !table.given.contains(&"ca") {
        on.faults
            .add(codes::MISSING, url.clone(), "[uplink] has no `ca`", "mqtts needs the authority to trust")
            .help("add `ca = \"/etc/portside/ca.pem\"`: the authority that signed the broker's certificate");
    }
    Some(Security::Tls { ca: ca?, identity: cert.zip(key).map(|(cert, key)| Identity { cert, key }) })
}

fn pair(table: &UplinkTable, on: &mut Settling<'_>) {
    let given = |key: &str| table.given.contains(&key);
    let (there, there_name, missing) = match (&table.cert, &table.key) {
        (Some(cert), None) if !given("key") => (cert, "cert", "key"),
        (None, Some(key)) if !given("cert") => (key, "key", "cert"),
        (Some(_) | None, Some(_) | None) => return,
    };
    let message = format!("`{there_name}` of [uplink] stands without `{missing}`");
    on.faults
        .add(codes::CLASH, there.span.clone(), message, "the lane's certificate and its private key belong together")
        .help(format!("add `{missing}`, or remove `{there_name}` if the broker asks for no certificate"));
}

fn unprotected(span: &Range<usize>, host: &Host, files: [&Option<Placed<FilePath>>; 3], on: &mut Settling<'_>) {
    for file in files.into_iter().flatten() {
        let message = "a certificate is of no use with mqtt://";
        on.faults
            .add(codes::CLASH, file.span.clone(), message, "nothing is encrypted on this connection")
            .aside(span.clone(), "mqtt, not mqtts")
            .help("write mqtts:// in `url`, or remove this key");
    }
    if !host.is_local() {
        let message = "the uplink is not protected";
        on.faults
            .add(
                codes::PLAIN_MQTT,
                span.clone(),
                message,
                "everyone on the way can read and change what the lane sends",
            )
            .help("use mqtts:// with the centre's `ca`");
    }
}

/// The path counted from the lane file's folder, with a warning where nothing is there.
fn file(path: &Placed<FilePath>, on: &mut Settling<'_>) -> PathBuf {
    let full = on.path(&path.value.0);
    if !full.exists() {
        let message = format!("{} is not there", full.display());
        on.faults
            .add(codes::NOT_THERE_YET, path.span.clone(), message, "no such file on this machine")
            .help("until it is, the uplink does not connect; the lane works and keeps everything");
    }
    full
}

fn secret_file(path: &Placed<FilePath>, on: &mut Settling<'_>) -> PathBuf {
    let full = file(path, on);
    exposed(&full, &path.span, on);
    full
}

/// Warns of a secret that every user of this machine can read.
pub(super) fn exposed(full: &Path, span: &Range<usize>, on: &mut Settling<'_>) {
    if std::fs::metadata(full).is_ok_and(|meta| meta.permissions().mode() & 0o007 != 0) {
        let message = format!("{} can be read by every user of this machine", full.display());
        on.faults
            .add(codes::OPEN_KEY, span.clone(), message, "a secret, expected mode 0400")
            .help(format!("chmod 0400 {}", full.display()));
    }
}
