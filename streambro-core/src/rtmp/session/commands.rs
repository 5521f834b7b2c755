//! What a publisher says.

use super::{CHUNK_SIZE, Event, Publisher, Stage};
use crate::media::amf0::Writer;
use crate::rtmp::message::{Announce, MediaHeaders, MessageHead, csid, kind};
use crate::rtmp::target::Target;

/// What is queued for the server by the server's own doing stops growing here, in bytes.
pub(super) const OUTPUT_LIMIT: usize = 16 * 1024;

/// Some servers let in only what looks like this one encoder.
const FLASH_VER: &str = "FMLE/3.0 (compatible; streambro)";

impl Publisher {
    pub(super) fn connect(&mut self) {
        self.stage = Stage::Connect;
        self.send(csid::CONTROL, kind::SET_CHUNK_SIZE, 0, &CHUNK_SIZE.to_be_bytes());
        self.call(csid::CONNECTION, 0, "connect", |w, target| {
            w.object();
            // `app` first: some servers read no further.
            w.key("app").string(&target.app);
            w.key("type").string("nonprivate");
            w.key("flashVer").string(FLASH_VER);
            w.key("tcUrl").string(&target.tc_url);
            w.end();
        });
        self.awaited = self.transaction;
    }

    pub(super) fn create_stream(&mut self) {
        self.stage = Stage::CreateStream;
        self.call_with_key("releaseStream");
        self.call_with_key("FCPublish");
        self.call(csid::CONNECTION, 0, "createStream", |w, _| {
            w.null();
        });
        self.awaited = self.transaction;
    }

    pub(super) fn publish(&mut self, id: u32) {
        self.stage = Stage::Publish;
        self.stream_id = id;
        self.media = MediaHeaders::new(id, CHUNK_SIZE);
        self.call(csid::STREAM, id, "publish", |w, target| {
            w.null().string(target.name.expose()).string("live");
        });
        self.awaited = self.transaction;
    }

    pub(super) fn live(&mut self) {
        self.stage = Stage::Live;
        self.events.push_back(Event::Publishing { stream_id: self.stream_id });
    }

    pub(super) fn call_with_key(&mut self, name: &str) {
        self.call(csid::CONNECTION, 0, name, |w, target| {
            w.null().string(target.name.expose());
        });
    }

    /// Queues a command under the next transaction.
    pub(super) fn call(
        &mut self,
        csid: u8,
        stream: u32,
        name: &str,
        arguments: impl FnOnce(&mut Writer<'_>, &Target),
    ) {
        self.transaction += 1.0;
        let mut body = Vec::new();
        let mut writer = Writer::new(&mut body);
        writer.string(name).number(self.transaction);
        arguments(&mut writer, &self.target);
        self.send(csid, kind::COMMAND, stream, &body);
    }

    /// Queues a command that the server caused, unless too much is queued; without `transaction`, under the next one.
    pub(super) fn answer_call(
        &mut self,
        name: &str,
        transaction: Option<f64>,
        arguments: impl FnOnce(&mut Writer<'_>),
    ) {
        let transaction = transaction.unwrap_or_else(|| {
            self.transaction += 1.0;
            self.transaction
        });
        let mut body = Vec::new();
        let mut writer = Writer::new(&mut body);
        writer.string(name).number(transaction);
        arguments(&mut writer);
        self.answer(csid::CONNECTION, kind::COMMAND, &body);
    }

    /// Queues a message that the server caused, unless too much is queued; says whether it was.
    pub(super) fn answer(&mut self, csid: u8, kind: u8, body: &[u8]) -> bool {
        let fits = self.output.len() < OUTPUT_LIMIT && self.stage != Stage::Refused;
        if fits {
            self.send(csid, kind, 0, body);
        }
        fits
    }

    fn send(&mut self, csid: u8, kind: u8, stream: u32, body: &[u8]) {
        self.send_at(0, csid, kind, stream, body);
    }

    pub(super) fn send_at(&mut self, timestamp: u32, csid: u8, kind: u8, stream: u32, body: &[u8]) {
        let body_len = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let message = Announce { csid, kind, stream, body_len, chunk_size: CHUNK_SIZE };
        MessageHead::full(message, timestamp).write(body, &mut self.output);
    }
}
