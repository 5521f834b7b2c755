//! What only the operating system can say. The only place of the library with `unsafe`.

pub(crate) mod child;
pub(crate) mod dir;
#[cfg(test)]
pub(crate) mod mount_for_tests;

use std::{fs::File, io, os::fd::AsRawFd};

/// Reads into `bufs` from `offset` what is in the page cache already.
///
/// Never waits for a disk: `WouldBlock` when the first byte is not cached, a short count when a later one is not,
/// `Unsupported` where the file system or the system cannot tell.
pub(crate) fn read_cached(file: &File, bufs: &mut [io::IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    {
        match rustix::io::preadv2(file, bufs, offset, rustix::io::ReadWriteFlags::NOWAIT) {
            Ok(n) => Ok(n),
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS | rustix::io::Errno::INVAL) => {
                Err(io::ErrorKind::Unsupported.into())
            }
            Err(error) => Err(error.into()),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, bufs, offset);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Bytes written to a TCP socket that the peer has not acknowledged.
pub(crate) fn unacknowledged(socket: &impl AsRawFd) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: TIOCOUTQ writes one int through the pointer, which is valid for the call; the descriptor is borrowed
    // from a live socket.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(u64::try_from(bytes).unwrap_or(0)) }
}

/// What this boot of the machine is called, by which processes of an earlier one are told apart; `None` where the system
/// does not say.
pub(crate) fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

/// What the host lacks, with the remedy, if that is why a call failed.
pub(crate) fn lack(error: &io::Error) -> Option<&'static str> {
    match error.raw_os_error()? {
        libc::EMFILE => Some(
            "this process has no file descriptor left; raise its limit (`ulimit -n`, systemd's LimitNOFILE)",
        ),
        libc::ENFILE => Some("the system has no file descriptor left; raise fs.file-max"),
        libc::ENOMEM | libc::ENOBUFS => {
            Some("the system has no memory left for it; stop streams or add memory")
        }
        _ => None,
    }
}

/// What the host lacks, with the remedy, when a thread could not be started.
pub(crate) fn lack_of_threads(error: &io::Error) -> Option<&'static str> {
    match error.raw_os_error()? {
        libc::EAGAIN => Some(
            "this process may start no further thread; raise its limit (`ulimit -u`, systemd's TasksMax)",
        ),
        _ => lack(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{IoSliceMut, Read, Write},
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[test]
    fn bytes_a_peer_has_received_count_as_acknowledged() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        ours.write_all(&[7; 1_000]).unwrap();
        theirs.read_exact(&mut [0; 1_000]).unwrap();
        while unacknowledged(&ours).unwrap() > 0 {
            std::thread::yield_now();
        }
        ours.set_nonblocking(true).unwrap();
        while ours.write(&[7; 65_536]).is_ok() {}
        assert!(unacknowledged(&ours).unwrap() > 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_boot_has_one_name() {
        let id = boot_id().unwrap();
        assert_eq!((id.len(), boot_id()), (36, Some(id)));
    }

    #[test]
    fn cached_bytes_are_read_and_the_end_of_the_file_is_zero() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let (mut a, mut b) = ([0; 4], [0; 16]);
        let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        match read_cached(&file, &mut bufs, 2) {
            Ok(n) => {
                assert_eq!((n, &a, &b[..4]), (8, b"2345", &b"6789"[..]));
                assert_eq!(read_cached(&file, &mut [IoSliceMut::new(&mut [0; 4])], 10).unwrap(), 0);
            }
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Unsupported),
        }
    }
}
