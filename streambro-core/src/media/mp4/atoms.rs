//! Boxes ("atoms" here, because `Box` is taken): ISO/IEC 14496-12, 4.2.

use crate::media::error::MediaError;
use crate::media::read::ReadAt;
use crate::media::window::Window;

/// Boxes that are looked at on one level before the file counts as broken.
const MAX_SIBLINGS: u32 = 65_536;

/// Where a box lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Atom {
    pub(crate) kind: [u8; 4],
    /// Where its header begins.
    pub(crate) start: u64,
    /// Where its content begins.
    pub(crate) body: u64,
    /// Where it ends; never beyond what holds it.
    pub(crate) end: u64,
    /// Where it claims to end, when that is beyond what holds it.
    pub(crate) clipped: Option<u64>,
}

impl Atom {
    /// Bytes of content.
    pub(crate) fn len(&self) -> u64 {
        self.end.saturating_sub(self.body)
    }

    /// The same box without the first `skip` bytes of its content.
    pub(crate) fn inside(&self, skip: u64) -> Self {
        Self { body: self.body.saturating_add(skip).min(self.end), ..*self }
    }

    /// Fails when the box ends beyond the file.
    pub(crate) fn whole(self) -> Result<Self, MediaError> {
        self.clipped.map_or(Ok(self), |needed| Err(MediaError::Truncated { needed }))
    }
}

/// Reads the header of the box at `at`. `None` when less than a header is left.
pub(crate) fn atom(
    window: &mut Window,
    reader: &dyn ReadAt,
    at: u64,
    end: u64,
) -> Result<Option<Atom>, MediaError> {
    if end.saturating_sub(at) < 8 {
        return Ok(None);
    }
    let [s0, s1, s2, s3, kind @ ..] = window.get::<8>(reader, at, end)?;
    let malformed = |what| Err(MediaError::Malformed { what, offset: at });
    let (header, size) = match u32::from_be_bytes([s0, s1, s2, s3]) {
        0 => (8, end - at),
        1 if end - at < 16 => return malformed("a box header is cut off"),
        1 => (16, u64::from_be_bytes(window.get(reader, at + 8, end)?)),
        size => (8, u64::from(size)),
    };
    if size < header {
        return malformed("a box is smaller than its header");
    }
    let claimed = at.saturating_add(size);
    let clipped = (claimed > end).then_some(claimed);
    Ok(Some(Atom { kind, start: at, body: at + header, end: claimed.min(end), clipped }))
}

/// Walks the boxes of one level.
pub(crate) struct Atoms<'a> {
    reader: &'a dyn ReadAt,
    window: Window,
    at: u64,
    end: u64,
    left: u32,
}

impl<'a> Atoms<'a> {
    pub(crate) fn new(reader: &'a dyn ReadAt, at: u64, end: u64) -> Self {
        Self { reader, window: Window::default(), at, end, left: MAX_SIBLINGS }
    }

    pub(crate) fn of(reader: &'a dyn ReadAt, parent: &Atom) -> Self {
        Self::new(reader, parent.body, parent.end)
    }

    /// The next box, which may be clipped.
    pub(crate) fn next(&mut self) -> Result<Option<Atom>, MediaError> {
        let Some(atom) = atom(&mut self.window, self.reader, self.at, self.end)? else { return Ok(None) };
        self.left = match self.left.checked_sub(1) {
            Some(left) => left,
            None => return Err(MediaError::Malformed { what: "too many boxes", offset: self.at }),
        };
        self.at = atom.end;
        Ok(Some(atom))
    }

    /// The next box that lies wholly in its parent.
    pub(crate) fn next_whole(&mut self) -> Result<Option<Atom>, MediaError> {
        let Some(atom) = self.next()? else { return Ok(None) };
        match atom.clipped {
            None => Ok(Some(atom)),
            Some(_) => {
                Err(MediaError::Malformed { what: "a box is larger than what holds it", offset: atom.start })
            }
        }
    }

    /// The first box of `kind` among those that are left.
    pub(crate) fn find(&mut self, kind: [u8; 4]) -> Result<Option<Atom>, MediaError> {
        while let Some(atom) = self.next_whole()? {
            if atom.kind == kind {
                return Ok(Some(atom));
            }
        }
        Ok(None)
    }
}

/// Fails when `atom` has less than `len` bytes of content.
pub(crate) fn at_least(atom: &Atom, len: u64) -> Result<(), MediaError> {
    if atom.len() < len {
        return Err(MediaError::Malformed { what: "a box is too small", offset: atom.start });
    }
    Ok(())
}
