//! AMF0, the notation of RTMP commands and of FLV script data.
//!
//! [`Writer`] appends values to a buffer. [`Reader`] walks values where they lie: nothing is copied but text that is
//! not UTF-8, and nothing is built, so hostile input cannot make it allocate. Section numbers are those of the AMF0
//! specification of December 2007.

use std::borrow::Cow;

/// Objects inside objects, at most. Real peers use two.
const DEPTH: u8 = 16;

/// Bytes that a [`Reader`] looks at, at most. Commands have a few hundred; FLV metadata a few thousand.
pub const MAX_INPUT: usize = 64 * 1024;

/// Type markers (2.1).
mod marker {
    pub(super) const NUMBER: u8 = 0x00;
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const STRING: u8 = 0x02;
    pub(super) const OBJECT: u8 = 0x03;
    pub(super) const NULL: u8 = 0x05;
    pub(super) const UNDEFINED: u8 = 0x06;
    pub(super) const REFERENCE: u8 = 0x07;
    pub(super) const ECMA_ARRAY: u8 = 0x08;
    pub(super) const OBJECT_END: u8 = 0x09;
    pub(super) const STRICT_ARRAY: u8 = 0x0A;
    pub(super) const DATE: u8 = 0x0B;
    pub(super) const LONG_STRING: u8 = 0x0C;
    pub(super) const UNSUPPORTED: u8 = 0x0D;
    pub(super) const XML: u8 = 0x0F;
    pub(super) const TYPED_OBJECT: u8 = 0x10;
}

/// Appends AMF0 values to a buffer.
#[derive(Debug)]
pub struct Writer<'a>(&'a mut Vec<u8>);

impl<'a> Writer<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self(out)
    }

    /// Writes a number (2.2).
    pub fn number(&mut self, value: f64) -> &mut Self {
        self.0.push(marker::NUMBER);
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Writes a boolean (2.3).
    pub fn boolean(&mut self, value: bool) -> &mut Self {
        self.0.extend_from_slice(&[marker::BOOLEAN, u8::from(value)]);
        self
    }

    /// Writes a string, in the long form (2.14) when the short one (2.4) cannot hold it.
    pub fn string(&mut self, value: &str) -> &mut Self {
        if let Ok(len) = u16::try_from(value.len()) {
            self.0.push(marker::STRING);
            self.0.extend_from_slice(&len.to_be_bytes());
        } else {
            return self.long_string(value);
        }
        self.0.extend_from_slice(value.as_bytes());
        self
    }

    /// Writes a string in the long form (2.14), cut to 4 GiB.
    pub fn long_string(&mut self, value: &str) -> &mut Self {
        let len = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.0.push(marker::LONG_STRING);
        self.0.extend_from_slice(&len.to_be_bytes());
        self.0.extend_from_slice(&value.as_bytes()[..len as usize]);
        self
    }

    /// Writes null (2.7).
    pub fn null(&mut self) -> &mut Self {
        self.0.push(marker::NULL);
        self
    }

    /// Opens an object (2.5). [`key`](Self::key) and a value follow for each entry, then [`end`](Self::end).
    pub fn object(&mut self) -> &mut Self {
        self.0.push(marker::OBJECT);
        self
    }

    /// Opens an ECMA array (2.10) that announces `count` entries. It goes on and ends like an object.
    pub fn ecma_array(&mut self, count: u32) -> &mut Self {
        self.0.push(marker::ECMA_ARRAY);
        self.0.extend_from_slice(&count.to_be_bytes());
        self
    }

    /// Writes the name of the entry whose value follows. Names are constants of this crate.
    pub fn key(&mut self, name: &'static str) -> &mut Self {
        debug_assert!(!name.is_empty() && name.len() <= 0xFFFF, "the name has 1..=65535 bytes");
        self.0.extend_from_slice(&(name.len() as u16).to_be_bytes());
        self.0.extend_from_slice(name.as_bytes());
        self
    }

    /// Closes an object or an ECMA array (2.11).
    pub fn end(&mut self) -> &mut Self {
        self.0.extend_from_slice(&[0, 0, marker::OBJECT_END]);
        self
    }
}

/// Why bytes are not AMF0 that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AmfError {
    /// The bytes end inside a value.
    #[error("the AMF0 data ends inside a value")]
    Truncated,
    /// A marker that does not exist, or that no peer of ours has a use for.
    #[error("the AMF0 marker {0:#04x} is not supported")]
    Marker(u8),
    /// Values lie too deep in each other.
    #[error("the AMF0 data is nested too deeply")]
    Depth,
    /// There is more than [`MAX_INPUT`].
    #[error("the AMF0 data is too long")]
    TooLong,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// A number.
    Number(f64),
    /// A boolean.
    Boolean(bool),
    /// A string of either length, or an XML document. Bytes that are not UTF-8 are replaced.
    String(Cow<'a, str>),
    /// An object, a typed object or an ECMA array.
    Object(Object<'a>),
    /// Null.
    Null,
    /// Undefined, unsupported, or a reference to another value.
    Undefined,
    /// A strict array. Its items were checked and stepped over.
    Array,
    /// A date, in milliseconds since 1970.
    Date(f64),
}

impl<'a> Value<'a> {
    /// Returns the number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the entries, if it is an object.
    pub fn as_object(&self) -> Option<Object<'a>> {
        match self {
            Self::Object(object) => Some(*object),
            _ => None,
        }
    }
}

/// The entries of an object, where they lie. They were checked once; reading them cannot fail.
#[derive(Clone, Copy, PartialEq)]
pub struct Object<'a> {
    /// From the first name up to the empty name that ends the object.
    entries: &'a [u8],
}

impl<'a> Object<'a> {
    /// Returns the value of the first entry of that name.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        self.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Walks the entries in the order of the wire.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'a, str>, Value<'a>)> + use<'a> {
        let mut input = Input(self.entries);
        std::iter::from_fn(move || {
            let name = input.short_text().ok()?;
            // Depth was checked against the outermost value already.
            let value = input.value(0).ok()?;
            Some((String::from_utf8_lossy(name), value))
        })
    }
}

// By hand: what an object holds came from a peer and may repeat a stream key.
impl std::fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Object").field("bytes", &self.entries.len()).finish_non_exhaustive()
    }
}

/// Reads one value after another.
#[derive(Clone)]
pub struct Reader<'a>(Input<'a>);

impl<'a> Reader<'a> {
    /// Reads `input` from its first byte.
    pub fn new(input: &'a [u8]) -> Self {
        Self(Input(input))
    }

    /// Reads the next value; `None` at the end of the input.
    ///
    /// # Errors
    /// An [`AmfError`]. What follows it cannot be found any more.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator of results would invite flattening errors away"
    )]
    pub fn next(&mut self) -> Result<Option<Value<'a>>, AmfError> {
        match self.0.0.len() {
            0 => Ok(None),
            n if n > MAX_INPUT => Err(AmfError::TooLong),
            _ => self.0.value(0).map(Some),
        }
    }
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("bytes", &self.0.0.len()).finish()
    }
}

/// What is left to read.
#[derive(Clone)]
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], AmfError> {
        let (head, tail) = self.0.split_at_checked(n).ok_or(AmfError::Truncated)?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], AmfError> {
        let (head, tail) = self.0.split_first_chunk().ok_or(AmfError::Truncated)?;
        self.0 = tail;
        Ok(*head)
    }

    fn short_text(&mut self) -> Result<&'a [u8], AmfError> {
        let len = u16::from_be_bytes(self.array()?);
        self.take(usize::from(len))
    }

    fn long_text(&mut self) -> Result<&'a [u8], AmfError> {
        let len = u32::from_be_bytes(self.array()?);
        self.take(len as usize)
    }

    fn number(&mut self) -> Result<f64, AmfError> {
        Ok(f64::from_be_bytes(self.array()?))
    }

    /// Reads a value that lies in `depth` others. Recursion ends at [`DEPTH`].
    fn value(&mut self, depth: u8) -> Result<Value<'a>, AmfError> {
        let text = |bytes| Value::String(String::from_utf8_lossy(bytes));
        let [marker] = self.array()?;
        Ok(match marker {
            marker::NUMBER => Value::Number(self.number()?),
            marker::BOOLEAN => Value::Boolean(self.array::<1>()? != [0]),
            marker::STRING => text(self.short_text()?),
            marker::LONG_STRING | marker::XML => text(self.long_text()?),
            marker::NULL => Value::Null,
            marker::UNDEFINED | marker::UNSUPPORTED => Value::Undefined,
            marker::REFERENCE => {
                self.array::<2>()?;
                Value::Undefined
            }
            marker::DATE => {
                let ms = self.number()?;
                self.array::<2>()?; // Time zone: reserved, zero.
                Value::Date(ms)
            }
            marker::OBJECT => Value::Object(self.object(depth)?),
            marker::ECMA_ARRAY => {
                self.array::<4>()?; // The count is a hint (2.10); the end marker decides.
                Value::Object(self.object(depth)?)
            }
            marker::TYPED_OBJECT => {
                self.short_text()?;
                Value::Object(self.object(depth)?)
            }
            marker::STRICT_ARRAY => {
                let inner = deeper(depth)?;
                // Each item has a byte at least, so a false count runs out of input.
                for _ in 0..u32::from_be_bytes(self.array()?) {
                    self.value(inner)?;
                }
                Value::Array
            }
            other => return Err(AmfError::Marker(other)),
        })
    }

    /// Checks the entries of an object and steps over them.
    fn object(&mut self, depth: u8) -> Result<Object<'a>, AmfError> {
        let inner = deeper(depth)?;
        let start = self.0;
        loop {
            let before = self.0.len();
            let name = self.short_text()?;
            if name.is_empty() && self.0.first() == Some(&marker::OBJECT_END) {
                self.take(1)?;
                return Ok(Object { entries: &start[..start.len() - before] });
            }
            self.value(inner)?;
        }
    }
}

fn deeper(depth: u8) -> Result<u8, AmfError> {
    if depth < DEPTH { Ok(depth + 1) } else { Err(AmfError::Depth) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut Writer::new(&mut out));
        out
    }

    fn first(bytes: &[u8]) -> Result<Option<Value<'_>>, AmfError> {
        Reader::new(bytes).next()
    }

    #[test]
    fn values_have_the_bytes_of_the_specification() {
        let bytes = written(|w| {
            w.number(1.0).boolean(true).string("ab").null();
            w.object().key("k").string("v").end();
            w.ecma_array(1).key("n").number(0.0).end();
        });
        let golden = b"\x00\x3f\xf0\0\0\0\0\0\0\x01\x01\x02\0\x02ab\x05\
            \x03\0\x01k\x02\0\x01v\0\0\x09\
            \x08\0\0\0\x01\0\x01n\0\0\0\0\0\0\0\0\0\0\0\x09";
        assert_eq!(bytes, golden);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let long = "x".repeat(70_000 - 40_000);
        let bytes = written(|w| {
            w.string("onStatus").number(0.0).null();
            w.object().key("code").string("NetStream.Publish.Start").key("deep").object();
            w.key("n").number(-2.5).end().end().long_string(&long);
        });
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.next().unwrap().unwrap().as_str(), Some("onStatus"));
        assert_eq!(reader.next().unwrap().unwrap().as_number(), Some(0.0));
        assert_eq!(reader.next().unwrap(), Some(Value::Null));
        let object = reader.next().unwrap().unwrap().as_object().unwrap();
        assert_eq!(object.get("code").unwrap().as_str(), Some("NetStream.Publish.Start"));
        let deep = object.get("deep").unwrap().as_object().unwrap();
        assert_eq!(deep.get("n"), Some(Value::Number(-2.5)));
        assert_eq!(object.get("none"), None);
        assert_eq!(reader.next().unwrap().unwrap().as_str(), Some(long.as_str()));
        assert_eq!(reader.next(), Ok(None));
    }

    #[test]
    fn a_string_beyond_64_kb_takes_the_long_form() {
        let bytes = written(|w| {
            w.string(&"x".repeat(65_536));
        });
        assert_eq!(bytes[..5], [0x0C, 0, 1, 0, 0]);
    }

    #[test]
    fn ten_thousand_levels_are_refused() {
        for level in [&b"\x03\0\x01a"[..], b"\x08\0\0\0\0\0\x01a", b"\x0a\0\0\0\x01", b"\x10\0\0\0\x01a"] {
            let bytes = level.repeat(10_000);
            let bytes = &bytes[..bytes.len().min(MAX_INPUT)];
            assert_eq!(first(bytes), Err(AmfError::Depth));
        }
        let sixteen = [b"\x03\0\x01a".repeat(16), b"\x05".to_vec(), b"\0\0\x09".repeat(16)].concat();
        assert!(first(&sixteen).is_ok());
    }

    #[test]
    fn false_lengths_and_counts_run_out_of_input() {
        for bytes in [
            &b"\x02\xff\xffabc"[..],
            b"\x0c\xff\xff\xff\xffabc",
            b"\x0a\xff\xff\xff\xff\x05\x05",
            b"\x03\0\x01a",
            b"\x00\0\0",
        ] {
            assert_eq!(first(bytes), Err(AmfError::Truncated));
        }
        assert_eq!(first(&vec![5; MAX_INPUT + 1]), Err(AmfError::TooLong));
    }

    #[test]
    fn unknown_markers_are_named() {
        for marker in [0x04, 0x09, 0x0E, 0x11, 0xFF] {
            assert_eq!(first(&[marker, 0, 0, 0]), Err(AmfError::Marker(marker)));
        }
    }

    #[test]
    fn text_that_is_not_utf8_is_still_text() {
        assert_eq!(first(b"\x02\0\x02a\xff").unwrap().unwrap().as_str(), Some("a\u{fffd}"));
    }

    proptest! {
        #[test]
        fn junk_never_panics(bytes in prop::collection::vec(prop_oneof![0u8..0x12, any::<u8>()], 0..600)) {
            let mut reader = Reader::new(&bytes);
            while let Ok(Some(value)) = reader.next() {
                if let Some(object) = value.as_object() {
                    let _ = object.iter().count();
                }
            }
        }

        #[test]
        fn any_text_and_number_come_back(text in ".{0,40}", number in any::<f64>()) {
            let bytes = written(|w| { w.string(&text).number(number); });
            let mut reader = Reader::new(&bytes);
            let first = reader.next().unwrap().unwrap();
            prop_assert_eq!(first.as_str(), Some(text.as_str()));
            let back = reader.next().unwrap().unwrap().as_number().unwrap();
            prop_assert_eq!(back.to_bits(), number.to_bits());
        }
    }
}
