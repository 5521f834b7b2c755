//! What a rendition says of itself: its last tag. Pure.
//!
//! The tag is script data (FLV 10.1, E.4.4) that no player looks at, so the file is plain FLV to everything else, and
//! there is one file to publish. Its time is the duration, which is where ffmpeg looks for one. The size behind the last
//! tag of an FLV file leads back to its beginning.

/// The first bytes of every FLV file: signature and version (E.2).
const SIGNATURE: &[u8] = b"FLV\x01";
/// A header without extensions, and the size of the tag before the first: 0 (E.2, E.3).
const FILE_HEADER: u64 = 13;
/// Bytes of a tag's header (E.4.1).
const TAG_HEADER: usize = 11;
/// The size behind each tag (E.3).
pub(super) const TAG_SIZE: u64 = 4;
/// A tag of script data (E.4.1).
const SCRIPT: u8 = 18;
/// AMF 0: a short text and its length, then a long one; its length follows.
const NAME: &[u8] = b"\x02\x00\x12streambroRendition\x0c";
/// The form of what follows.
const VERSION: u32 = 1;
/// Bytes of BLAKE3 behind it all.
const DIGEST: usize = 32;
/// Keyframes of 36 hours at one in 2 s, in 1 MiB; of a longer film fewer are kept.
pub(super) const MAX_KEYS: usize = 1 << 16;
/// Bytes of a keyframe.
const KEY: usize = 16;
/// Bytes of the text of a key: settings are a few hundred.
const MAX_TEXT: usize = 64 << 10;
/// No record is larger, with its tag's header.
pub(super) const MAX_RECORD: u32 = (MAX_KEYS * KEY + MAX_TEXT + 256) as u32;

/// A place to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keyframe {
    /// Its decode time, in milliseconds from the start.
    pub(crate) ms: u64,
    /// Where its tag begins in the file.
    pub(crate) offset: u64,
}

/// The record of a rendition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The whole text of its key.
    pub(super) text: String,
    /// Bytes of FLV before the record.
    pub(super) len: u64,
    /// How long it plays, in milliseconds.
    pub(super) duration_ms: u64,
    /// In order of time and place.
    pub(super) keys: Box<[Keyframe]>,
}

/// Why a file is not what it should be.
pub(super) type Flaw = &'static str;

impl Record {
    /// Returns the last tag of the file, with its size behind it. `None` when the text is too long to be kept.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        if self.text.len() > MAX_TEXT || self.keys.len() > MAX_KEYS {
            return None;
        }
        let mut value = vec![];
        value.extend(VERSION.to_be_bytes());
        value.extend(self.len.to_be_bytes());
        value.extend(self.duration_ms.to_be_bytes());
        value.extend(u32::try_from(self.text.len()).ok()?.to_be_bytes());
        value.extend(self.text.as_bytes());
        value.extend(u32::try_from(self.keys.len()).ok()?.to_be_bytes());
        for key in &self.keys {
            value.extend(key.ms.to_be_bytes());
            value.extend(key.offset.to_be_bytes());
        }
        value.extend(blake3::hash(&value).as_bytes());

        let size = u32::try_from(NAME.len() + 4 + value.len()).ok()?;
        let [t3, t0, t1, t2] = u32::try_from(self.duration_ms).unwrap_or(u32::MAX).to_be_bytes();
        let mut tag = vec![SCRIPT];
        tag.extend(&size.to_be_bytes()[1..]);
        tag.extend([t0, t1, t2, t3, 0, 0, 0]);
        tag.extend(NAME);
        tag.extend(u32::try_from(value.len()).ok()?.to_be_bytes());
        tag.extend(value);
        tag.extend(u32::try_from(tag.len()).ok()?.to_be_bytes());
        Some(tag)
    }

    /// Reads the last tag of a file of `len` bytes, without the size behind it.
    ///
    /// # Errors
    /// What is wrong with it: nothing of such a file may be believed.
    pub(super) fn decode(tag: &[u8], len: u64) -> Result<Self, Flaw> {
        let mut rest = tag.get(TAG_HEADER..).ok_or("it ends in no record")?;
        if tag.first() != Some(&SCRIPT) || take(&mut rest, NAME.len())? != NAME {
            return Err("it ends in no record");
        }
        if u64::from(number(&mut rest)?) != rest.len() as u64 || rest.len() < DIGEST {
            return Err("its record has another length than it says");
        }
        let (mut value, digest) = rest.split_at(rest.len() - DIGEST);
        if blake3::hash(value).as_bytes() != digest {
            return Err("its record is damaged");
        }
        if number(&mut value)? != VERSION {
            return Err("its record has a form that this version does not know");
        }
        let (media, duration_ms) = (long(&mut value)?, long(&mut value)?);
        if media.checked_add(tag.len() as u64 + TAG_SIZE) != Some(len) {
            return Err("it has another length than its record says");
        }
        let text = number(&mut value)? as usize;
        let text = std::str::from_utf8(take(&mut value, text)?).map_err(|_| "its key is no text")?.to_owned();
        let count = number(&mut value)? as usize;
        if count > MAX_KEYS || value.len() != count * KEY {
            return Err("its index has another length than it says");
        }
        let mut keys = Vec::with_capacity(count);
        while !value.is_empty() {
            keys.push(Keyframe { ms: long(&mut value)?, offset: long(&mut value)? });
        }
        let sorted = keys.is_sorted_by(|a, b| a.ms <= b.ms && a.offset < b.offset);
        if !sorted || keys.last().is_some_and(|key| key.offset >= media) {
            return Err("its index points anywhere");
        }
        Ok(Self { text, len: media, duration_ms, keys: keys.into() })
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], Flaw> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or("its record is cut")?;
    *bytes = rest;
    Ok(taken)
}

fn number(bytes: &mut &[u8]) -> Result<u32, Flaw> {
    let (taken, rest) = bytes.split_first_chunk().ok_or("its record is cut")?;
    *bytes = rest;
    Ok(u32::from_be_bytes(*taken))
}

fn long(bytes: &mut &[u8]) -> Result<u64, Flaw> {
    let (taken, rest) = bytes.split_first_chunk().ok_or("its record is cut")?;
    *bytes = rest;
    Ok(u64::from_be_bytes(*taken))
}

/// Where the last tag of a file of `len` bytes begins, from the size behind it.
pub(super) fn last_tag(len: u64, size: u32) -> Option<u64> {
    let before = len.checked_sub(TAG_SIZE)?.checked_sub(size.into())?;
    (size as usize >= TAG_HEADER && before >= FILE_HEADER).then_some(before)
}

/// Whether FLV that begins with `head` and ends with a tag that begins with `tail`, of `size` bytes, is not cut.
pub(super) fn is_whole(head: &[u8], tail: &[u8], size: u32) -> bool {
    let [kind, s0, s1, s2, ..] = *tail else { return false };
    head.starts_with(SIGNATURE)
        && matches!(kind & 0x1f, 8 | 9 | SCRIPT)
        && u64::from(u32::from_be_bytes([0, s0, s1, s2])) + TAG_HEADER as u64 == u64::from(size)
}

/// The keyframes of a rendition that grows. When there are too many, every other one goes.
#[derive(Debug)]
pub(super) struct Keys {
    kept: Vec<Keyframe>,
    /// One of so many is kept.
    every: u64,
    seen: u64,
}

impl Default for Keys {
    fn default() -> Self {
        Self { kept: vec![], every: 1, seen: 0 }
    }
}

impl Keys {
    /// Adds a keyframe. One that lies before the last, in time or place, is left out: the index stays sorted.
    pub(super) fn add(&mut self, key: Keyframe) {
        if self.kept.last().is_some_and(|last| key.ms < last.ms || key.offset <= last.offset) {
            return;
        }
        if self.seen.is_multiple_of(self.every) {
            if self.kept.len() == MAX_KEYS {
                let mut n = 0_usize;
                self.kept.retain(|_| {
                    n += 1;
                    n % 2 == 1
                });
                self.every *= 2;
            }
            if self.seen.is_multiple_of(self.every) {
                self.kept.push(key);
            }
        }
        self.seen += 1;
    }

    /// All of them, that lie before `end`.
    pub(super) fn finish(mut self, end: u64) -> Box<[Keyframe]> {
        self.kept.retain(|key| key.offset < end);
        self.kept.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> Record {
        let keys = [Keyframe { ms: 0, offset: 13 }, Keyframe { ms: 2_000, offset: 999 }];
        Record { text: "1\nab\n{}".to_owned(), len: 5_000, duration_ms: 70_000_000, keys: keys.into() }
    }

    /// The tag alone, and the length of the file that it is the last one of.
    fn written(record: &Record) -> (Vec<u8>, u64) {
        let bytes = record.encode().unwrap();
        let (tag, size) = bytes.split_last_chunk().unwrap();
        let len = record.len + bytes.len() as u64;
        assert_eq!(last_tag(len, u32::from_be_bytes(*size)), Some(record.len));
        (tag.to_vec(), len)
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let (tag, len) = written(&record());
        assert_eq!(Record::decode(&tag, len), Ok(record()));
        let none = Record { keys: [].into(), ..record() };
        let (tag, len) = written(&none);
        assert_eq!(Record::decode(&tag, len), Ok(none));
    }

    #[test]
    fn the_largest_record_fits() {
        let keys = (0..MAX_KEYS as u64).map(|n| Keyframe { ms: n, offset: 13 + n });
        let largest = Record { text: "x".repeat(MAX_TEXT), len: 1 << 40, keys: keys.collect(), ..record() };
        let (tag, len) = written(&largest);
        assert!(tag.len() < MAX_RECORD as usize);
        assert_eq!(Record::decode(&tag, len), Ok(largest.clone()));
        assert_eq!(Record { text: "x".repeat(MAX_TEXT + 1), ..largest }.encode(), None);
    }

    #[test]
    fn every_single_changed_or_missing_byte_of_the_record_is_noticed() {
        let (tag, len) = written(&record());
        for at in TAG_HEADER..tag.len() {
            let mut other = tag.clone();
            other[at] ^= 1;
            assert!(Record::decode(&other, len).is_err(), "{at}");
            assert!(Record::decode(&tag[..at], len).is_err(), "{at}");
            assert!(Record::decode(&tag[at..], len).is_err(), "{at}");
        }
        assert!(Record::decode(&tag, len - 1).is_err() && Record::decode(&tag, len + 1).is_err());
    }

    #[test]
    fn an_index_that_is_out_of_order_or_points_behind_the_media_is_refused() {
        for keys in [[(5, 20), (4, 30)], [(4, 30), (5, 30)], [(4, 30), (5, 5_000)]] {
            let keys = keys.map(|(ms, offset)| Keyframe { ms, offset });
            let (tag, len) = written(&Record { keys: keys.into(), ..record() });
            assert_eq!(Record::decode(&tag, len), Err("its index points anywhere"));
        }
    }

    #[test]
    fn a_film_with_too_many_keyframes_keeps_some_of_them_all_along() {
        let mut keys = Keys::default();
        let count = 5 * MAX_KEYS as u64;
        for n in 0..count {
            keys.add(Keyframe { ms: n * 16, offset: 13 + n * 100 });
        }
        let kept = keys.finish(u64::MAX);
        assert!(kept.len() <= MAX_KEYS && kept.len() > MAX_KEYS / 2);
        assert_eq!(kept[0].ms, 0);
        assert!(kept.windows(2).all(|two| two[1].ms - two[0].ms == 8 * 16));
        assert!(kept.last().unwrap().ms > (count - 9) * 16);
    }

    proptest! {
        #[test]
        fn foreign_bytes_are_refused_and_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200), len: u64, size: u32,
        ) {
            prop_assert!(Record::decode(&bytes, len).is_err());
            // Also behind a sound beginning, with a sound digest.
            let mut tag = vec![SCRIPT; TAG_HEADER];
            tag.extend(NAME);
            tag.extend((bytes.len() as u32 + 32).to_be_bytes());
            tag.extend(&bytes);
            tag.extend(blake3::hash(&bytes).as_bytes());
            prop_assert!(Record::decode(&tag, len).is_err());
            let _ = (last_tag(len, size), is_whole(&bytes, &bytes, size));
        }
    }
}
