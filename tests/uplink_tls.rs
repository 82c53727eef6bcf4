//! The uplink against a Mosquitto that asks for certificates.
#![allow(clippy::expect_used, clippy::unwrap_used)] // a test says by panicking what went wrong

mod uplink_site;

use std::path::PathBuf;

use portside::uplink::{Settings, TlsFiles};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use uplink_site::ledger::Ledger;
use uplink_site::mosquitto::Mosquitto;
use uplink_site::{settings, spawn};

/// An authority, the broker's certificate for `localhost`, and a lane's.
struct Site {
    dir: TempDir,
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

impl Site {
    fn new() -> Self {
        let site = Self { dir: tempfile::tempdir().expect("a directory") };
        let ca = authority("the port's authority");
        site.write("ca.pem", &ca.pem());
        site.write("stranger-ca.pem", &authority("a stranger").pem());
        for (file, name) in [("broker", "localhost"), ("lane", "lane-g03")] {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
            params.distinguished_name.push(DnType::CommonName, name);
            let cert = params.signed_by(&key, &ca).expect("a certificate");
            site.write(&format!("{file}.pem"), &cert.pem());
            site.write(&format!("{file}.key"), &key.serialize_pem());
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("it is written");
    }

    async fn broker(&self) -> Option<Mosquitto> {
        let [ca, cert, key] = ["ca.pem", "broker.pem", "broker.key"].map(|name| self.path(name).display().to_string());
        let config = format!("cafile {ca}\ncertfile {cert}\nkeyfile {key}\nrequire_certificate true\n");
        Mosquitto::start(&config).await
    }

    fn settings(&self, host: &str, broker: &Mosquitto) -> Settings {
        let mut settings = settings(&format!("mqtts://{host}:{}", broker.port));
        settings.tls =
            TlsFiles { ca: Some(self.path("ca.pem")), client: Some((self.path("lane.pem"), self.path("lane.key"))) };
        settings
    }
}

#[tokio::test]
async fn with_the_right_certificates_on_both_sides_the_lane_is_online() {
    let site = Site::new();
    let Some(broker) = site.broker().await else { return };
    let ledger = Ledger::new();
    let mut lane = spawn(site.settings("localhost", &broker), &ledger);
    lane.online().await;
    lane.until("the status is acknowledged", |state| state.last_ack.is_some()).await;
    lane.close().await;
}

#[tokio::test]
async fn a_broker_that_is_not_the_one_of_the_lane_file_hears_nothing_from_us() {
    let site = Site::new();
    let Some(broker) = site.broker().await else { return };
    let ledger = Ledger::new();
    ledger.append("alarm", 1, "x");
    let mut foreign_ca = site.settings("localhost", &broker);
    foreign_ca.tls.ca = Some(site.path("stranger-ca.pem"));
    let wrong_name = site.settings("127.0.0.1", &broker);
    let mut no_client = site.settings("localhost", &broker);
    no_client.tls.client = None;
    for (settings, words) in
        [(foreign_ca, "UnknownIssuer"), (wrong_name, "not valid for name"), (no_client, "CertificateRequired")]
    {
        let mut lane = spawn(settings, &ledger);
        let reason = lane.offline().await;
        assert!(reason.contains(words), "{reason}");
        lane.close().await;
    }
    assert_eq!(ledger.retired_total(), 0);
    let log = std::fs::read_to_string(broker.dir.path().join("log")).expect("the broker's log");
    assert!(!log.contains("New client connected"), "no CONNECT was read: {log}");
}
