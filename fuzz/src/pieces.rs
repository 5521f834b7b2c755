//! Bytes that come in pieces, as out of a pipe.

/// Cuts `bytes` into pieces whose lengths `cuts` says, over and over; 0 gives an empty piece, and without any cut all
/// comes at once.
pub fn pieces<'a>(mut bytes: &'a [u8], cuts: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let whole = [u8::MAX];
    let cuts = if cuts.iter().all(|cut| *cut == 0) { whole.to_vec() } else { cuts.to_vec() };
    let mut at = 0;
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let cut = usize::from(cuts[at % cuts.len()]);
        at += 1;
        let (piece, rest) = bytes.split_at(cut.min(bytes.len()));
        bytes = rest;
        Some(piece)
    })
}

/// Takes the first bytes of an input for cuts: as many as its first one says, 15 at most.
pub fn cuts(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&count, rest) = input.split_first()?;
    rest.split_at_checked(usize::from(count & 15))
}
