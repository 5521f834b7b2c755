//! RTMPS: which certificates are good enough.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
        client::{
            Resumption,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        },
        crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
    },
};

use super::link::Counted;
use crate::spec::Trust;

/// What rustls may hold for a socket that takes nothing. Its default of 64 KB is more than a tick of a stream.
const HELD_BACK: usize = 16 * 1_024;

/// Makes encrypted connections. One configuration serves all streams that trust the same roots.
#[derive(Debug, Default)]
pub(super) struct Tls(Mutex<Vec<(Trust, Arc<ClientConfig>)>>);

impl Tls {
    /// Shakes hands over `tcp` with a server that must prove to be `host`.
    pub(super) async fn connect(
        &self,
        tcp: Counted,
        host: &str,
        trust: &Trust,
    ) -> io::Result<TlsStream<Counted>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(self.config(trust)?);
        let connect = connector.connect_with(name, tcp, |session| session.set_buffer_limit(Some(HELD_BACK)));
        connect.await.map_err(in_words)
    }

    /// The configuration for `trust`, shared with whoever has it in use.
    pub(super) fn config(&self, trust: &Trust) -> io::Result<Arc<ClientConfig>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Reading the system's store takes long enough to keep it; others go with their last stream.
        known.retain(|(trust, config)| *trust == Trust::System || Arc::strong_count(config) > 1);
        if let Some((_, config)) = known.iter().find(|(known, _)| known == trust) {
            return Ok(Arc::clone(config));
        }
        let mut config = match trust {
            Trust::System => with_platform_roots()?,
            Trust::Roots(pem) => with_roots(pem)?,
            Trust::DangerAnyCertificate => without_verification()?,
        };
        // A session is resumed at most once in days: a cache of them is only memory.
        config.resumption = Resumption::disabled();
        let config = Arc::new(config);
        known.push((trust.clone(), Arc::clone(&config)));
        Ok(config)
    }
}

/// Says what is wrong with a certificate, to people; other failures are left as they are.
fn in_words(error: io::Error) -> io::Error {
    use CertificateError as Why;
    let Some(rustls::Error::InvalidCertificate(why)) = error.get_ref().and_then(|error| error.downcast_ref())
    else {
        return error;
    };
    let wrong = match why {
        Why::Expired | Why::ExpiredContext { .. } => format!("it has expired ({why})"),
        Why::NotValidYet | Why::NotValidYetContext { .. } => format!("it is not valid yet ({why})"),
        Why::NotValidForName | Why::NotValidForNameContext { .. } => {
            format!("it is for another host ({why})")
        }
        Why::Revoked => "it has been revoked".to_owned(),
        // A root that merely has the issuer's name gives the second kind.
        Why::UnknownIssuer | Why::BadSignature => {
            "it is self-signed, or its issuer is not among the trusted roots".to_owned()
        }
        // Some kinds print the bytes of identifiers.
        _ => "it cannot be verified with the trusted roots".to_owned(),
    };
    io::Error::new(error.kind(), format!("the server's certificate is refused: {wrong}"))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// Reads the system's trust store once, to see that it can be read. Blocks for some tens of milliseconds.
///
/// # Errors
/// Why RTMPS with the system's roots would fail.
pub(crate) fn platform_roots() -> io::Result<()> {
    with_platform_roots().map(drop)
}

fn with_platform_roots() -> io::Result<ClientConfig> {
    use rustls_platform_verifier::BuilderVerifierExt as _;
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(io::Error::other)?.with_platform_verifier().map_err(io::Error::other)?;
    Ok(builder.with_no_client_auth())
}

fn with_roots(pem: &str) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(root.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    if roots.is_empty() {
        return Err(io::Error::other("the text holds no certificate in PEM form"));
    }
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    Ok(builder.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth())
}

fn without_verification() -> io::Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(io::Error::other)?.dangerous();
    Ok(builder.with_custom_certificate_verifier(Arc::new(Anyone(provider()))).with_no_client_auth())
}

/// Believes every certificate. Signatures are still checked, so that the handshake itself is sound.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
