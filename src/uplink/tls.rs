//! TLS towards the broker: whose word counts, and who we are.
//!
//! Only the lane file's CA is trusted, never the machine's store: a certificate that some public authority gave to
//! somebody else must not open the uplink.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Files in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority that signed the broker's certificate; required for `mqtts`.
    pub ca: Option<PathBuf>,
    /// Our certificate chain and its key, where the broker asks for one.
    pub client: Option<(PathBuf, PathBuf)>,
}

impl TlsFiles {
    /// Reads the files and builds from them what a connection needs. The error names the file.
    pub(super) async fn client_config(&self) -> Result<Arc<ClientConfig>, String> {
        let Some(ca) = &self.ca else {
            return Err("mqtts needs the broker's authority: set `ca` under [uplink] to its PEM file".to_owned());
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(ca, &read(ca).await?)? {
            roots.add(certificate).map_err(|fault| format!("{}: {fault}", ca.display()))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|fault| fault.to_string())?
            .with_root_certificates(roots);
        let Some((cert, key)) = &self.client else {
            return Ok(Arc::new(builder.with_no_client_auth()));
        };
        let chain = certificates(cert, &read(cert).await?)?;
        let private = PrivateKeyDer::from_pem_slice(&read(key).await?)
            .map_err(|fault| format!("{}: no private key in PEM: {fault}", key.display()))?;
        let config = builder
            .with_client_auth_cert(chain, private)
            .map_err(|fault| format!("{} and {}: {fault}", cert.display(), key.display()))?;
        Ok(Arc::new(config))
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, String> {
    tokio::fs::read(path).await.map_err(|fault| format!("{}: {fault}", path.display()))
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|fault| format!("{}: {fault}", path.display()))?;
    if found.is_empty() {
        return Err(format!("{}: no certificate in PEM", path.display()));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_or_empty_file_is_named() {
        let none = TlsFiles::default().client_config().await.unwrap_err();
        assert!(none.contains("set `ca` under [uplink]"), "{none}");

        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca.pem");
        let files = TlsFiles { ca: Some(ca.clone()), client: None };
        let missing = files.client_config().await.unwrap_err();
        assert!(missing.contains("ca.pem") && missing.contains("No such file"), "{missing}");

        std::fs::write(&ca, "not a certificate").unwrap();
        let empty = files.client_config().await.unwrap_err();
        assert!(empty.contains("ca.pem: no certificate"), "{empty}");
    }

    #[tokio::test]
    async fn a_key_that_does_not_fit_its_certificate_is_refused_before_connecting() {
        let dir = tempfile::tempdir().unwrap();
        let one = rcgen::generate_simple_self_signed(["one".to_owned()]).unwrap();
        let two = rcgen::generate_simple_self_signed(["two".to_owned()]).unwrap();
        let [cert, key] = ["cert.pem", "key.pem"].map(|name| dir.path().join(name));
        std::fs::write(&cert, one.cert.pem()).unwrap();
        std::fs::write(&key, one.signing_key.serialize_pem()).unwrap();
        let files = TlsFiles { ca: Some(cert.clone()), client: Some((cert.clone(), key.clone())) };
        files.client_config().await.expect("the pair fits");

        std::fs::write(&key, two.signing_key.serialize_pem()).unwrap();
        let fault = files.client_config().await.unwrap_err();
        assert!(fault.contains("key.pem"), "{fault}");
    }
}
