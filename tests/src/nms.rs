//! node-media-server: a second opinion on RTMP and RTMPS, recording what is published to it.
//!
//! It wants Node 20 and packages that Debian does not have, so only `tests/run --full` installs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::certs::Identity;
use crate::net;
use crate::process::{self, Guard};

/// A running server. Dropped, it is killed and its recordings are removed.
#[derive(Debug)]
pub struct Nms {
    server: Guard,
    dir: tempfile::TempDir,
    rtmp: u16,
    rtmps: Option<u16>,
}

impl Nms {
    /// Whether Node and the server's packages are here. A test that needs them returns early when they are not.
    #[must_use]
    pub fn available() -> bool {
        process::installed("node") && home().join("node_modules/node-media-server").is_dir()
    }

    /// Starts a server on a free port of 127.0.0.1, without RTMPS.
    pub async fn start() -> Self {
        Self::launch(None).await
    }

    /// Starts a server with RTMPS beside RTMP.
    pub async fn start_tls(identity: &Identity) -> Self {
        Self::launch(Some(identity)).await
    }

    async fn launch(identity: Option<&Identity>) -> Self {
        assert!(Self::available(), "node-media-server is not installed: tests/run --full installs it");
        let dir = crate::scratch();
        let files = identity.map(|identity| identity.write(dir.path()));
        for _ in 0..5 {
            let (rtmp, rtmps) = (net::free_port(), files.as_ref().map(|_| net::free_port()));
            let mut server = spawn(dir.path(), rtmp, rtmps, files.as_ref());
            let mut ready = net::wait_listening(rtmp, &mut server).await;
            if let Some(port) = rtmps {
                ready &= net::wait_listening(port, &mut server).await;
            }
            if ready {
                return Self { server, dir, rtmp, rtmps };
            }
        }
        panic!("node-media-server does not start: {}", log(dir.path()));
    }

    /// The process id of the server that runs now.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// The RTMP port, the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.rtmp
    }

    /// The address of an application (any will do), without the stream key.
    #[must_use]
    pub fn rtmp_url(&self, app: &str) -> String {
        format!("rtmp://127.0.0.1:{}/{app}", self.rtmp)
    }

    /// The same over TLS; the certificate decides which host is right.
    ///
    /// # Panics
    /// When the server was started without a certificate.
    #[must_use]
    pub fn rtmps_url(&self, host: &str, app: &str) -> String {
        format!("rtmps://{host}:{}/{app}", self.rtmps.expect("the server was started with a certificate"))
    }

    /// The recordings of one stream key so far in the application `live`, the first first.
    ///
    /// A publisher that is back within the server's grace period goes on in the same file.
    #[must_use]
    pub fn recordings(&self, key: &str) -> Vec<PathBuf> {
        let dir = self.dir.path().join("rec/live").join(key);
        let mut files: Vec<_> =
            std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect();
        // Named by the millisecond.
        files.sort();
        files
    }

    /// Waits until the recordings of a key are `count` files that no longer grow.
    ///
    /// # Panics
    /// When they are not within `bound`.
    pub async fn settled(&self, key: &str, count: usize, bound: Duration) -> Vec<PathBuf> {
        let deadline = Instant::now() + bound;
        let mut before = Vec::new();
        loop {
            let files = self.recordings(key);
            let now: Vec<u64> = files.iter().map(|f| std::fs::metadata(f).map_or(0, |m| m.len())).collect();
            if files.len() >= count && now == before {
                return files;
            }
            before = now;
            assert!(
                Instant::now() < deadline,
                "{} recordings of {key}, wanted {count}: {before:?}",
                files.len()
            );
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Kills the server at once (SIGKILL).
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Kills the server if it runs and starts it again on the same ports. Recordings stay.
    ///
    /// # Panics
    /// When it does not come back within 20 s.
    pub async fn restart(&mut self) {
        self.server.kill();
        let files = self.rtmps.map(|_| (self.dir.path().join("cert.pem"), self.dir.path().join("key.pem")));
        self.server = spawn(self.dir.path(), self.rtmp, self.rtmps, files.as_ref());
        assert!(
            net::wait_listening(self.rtmp, &mut self.server).await,
            "it does not come back: {}",
            self.log()
        );
        if let Some(port) = self.rtmps {
            assert!(
                net::wait_listening(port, &mut self.server).await,
                "it does not come back: {}",
                self.log()
            );
        }
    }

    /// What the server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        log(self.dir.path())
    }
}

fn home() -> PathBuf {
    crate::cache("node-media-server")
}

fn log(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("log")).unwrap_or_default()
}

fn spawn(dir: &Path, rtmp: u16, rtmps: Option<u16>, files: Option<&(PathBuf, PathBuf)>) -> Guard {
    let settings = serde_json::json!({
        "rtmp": rtmp,
        "rtmps": rtmps,
        "cert": files.map(|f| &f.0),
        "key": files.map(|f| &f.1),
        "dir": dir,
    });
    let out =
        std::fs::File::options().create(true).append(true).open(dir.join("log")).expect("a log can be made");
    let err = out.try_clone().expect("a descriptor is free");
    let mut command = Command::new("node");
    command.arg(home().join("server.js")).arg(settings.to_string()).current_dir(dir);
    command.stdout(Stdio::from(out)).stderr(Stdio::from(err));
    Guard::spawn(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certs::Authority;
    use crate::ffmpeg::{self, Clip, Track};
    use crate::flv::{self, Kind};

    #[tokio::test]
    async fn records_what_ffmpeg_publishes_over_both() {
        if !Nms::available() {
            return;
        }
        let nms = Nms::start_tls(&Authority::new().good()).await;
        let clip = Clip::new().seconds(2.0).make().await;
        for (key, url) in [("plain", nms.rtmp_url("live")), ("tls", nms.rtmps_url("127.0.0.1", "live"))] {
            let url = format!("{url}/{key}");
            ffmpeg::run(&["-re", "-i", clip.to_str().unwrap(), "-c", "copy", "-f", "flv", &url]).await;
            let files = nms.settled(key, 1, Duration::from_secs(15)).await;
            let got = flv::read(&files[0]).unwrap();
            let want: Vec<_> = ffmpeg::packets(&clip).await;
            let want: Vec<_> = want.into_iter().filter(|p| p.track == Track::Video).map(|p| p.md5).collect();
            assert_eq!(got.samples(Kind::Video).map(flv::Tag::md5).collect::<Vec<_>>(), want, "{key}");
        }
    }
}
