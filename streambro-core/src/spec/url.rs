//! Where a stream is published to.

use std::fmt;

/// The longest URL that is taken, in bytes.
const MAX_LEN: usize = 2048;

/// Why a text is not an ingest URL. Never repeats the text: it may carry a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// More than 2,048 bytes.
    #[error("the ingest URL is longer than {MAX_LEN} bytes")]
    TooLong,
    /// A space, a line end or another character that is not seen.
    #[error("the ingest URL contains a space or a control character")]
    Character,
    /// Neither RTMP nor RTMPS.
    #[error("an ingest URL begins with rtmp:// or rtmps://")]
    Scheme,
    /// `user:password@`.
    #[error("the ingest URL contains a user name or password; streambro cannot log in to a server")]
    UserInfo,
    /// `#...`.
    #[error("the ingest URL contains a fragment (#)")]
    Fragment,
    /// No host, or one that cannot exist.
    #[error("the host of the ingest URL is missing or not valid")]
    Host,
    /// Not a number from 1 to 65,535.
    #[error("the port of the ingest URL is not a number from 1 to 65535")]
    Port,
    /// Nothing behind the host.
    #[error("the ingest URL names no application: something like /live must follow the host")]
    App,
}

/// The address of an application on a server, without the stream key.
///
/// The application is kept byte for byte as it was written. `Debug` and `Display` show no more than its first segment,
/// as the rest may carry a token.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IngestUrl {
    tls: bool,
    /// As written, with the brackets of an IPv6 address.
    written_host: Box<str>,
    /// For the resolver: lower case, IDNA in ASCII, no brackets.
    host: Box<str>,
    port: u16,
    app: Box<str>,
}

impl IngestUrl {
    /// Parses `rtmp[s]://host[:port]/app[?query]`.
    ///
    /// # Errors
    /// A [`UrlError`] that says which part is wrong.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > MAX_LEN {
            return Err(UrlError::TooLong);
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(UrlError::Character);
        }
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let tls = match scheme {
            _ if scheme.eq_ignore_ascii_case("rtmp") => false,
            _ if scheme.eq_ignore_ascii_case("rtmps") => true,
            _ => return Err(UrlError::Scheme),
        };
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        let (written_host, port) = split_port(authority)?;
        let host = match url::Host::parse(written_host).map_err(|_| UrlError::Host)? {
            url::Host::Domain(name) => name,
            url::Host::Ipv4(address) => address.to_string(),
            url::Host::Ipv6(address) => address.to_string(),
        };
        let app = path.strip_prefix('/').unwrap_or_default();
        // Written by habit; servers know `live`, not `live/`. At the end of a query it may belong to a token.
        let app = if app.contains('?') { app } else { app.trim_end_matches('/') };
        if app.is_empty() || app.starts_with(['/', '?']) {
            return Err(UrlError::App);
        }
        Ok(Self {
            tls,
            written_host: written_host.into(),
            host: host.into(),
            port: port.unwrap_or_else(|| default_port(tls)),
            app: app.into(),
        })
    }

    /// Whether the connection is encrypted (rtmps).
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Returns the host for the resolver and for SNI: lower case, ASCII, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port: the one that was written, else 1935 (rtmp) or 443 (rtmps).
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the application with its query string, as written. It may carry a token: not for logs.
    pub fn app(&self) -> &str {
        &self.app
    }

    /// Returns the `tcUrl` of the connect command. It may carry a token: not for logs.
    pub fn tc_url(&self) -> String {
        // Some ingest servers compare it with their own name, which has no default port.
        format!("{}/{}", self.origin(self.port != default_port(self.tls)), self.app)
    }

    fn origin(&self, with_port: bool) -> String {
        let scheme = if self.tls { "rtmps" } else { "rtmp" };
        let host = &self.written_host;
        if with_port { format!("{scheme}://{host}:{}", self.port) } else { format!("{scheme}://{host}") }
    }
}

impl fmt::Display for IngestUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.app.split(['/', '?']).next().unwrap_or_default();
        write!(f, "{}/{first}", self.origin(true))
    }
}

impl fmt::Debug for IngestUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IngestUrl({self})")
    }
}

fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 1935 }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let host_len = match authority.strip_prefix('[') {
        Some(_) => authority.find(']').ok_or(UrlError::Host)? + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(host_len);
    if host.is_empty() {
        return Err(UrlError::Host);
    }
    if port.is_empty() {
        return Ok((host, None));
    }
    let digits = port.strip_prefix(':').ok_or(UrlError::Host)?;
    // `u16::from_str` alone would take "+1935".
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    match digits.parse() {
        Ok(0) | Err(_) => Err(UrlError::Port),
        Ok(port) => Ok((host, Some(port))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> IngestUrl {
        IngestUrl::parse(text).unwrap()
    }

    #[test]
    fn the_parts_are_what_was_written() {
        let url = parse("rtmps://A.rtmps.YouTube.com:443/live2?backup=1");
        assert!(url.is_tls());
        assert_eq!((url.host(), url.port(), url.app()), ("a.rtmps.youtube.com", 443, "live2?backup=1"));
        assert_eq!(url.tc_url(), "rtmps://A.rtmps.YouTube.com/live2?backup=1");
    }

    #[test]
    fn ports_default_by_scheme_and_stay_out_of_the_tc_url() {
        assert_eq!(parse("rtmp://h/live").port(), 1935);
        assert_eq!(parse("RTMPS://h/live").port(), 443);
        assert_eq!(parse("rtmp://h:1935/live").tc_url(), "rtmp://h/live");
        assert_eq!(parse("rtmp://h:443/live").tc_url(), "rtmp://h:443/live");
    }

    #[test]
    fn addresses_are_hosts() {
        assert_eq!(parse("rtmp://127.0.0.1:19350/a/b").tc_url(), "rtmp://127.0.0.1:19350/a/b");
        let six = parse("rtmp://[::1]:19350/live");
        assert_eq!((six.host(), six.port()), ("::1", 19350));
        assert_eq!(six.tc_url(), "rtmp://[::1]:19350/live");
        assert_eq!(parse("rtmp://bücher.example/live").host(), "xn--bcher-kva.example");
    }

    #[test]
    fn the_application_is_kept_byte_for_byte() {
        for app in ["live", "live//x", "a%2Fb", "Live2?b=%41&c=d/e?f", "x/../y", "ünï"] {
            assert_eq!(parse(&format!("rtmp://h/{app}")).app(), app);
        }
    }

    #[test]
    fn a_slash_at_the_end_is_habit() {
        for text in ["rtmp://h/app/", "rtmp://h/app//"] {
            assert_eq!(parse(text), parse("rtmp://h/app"));
            assert_eq!(parse(&parse(text).tc_url()), parse(text));
        }
        assert_eq!(parse("rtmp://h/app?token=x/").app(), "app?token=x/");
    }

    #[test]
    fn each_fault_is_named() {
        use UrlError::*;
        for (text, error) in [
            ("", Scheme),
            ("live2", Scheme),
            ("http://h/live", Scheme),
            ("://h/live", Scheme),
            ("rtmp:/h/live", Scheme),
            ("rtmp://h/li ve", Character),
            ("rtmp://h/live\n", Character),
            ("rtmp://h/li\u{0}ve", Character),
            ("rtmp://h/li\u{a0}ve", Character),
            ("rtmp://user:pass@h/live", UserInfo),
            ("rtmp://@h/live", UserInfo),
            ("rtmp://h/live#x", Fragment),
            ("rtmp://h#/live", Fragment),
            ("rtmp:///live", Host),
            ("rtmp://:1935/live", Host),
            ("rtmp://[::1/live", Host),
            ("rtmp://[::1]x/live", Host),
            ("rtmp://::1/live", Host),
            ("rtmp://h\\x/live", Host),
            ("rtmp://256.1.1.1/live", Host),
            ("rtmp://h:/live", Port),
            ("rtmp://h:0/live", Port),
            ("rtmp://h:+1/live", Port),
            ("rtmp://h:65536/live", Port),
            ("rtmp://h", App),
            ("rtmp://h/", App),
            ("rtmp://h//", App),
            ("rtmp://h?x=1", App),
            ("rtmp://h/?x=1", App),
        ] {
            assert_eq!(IngestUrl::parse(text), Err(error), "{text:?}");
        }
        assert_eq!(IngestUrl::parse(&format!("rtmp://h/{}", "x".repeat(2048))), Err(TooLong));
    }

    #[test]
    fn nothing_beyond_the_first_segment_is_printed() {
        let url = parse("rtmp://Host/live/canary1/x?token=canary2");
        assert_eq!(format!("{url} {url:?}"), "rtmp://Host:1935/live IngestUrl(rtmp://Host:1935/live)");
        let error = IngestUrl::parse("rtmp://h:99999/canary").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(rtmps?://)?.{0,60}") {
            let _ = IngestUrl::parse(&text);
        }

        #[test]
        fn a_url_survives_its_own_text(
            host in "[a-zA-Z][a-zA-Z0-9-]{0,8}(\\.[a-z]{2,4})?", port in prop::option::of(1u16..),
            tls in any::<bool>(), app in "[!-\"$-.0->@-~][!-\"$-~é]{0,30}[!-\"$-.0-~]",
        ) {
            let scheme = if tls { "rtmps" } else { "rtmp" };
            let port = port.map_or(String::new(), |port| format!(":{port}"));
            if let Ok(url) = IngestUrl::parse(&format!("{scheme}://{host}{port}/{app}")) {
                prop_assert_eq!(url.app(), app);
                prop_assert_eq!(IngestUrl::parse(&url.tc_url()), Ok(url));
            } else {
                // Only IDNA can object: to a malformed xn-- label.
                prop_assert!(host.to_lowercase().contains("xn--"));
            }
        }
    }
}
