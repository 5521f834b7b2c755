//! Certificates for RTMPS tests: one authority, and servers that are and are not to be trusted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};

/// An authority that exists for one test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

/// A server's certificate and key, both PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub cert: String,
    /// The private key.
    pub key: String,
}

/// Which versions of TLS a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// 1.2 only.
    V12,
    /// 1.2 and 1.3.
    Any,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// Makes an authority with a fresh key.
    ///
    /// # Panics
    /// When the machine has no randomness.
    #[must_use]
    pub fn new() -> Self {
        let mut params = params("streambro test authority", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, fresh_key()).expect("a certificate can be made");
        Self { issuer }
    }

    /// The authority's own certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Writes the authority's certificate to `DIR/ca.pem`, for `SSL_CERT_FILE` and its like.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[must_use]
    pub fn write(&self, dir: &Path) -> PathBuf {
        let path = dir.join("ca.pem");
        std::fs::write(&path, self.pem()).expect("a file can be written");
        path
    }

    /// Good for `localhost`, `127.0.0.1` and `::1`.
    #[must_use]
    pub fn good(&self) -> Identity {
        self.issue(params("localhost", &["localhost", "127.0.0.1", "::1"]))
    }

    /// Good for another host only.
    #[must_use]
    pub fn wrong_host(&self) -> Identity {
        self.issue(params("elsewhere.invalid", &["elsewhere.invalid"]))
    }

    /// Good for this host until the end of 2020.
    #[must_use]
    pub fn expired(&self) -> Identity {
        let mut params = params("localhost", &["localhost", "127.0.0.1", "::1"]);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 12, 31);
        self.issue(params)
    }

    fn issue(&self, params: CertificateParams) -> Identity {
        let key = fresh_key();
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate can be signed");
        Identity { cert: cert.pem(), key: key.serialize_pem() }
    }
}

/// Right in every way, but signed by nobody else.
///
/// # Panics
/// When the machine has no randomness.
#[must_use]
pub fn self_signed() -> Identity {
    let key = fresh_key();
    let params = params("localhost", &["localhost", "127.0.0.1", "::1"]);
    let cert = params.self_signed(&key).expect("a certificate can be made");
    Identity { cert: cert.pem(), key: key.serialize_pem() }
}

impl Identity {
    /// Writes both to files for a server that wants paths. Returns (certificate, key).
    ///
    /// # Panics
    /// When the files cannot be written.
    #[must_use]
    pub fn write(&self, dir: &Path) -> (PathBuf, PathBuf) {
        let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
        std::fs::write(&cert, &self.cert).expect("a file can be written");
        std::fs::write(&key, &self.key).expect("a file can be written");
        (cert, key)
    }

    /// What rustls serves with it.
    ///
    /// # Panics
    /// When the pair does not fit together.
    #[must_use]
    pub fn server(&self, tls: Tls) -> Arc<ServerConfig> {
        let cert = CertificateDer::from_pem_slice(self.cert.as_bytes()).expect("the PEM is ours");
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("the PEM is ours");
        let versions: &[_] = match tls {
            Tls::V12 => &[&TLS12],
            Tls::Any => &[&TLS13, &TLS12],
        };
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("ring speaks both versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert], key)
            .expect("certificate and key belong together");
        Arc::new(config)
    }
}

fn params(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|&h| h.to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("the names are valid");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2090, 1, 1);
    params
}

fn fresh_key() -> KeyPair {
    KeyPair::generate().expect("the machine has randomness")
}
