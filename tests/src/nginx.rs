//! A private nginx with the rtmp module, recording what is published to it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::net;
use crate::process::Guard;

/// How the server is set up.
#[derive(Clone, Debug)]
pub struct Options {
    drop_idle: Option<Duration>,
    ping: Duration,
    max_message: u32,
    chunk_size: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { drop_idle: None, ping: Duration::from_secs(5), max_message: 1 << 20, chunk_size: 4096 }
    }
}

impl Options {
    /// Closes publishers that have sent no media for this long. Whole seconds; off by default.
    #[must_use]
    pub fn drop_idle_publisher(mut self, after: Duration) -> Self {
        self.drop_idle = Some(after);
        self
    }

    /// How often the server pings. Whole seconds, 5 by default; a ping not answered within 30 s closes.
    #[must_use]
    pub fn ping(mut self, every: Duration) -> Self {
        self.ping = every;
        self
    }

    /// The largest message the server takes, in bytes. Its own default is 1 MiB.
    #[must_use]
    pub fn max_message(mut self, bytes: u32) -> Self {
        self.max_message = bytes;
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    /// When nginx or its rtmp module is missing, or it does not listen within 20 s.
    pub async fn start(self) -> Nginx {
        let dir = crate::scratch();
        for folder in ["rec", "out", "logs"] {
            std::fs::create_dir(dir.path().join(folder)).expect("a fresh folder can be made");
        }
        for _ in 0..5 {
            let port = net::free_port();
            std::fs::write(dir.path().join("nginx.conf"), self.conf(dir.path(), port))
                .expect("a file can be written");
            let mut server = spawn(dir.path());
            if net::wait_listening(port, &mut server).await {
                let shelf = Shelf::new(dir.path());
                return Nginx { server, shelf, dir, port };
            }
        }
        let log = std::fs::read_to_string(dir.path().join("logs/error.log")).unwrap_or_default();
        panic!("nginx does not start: {log}");
    }

    fn conf(&self, dir: &Path, port: u16) -> String {
        let dir = dir.display();
        let (module, ping) = (module().display().to_string(), self.ping.as_secs());
        let mut live = format!("live on;\n record all;\n record_path {dir}/rec;\n record_unique on;\n");
        let mut pass = "live on;\n".to_owned();
        if let Some(after) = self.drop_idle {
            for app in [&mut live, &mut pass] {
                let _ = writeln!(app, " drop_idle_publisher {}s;", after.as_secs());
            }
        }
        format!(
            "load_module {module};\n\
             {user}daemon off;\nmaster_process off;\npid {dir}/nginx.pid;\nerror_log {dir}/logs/error.log info;\n\
             events {{ worker_connections 2048; }}\n\
             rtmp {{\n access_log off;\n server {{\n  listen 127.0.0.1:{port};\n  ping {ping}s;\n  ping_timeout 30s;\n  \
             chunk_size {chunk};\n  max_message {max};\n  application live {{ {live} }}\n  application pass {{ {pass} }}\n }}\n}}\n",
            user = if running_as_root() { "user root;\n" } else { "" },
            chunk = self.chunk_size,
            max = self.max_message,
        )
    }
}

/// A running server. Dropped, it is killed and its recordings are removed.
#[derive(Debug)]
pub struct Nginx {
    server: Guard,
    shelf: Shelf,
    dir: tempfile::TempDir,
    port: u16,
}

impl Nginx {
    /// Starts a server on a free port of 127.0.0.1 with two applications: `live` records, `pass` does not.
    ///
    /// # Panics
    /// When nginx or its rtmp module is missing, or it does not listen within 20 s.
    pub async fn start() -> Self {
        Options::default().start().await
    }

    /// The same with other settings.
    #[must_use]
    pub fn options() -> Options {
        Options::default()
    }

    /// The port it listens on, the same after a restart.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the server that runs now.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// The address of an application, without the stream key.
    #[must_use]
    pub fn rtmp_url(&self, app: &str) -> String {
        format!("rtmp://127.0.0.1:{}/{app}", self.port)
    }

    /// The recordings of one stream key so far, one file for each publish, the first first.
    ///
    /// A file still grows while its publisher is there.
    #[must_use]
    pub fn recordings(&self, key: &str) -> Vec<PathBuf> {
        self.shelf.sort();
        self.shelf.of(key)
    }

    /// Waits until the recordings of a key are `count` files that no longer grow.
    ///
    /// # Panics
    /// When they are not within `bound`.
    pub async fn settled(&self, key: &str, count: usize, bound: Duration) -> Vec<PathBuf> {
        let deadline = Instant::now() + bound;
        let sizes = |files: &[PathBuf]| -> Vec<u64> {
            files.iter().map(|f| std::fs::metadata(f).map_or(0, |m| m.len())).collect()
        };
        let mut before = Vec::new();
        loop {
            let files = self.recordings(key);
            let now = sizes(&files);
            if files.len() >= count && now == before {
                return files;
            }
            before = now;
            assert!(
                Instant::now() < deadline,
                "{} recordings of {key}, wanted {count}: {before:?}",
                files.len()
            );
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Kills the server at once (SIGKILL). Its connections are reset or closed by the kernel.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Kills the server if it runs and starts it again on the same port. Recordings stay.
    ///
    /// # Panics
    /// When it does not come back within 20 s.
    pub async fn restart(&mut self) {
        self.server.kill();
        self.server = spawn(self.dir.path());
        assert!(
            net::wait_listening(self.port, &mut self.server).await,
            "nginx does not come back: {}",
            self.log()
        );
    }

    /// What the server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("logs/error.log")).unwrap_or_default()
    }
}

fn spawn(dir: &Path) -> Guard {
    // Debian keeps servers where only root looks.
    let debian = Path::new("/usr/sbin/nginx");
    let mut command = Command::new(if debian.exists() { debian } else { Path::new("nginx") });
    command.arg("-p").arg(dir).arg("-c").arg(dir.join("nginx.conf"));
    // Before the configuration is read, nginx would write to its compiled-in log.
    command.arg("-e").arg(dir.join("logs/error.log"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Guard::spawn(command)
}

fn module() -> PathBuf {
    let places = [
        "/usr/lib/nginx/modules",
        "/usr/lib64/nginx/modules",
        "/usr/local/nginx/modules",
        "/opt/homebrew/lib/nginx/modules",
    ];
    places
        .iter()
        .map(|dir| Path::new(dir).join("ngx_rtmp_module.so"))
        .find(|path| path.exists())
        .expect("nginx's rtmp module is not installed (Debian: libnginx-mod-rtmp; tests/run installs it)")
}

fn running_as_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

/// Gives every recording a name of its own as soon as it appears.
///
/// nginx names recordings by the second, so a publisher that is back within one second would write over its own
/// recording. The file is moved under its writer, which keeps writing to it.
#[derive(Debug)]
struct Shelf {
    inner: Arc<Inner>,
    sorter: Option<std::thread::JoinHandle<()>>,
}

#[derive(Debug)]
struct Inner {
    from: PathBuf,
    to: PathBuf,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    closed: bool,
    by_key: BTreeMap<String, Vec<PathBuf>>,
}

impl Shelf {
    fn new(dir: &Path) -> Self {
        let inner = Arc::new(Inner { from: dir.join("rec"), to: dir.join("out"), books: Mutex::default() });
        let own = Arc::clone(&inner);
        let sorter = std::thread::spawn(move || {
            while !own.sort() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { inner, sorter: Some(sorter) }
    }

    fn sort(&self) {
        self.inner.sort();
    }

    fn of(&self, key: &str) -> Vec<PathBuf> {
        let books = self.inner.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.by_key.get(key).cloned().unwrap_or_default()
    }
}

impl Inner {
    /// Moves what is new. Returns whether the shelf is closed.
    fn sort(&self) -> bool {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<_> =
            std::fs::read_dir(&self.from).into_iter().flatten().flatten().map(|e| e.path()).collect();
        // Name and time; two of one key within one look differ in the second.
        found.sort();
        for path in found {
            // `key-1700000000.flv`
            let Some((key, _)) = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.rsplit_once('-'))
            else {
                continue;
            };
            let list = books.by_key.entry(key.to_owned()).or_default();
            let to = self.to.join(format!("{key}.{:04}.flv", list.len()));
            if std::fs::rename(&path, &to).is_ok() {
                list.push(to);
            }
        }
        books.closed
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.inner.books.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        if let Some(sorter) = self.sorter.take() {
            let _ = sorter.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffmpeg::{self, Clip, Track};
    use crate::flv::{self, Kind};

    fn publish(clip: &Path, url: &str) -> Guard {
        let mut command = Command::new("ffmpeg");
        command.args(["-nostdin", "-loglevel", "error", "-re", "-i"]).arg(clip);
        command.args(["-c", "copy", "-f", "flv", url]).stderr(Stdio::null());
        Guard::spawn(command)
    }

    #[tokio::test]
    async fn records_what_ffmpeg_publishes_packet_for_packet() {
        let nginx = Nginx::start().await;
        let clip = Clip::new().seconds(2.0).make().await;
        let mut ffmpeg = publish(&clip, &format!("{}/key-with-dash", nginx.rtmp_url("live")));
        assert!(ffmpeg.wait(Duration::from_secs(30)).await.success());
        let files = nginx.settled("key-with-dash", 1, Duration::from_secs(10)).await;
        assert_eq!(files.len(), 1);
        let got = flv::read(&files[0]).unwrap();
        let source = ffmpeg::packets(&clip).await;
        for (track, kind) in [(Track::Video, Kind::Video), (Track::Audio, Kind::Audio)] {
            let want: Vec<_> = source.iter().filter(|p| p.track == track).map(|p| p.md5.clone()).collect();
            let have: Vec<_> = got.samples(kind).map(flv::Tag::md5).collect();
            assert_eq!(have, want, "{track:?}");
        }
    }

    #[tokio::test]
    async fn comes_back_on_the_same_port_and_keeps_both_recordings() {
        let mut nginx = Nginx::start().await;
        let clip = Clip::new().seconds(2.0).make().await;
        let url = format!("{}/key", nginx.rtmp_url("live"));
        let mut first = publish(&clip, &url);
        let _ = nginx.settled("key", 1, Duration::from_secs(10)).await;
        nginx.restart().await;
        let _ = first.wait(Duration::from_secs(30)).await;
        let mut second = publish(&clip, &url);
        assert!(second.wait(Duration::from_secs(30)).await.success());
        let files = nginx.settled("key", 2, Duration::from_secs(10)).await;
        assert_eq!(files.len(), 2);
        let pid = nginx.pid();
        drop(nginx);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }
}
