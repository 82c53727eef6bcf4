//! The certificate of the pages: the site's own, or one that the daemon makes for itself.
//!
//! A certificate that nobody signed makes browsers ask once: whoever installs the lane compares the fingerprint that
//! `portside check` and the log show, or gives `screens-certificate.pem` to the browsers of the desks.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

use crate::config::{Identity, Screens};

/// Certificate and key that the daemon made, in the store's folder, for the daemon alone.
pub const OWN: &str = "screens.pem";
/// The certificate alone, for whoever installs it in browsers.
pub const OWN_PUBLIC: &str = "screens-certificate.pem";
/// Apple's devices take no certificate of a longer life, self-made ones included.
const LIFE: Duration = Duration::from_secs(825 * DAY);
/// A self-made certificate that ends sooner is made anew at a start.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * DAY);
const DAY: u64 = 24 * 3600;
/// Names and addresses of one certificate.
const NAMES_MAX: usize = 64;
/// A longer file is no certificate.
const BYTES_MAX: u64 = 1 << 20;

/// A certificate with its key.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate and what vouches for it.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
    /// It is good until then.
    pub ends: Timestamp,
    /// SHA-256 of the certificate, as browsers show it: `AB:CD:…`.
    pub fingerprint: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The files that the lane file names.
    Site,
    /// The daemon made it at an earlier start.
    Own,
    /// The daemon has made it just now.
    Made,
}

/// Why there is no certificate.
#[derive(Debug)]
pub enum CertificateError {
    /// A file cannot be read or written.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// No certificate in PEM, or one that cannot be read.
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No private key in PEM, or one that is not that of the certificate.
    NoKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It cannot be made.
    Unmade(String),
}

impl CertificateError {
    /// Whether the fault is the key's.
    pub const fn is_of_the_key(&self) -> bool {
        match self {
            Self::NoKey { .. } => true,
            Self::Io { .. } | Self::NoCertificate { .. } | Self::Unmade(_) => false,
        }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Self::NoCertificate { path, why } => write!(f, "{} is no certificate: {why}", path.display()),
            Self::NoKey { path, why } => write!(f, "{} is not the private key: {why}", path.display()),
            Self::Unmade(why) => write!(f, "no certificate can be made: {why}"),
        }
    }
}

impl std::error::Error for CertificateError {}

/// The certificate of the pages; where the lane file names none, the one in the store's folder `dir`, which is made when
/// it is not there, cannot be used or ends soon. Waits for the disk.
///
/// # Errors
/// What is wrong with which file.
pub fn load_or_make(screens: &Screens, dir: &Path, wall: Timestamp) -> Result<Certificate, CertificateError> {
    if let Some(identity) = &screens.identity {
        return load(identity);
    }
    match own(dir) {
        Ok(Some(certificate)) if wall + RENEW_BEFORE < certificate.ends => return Ok(certificate),
        Ok(Some(_)) => tracing::warn!("the self-made certificate of the pages ends soon and is made anew"),
        Ok(None) => {}
        Err(error @ CertificateError::Io { .. }) => return Err(error),
        Err(error) => tracing::warn!(%error, "the self-made certificate of the pages cannot be used and is made anew"),
    }
    make(&names(screens), dir, wall)
}

/// The certificate that the daemon made at an earlier start, if it did.
///
/// # Errors
/// When it cannot be read or used.
pub fn own(dir: &Path) -> Result<Option<Certificate>, CertificateError> {
    let path = dir.join(OWN);
    match read(&path) {
        Err(CertificateError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        pem => pem.and_then(|pem| of_pem((&path, &pem), (&path, &pem), Origin::Own)).map(Some),
    }
}

/// The site's own certificate.
///
/// # Errors
/// What is wrong with which file.
pub fn load(identity: &Identity) -> Result<Certificate, CertificateError> {
    let (cert, key) = (read(&identity.cert)?, read(&identity.key)?);
    of_pem((&identity.cert, &cert), (&identity.key, &key), Origin::Site)
}

/// The certificate in a file, read without its key: when it ends.
///
/// # Errors
/// What is wrong with the file.
pub fn load_public(path: &Path) -> Result<Timestamp, CertificateError> {
    let chain = chain(path, &read(path)?)?;
    let [first, ..] = chain.as_slice() else { return Err(no_pem(path)) };
    ends(path, first)
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let failed = |error| CertificateError::Io { path: path.to_owned(), error };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    io::Read::read_to_end(&mut io::Read::take(file, BYTES_MAX), &mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn of_pem(cert: (&Path, &[u8]), key: (&Path, &[u8]), origin: Origin) -> Result<Certificate, CertificateError> {
    let no_key = |why| CertificateError::NoKey { path: key.0.to_owned(), why };
    let chain = chain(cert.0, cert.1)?;
    let [first, ..] = chain.as_slice() else { return Err(no_pem(cert.0)) };
    let (ends, fingerprint) = (ends(cert.0, first)?, fingerprint(first));
    let found = PrivateKeyDer::from_pem_slice(key.1)
        .map_err(|_| no_key("nothing in it is an unencrypted private key in PEM".to_owned()))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain.clone(), found.clone_key(), &provider)
        .map_err(|fault| no_key(format!("it does not fit {} ({fault})", cert.0.display())))?;
    Ok(Certificate { chain, key: found, ends, fingerprint, origin })
}

/// Never empty.
fn chain(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|fault| no_certificate(path, &fault))?;
    if found.is_empty() { Err(no_pem(path)) } else { Ok(found) }
}

fn ends(path: &Path, certificate: &CertificateDer<'_>) -> Result<Timestamp, CertificateError> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|fault| no_certificate(path, &fault))?;
    let end = parsed.validity().not_after.timestamp();
    Timestamp::from_second(end).map_err(|fault| no_certificate(path, &fault))
}

fn no_certificate(path: &Path, why: &dyn fmt::Display) -> CertificateError {
    CertificateError::NoCertificate { path: path.to_owned(), why: why.to_string() }
}

fn no_pem(path: &Path) -> CertificateError {
    no_certificate(path, &"nothing in it is in PEM")
}

fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let bytes: Vec<String> = Sha256::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}

/// Makes a certificate for `names` and keeps it in `dir`: key and certificate in one file, so that a power cut leaves
/// both or none.
fn make(names: &[String], dir: &Path, wall: Timestamp) -> Result<Certificate, CertificateError> {
    let unmade = |fault: rcgen::Error| CertificateError::Unmade(fault.to_string());
    let key = KeyPair::generate().map_err(unmade)?;
    let mut params = CertificateParams::new(names).map_err(unmade)?;
    // Midnight of the day; certificates need no finer.
    let day = |time: Timestamp| {
        let date = time.to_zoned(jiff::tz::TimeZone::UTC).date();
        rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    // A lane PC whose clock was wrong by hours at its first start.
    let begins = wall - Duration::from_secs(DAY);
    params.not_before = day(begins);
    params.not_after = day(begins + LIFE);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, names.first().map_or("portside", String::as_str));
    params.distinguished_name.push(DnType::OrganizationName, "Portside, made by this lane");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let made = params.self_signed(&key).map_err(unmade)?;
    let path = dir.join(OWN);
    let both = zeroize::Zeroizing::new(made.pem() + &key.serialize_pem());
    keep(&path, both.as_bytes(), 0o600)?;
    keep(&dir.join(OWN_PUBLIC), made.pem().as_bytes(), 0o644)?;
    of_pem((&path, both.as_bytes()), (&path, both.as_bytes()), Origin::Made)
}

fn keep(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CertificateError> {
    let write = || {
        let temporary = path.with_extension("pem.tmp");
        let _ = fs::remove_file(&temporary);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| CertificateError::Io { path: path.to_owned(), error })
}

/// Names and addresses under which browsers reach the pages, in lower case: what the lane file says, else the machine's
/// own name and addresses and localhost. A certificate is made for these, and a request under any other is refused.
pub fn names(screens: &Screens) -> Vec<String> {
    if !screens.hosts.is_empty() {
        return screens.hosts.iter().map(ToString::to_string).collect();
    }
    let mut names = Vec::new();
    let machine = rustix::system::uname().nodename().to_string_lossy().to_lowercase();
    let usable =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    if usable(&machine) && machine != "localhost" {
        names.push(machine);
    }
    let listens = screens.listen.ip();
    let addresses = if listens.is_unspecified() { addresses() } else { BTreeSet::from([listens]) };
    let local: [IpAddr; 2] = [std::net::Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    names.push("localhost".to_owned());
    names.extend(addresses.into_iter().filter(|address| !local.contains(address)).map(|address| address.to_string()));
    names.truncate(NAMES_MAX - local.len());
    names.extend(local.iter().map(IpAddr::to_string));
    names
}

/// The machine's addresses, as the kernel's tables show them. The sandbox of the unit allows no netlink socket, which
/// every library would ask; these two files it can read.
fn addresses() -> BTreeSet<IpAddr> {
    let table = |name: &str| fs::read_to_string(Path::new("/proc/self/net").join(name)).unwrap_or_default();
    let mut found = v4(&table("fib_trie"));
    found.extend(v6(&table("if_inet6")));
    found
}

/// `|-- 10.0.0.5` is an address of this machine where the next line is `/32 host LOCAL`.
fn v4(table: &str) -> BTreeSet<IpAddr> {
    let lines: Vec<&str> = table.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter(|pair| pair[1] == "/32 host LOCAL");
    pairs.filter_map(|pair| pair[0].strip_prefix("|-- ")?.parse().ok()).collect()
}

/// 32 hex digits, interface, prefix length, scope; an address of the link alone is of no use in a browser.
fn v6(table: &str) -> BTreeSet<IpAddr> {
    let address = |line: &str| {
        let digits = line.split_whitespace().next()?;
        let address = Ipv6Addr::from(u128::from_str_radix(digits, 16).ok()?);
        (digits.len() == 32 && !address.is_unicast_link_local()).then_some(address.into())
    };
    table.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screens(hosts: &[&str]) -> Screens {
        Screens {
            listen: "0.0.0.0:8443".parse().unwrap(),
            identity: None,
            hosts: hosts.iter().map(|host| (*host).into()).collect(),
            lock_after: Duration::from_secs(300),
            session: Duration::from_secs(8 * 3600),
            typical: None,
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_start_makes_a_certificate_and_the_next_finds_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (screens, wall) = (screens(&["lane-g03.example", "10.0.0.5"]), at("2026-11-22T03:00:00Z"));
        let made = load_or_make(&screens, dir.path(), wall).unwrap();
        assert_eq!((made.origin, made.ends), (Origin::Made, at("2029-02-23T00:00:00Z")));
        let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(OWN), mode(OWN_PUBLIC)), (0o600, 0o644));
        assert!(!fs::read_to_string(dir.path().join(OWN_PUBLIC)).unwrap().contains("PRIVATE"));
        let found = load_or_make(&screens, dir.path(), wall).unwrap();
        assert_eq!((found.origin, &found.fingerprint), (Origin::Own, &made.fingerprint));
        let (_, parsed) = x509_parser::parse_x509_certificate(&found.chain[0]).unwrap();
        let names = parsed.subject_alternative_name().unwrap().unwrap();
        let names: Vec<String> = names.value.general_names.iter().map(ToString::to_string).collect();
        assert!(names[0].contains("lane-g03.example") && names[1].contains("0a:00:00:05"), "{names:?}");
        let curve = format!("{:?}", parsed.public_key().parsed().unwrap());
        assert!(curve.starts_with("EC(") && parsed.public_key().subject_public_key.data.len() == 65, "P-256");
    }

    #[test]
    fn a_self_made_one_that_ends_soon_or_is_broken_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let screens = screens(&["lane"]);
        let first = load_or_make(&screens, dir.path(), at("2026-11-22T03:00:00Z")).unwrap();
        let again = load_or_make(&screens, dir.path(), at("2029-01-23T00:00:00Z")).unwrap();
        assert_eq!(again.origin, Origin::Own, "31 days are left");
        let renewed = load_or_make(&screens, dir.path(), at("2029-01-24T00:00:00Z")).unwrap();
        assert_eq!(renewed.origin, Origin::Made);
        assert_ne!(renewed.fingerprint, first.fingerprint);
        fs::write(dir.path().join(OWN), "no PEM").unwrap();
        assert!(own(dir.path()).is_err());
        assert_eq!(load_or_make(&screens, dir.path(), at("2029-01-24T00:00:00Z")).unwrap().origin, Origin::Made);
    }

    #[test]
    fn a_key_of_another_certificate_and_files_that_are_neither_are_named() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let screens = screens(&["lane"]);
        for dir in [&one, &other] {
            load_or_make(&screens, dir.path(), at("2026-11-22T03:00:00Z")).unwrap();
        }
        let garbage = one.path().join("garbage");
        fs::write(&garbage, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        let said = |cert: PathBuf, key: PathBuf| load(&Identity { cert, key }).unwrap_err();
        let (cert, key) = (one.path().join(OWN_PUBLIC), one.path().join(OWN));
        assert!(load(&Identity { cert: cert.clone(), key: key.clone() }).is_ok());
        let strange = said(cert.clone(), other.path().join(OWN));
        assert!(strange.is_of_the_key() && strange.to_string().contains("does not fit"), "{strange}");
        assert!(said(cert.clone(), cert.clone()).is_of_the_key());
        assert!(matches!(said(garbage, key.clone()), CertificateError::NoCertificate { .. }));
        assert!(matches!(said(one.path().join("nothing"), key), CertificateError::Io { .. }));
    }

    #[test]
    fn the_machines_addresses_are_read_from_the_kernels_tables() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.0.2.0\n        /24 link UNICAST\n     |-- 192.0.2.2\n        /32 host LOCAL\n     |-- 192.0.2.255\n        /32 link BROADCAST\n";
        assert_eq!(v4(trie), BTreeSet::from(["192.0.2.2".parse().unwrap()]));
        let six = "fd000000000000000000000000000002 04 40 00 82     eth0\nfe8000000000000000fc00fffe000001 04 40 20 80 eth0\nshort\n";
        assert_eq!(v6(six), BTreeSet::from(["fd00::2".parse().unwrap()]));
    }

    #[test]
    fn without_names_in_the_lane_file_the_machine_and_localhost_count_and_with_them_nothing_else() {
        let own = names(&screens(&[]));
        assert!(own.contains(&"localhost".to_owned()) && own.contains(&"127.0.0.1".to_owned()), "{own:?}");
        assert_eq!(names(&screens(&["lane-g03.example"])), ["lane-g03.example"]);
        let narrow = Screens { listen: "10.9.8.7:8443".parse().unwrap(), ..screens(&[]) };
        assert!(names(&narrow).contains(&"10.9.8.7".to_owned()));
    }
}
