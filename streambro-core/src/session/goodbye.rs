//! Leaving a server in order, so that it frees the key at once.

use std::{
    future::poll_fn,
    io,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::timeout;

use super::pump::{Pump, receive};
use crate::publish::{Transfer, TransmitError};

/// How long the server's own goodbye is waited for.
const DRAIN: Duration = Duration::from_secs(1);

/// Takes the stream down, closes our side and waits shortly for the server's.
pub(super) async fn say_goodbye(pump: &mut Pump, bound: Duration) {
    pump.outbox.clear();
    pump.publisher.begin_close();
    let said = timeout(bound, poll_fn(|context| poll_say(pump, context))).await;
    pump.left_in_order = said.is_ok();
    if matches!(said, Ok(Ok(()))) {
        let drain = poll_fn(|context| match receive(&mut pump.link, &mut pump.publisher, context) {
            Ok(()) => Poll::Pending,
            Err(_) => Poll::Ready(()),
        });
        let _ = timeout(DRAIN, drain).await;
    }
}

fn poll_say(pump: &mut Pump, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    let Pump { link, publisher, outbox, reader, .. } = pump;
    let write = |bytes: &[u8]| match link.poll_write(context, bytes) {
        Poll::Ready(Ok(0)) => Err(io::ErrorKind::WriteZero.into()),
        Poll::Ready(written) => written.map(Some),
        Poll::Pending => Ok(None),
    };
    match outbox.transmit(publisher, reader, write, |_| {}) {
        Ok(sent) => match sent.outcome {
            Transfer::Done => {}
            Transfer::Blocked => return Poll::Pending,
            // The rest of the last frame is on a disk that does not answer: leave without it.
            Transfer::Fetching => return Poll::Ready(Err(io::ErrorKind::WouldBlock.into())),
        },
        Err(TransmitError::Source(error) | TransmitError::Link(error)) => return Poll::Ready(Err(error)),
    }
    match link.poll_flush(context) {
        Poll::Ready(Ok(())) => link.poll_shutdown(context),
        other => other,
    }
}
