//! A builder of small MP4 files, box by box.

/// 320x180, Constrained Baseline, level 1.3, as x264 writes it; then a picture parameter set.
pub(crate) const SPS: &[u8] = &[
    0x67, 0x42, 0xc0, 0x0d, 0xd9, 0x01, 0x41, 0x9f, 0x9e, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00, 0x00,
    0x03, 0x03, 0x20, 0xf1, 0x42, 0xa4, 0x80,
];
pub(crate) const ASC_48000_STEREO: &[u8] = &[0x11, 0x90];

pub(crate) fn atom(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes(), &kind[..], &body].concat()
}

pub(crate) fn full(kind: &[u8; 4], version: u8, flags: u32, parts: &[&[u8]]) -> Vec<u8> {
    let head = (u32::from(version) << 24 | flags).to_be_bytes();
    atom(kind, &[&head, &parts.concat()])
}

pub(crate) fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// A full box with a count and that many entries.
pub(crate) fn table(kind: &[u8; 4], version: u8, entries: &[&[u32]]) -> Vec<u8> {
    let count = u32::try_from(entries.len()).unwrap();
    full(kind, version, 0, &[&words(&[count]), &words(&entries.concat())])
}

pub(crate) fn avcc() -> Vec<u8> {
    let len = u8::try_from(SPS.len()).unwrap();
    [&[1, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0, len], SPS, &[1, 0, 4, 0x68, 0xcb, 0x83, 0xcb]].concat()
}

pub(crate) fn avc1_with(kind: &[u8; 4], config: &[u8]) -> Vec<u8> {
    let mut fixed = vec![0; 78];
    fixed[7] = 1;
    atom(kind, &[&fixed, config])
}

pub(crate) fn avc1() -> Vec<u8> {
    avc1_with(b"avc1", &atom(b"avcC", &[&avcc()]))
}

pub(crate) fn esds(object_type: u8, asc: &[u8]) -> Vec<u8> {
    let specific = [&[5, u8::try_from(asc.len()).unwrap()], asc].concat();
    let config = [&[object_type, 0x15][..], &[0; 11], &specific].concat();
    let config = [&[4, 0x80, 0x80, 0x80, u8::try_from(config.len()).unwrap()], &config[..]].concat();
    let stream = [&[0, 1, 0][..], &config].concat();
    full(b"esds", 0, 0, &[&[3, u8::try_from(stream.len()).unwrap()], &stream])
}

pub(crate) fn mp4a_with(kind: &[u8; 4], version: u16, extra: &[u8], children: &[u8]) -> Vec<u8> {
    let mut fixed = vec![0; 28];
    fixed[7] = 1;
    fixed[8..10].copy_from_slice(&version.to_be_bytes());
    atom(kind, &[&fixed, extra, children])
}

pub(crate) fn mp4a() -> Vec<u8> {
    mp4a_with(b"mp4a", 0, &[], &esds(0x40, ASC_48000_STEREO))
}

/// A length-prefixed IDR slice of `len` bytes in all.
pub(crate) fn idr(len: usize) -> Vec<u8> {
    let mut nal = u32::try_from(len - 4).unwrap().to_be_bytes().to_vec();
    nal.push(0x65);
    nal.resize(len, 0xab);
    nal
}

/// One track. What is `None` or empty is left out.
#[derive(Clone)]
pub(crate) struct Trak {
    pub(crate) handler: [u8; 4],
    pub(crate) timescale: u32,
    pub(crate) flags: u32,
    pub(crate) id: u32,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) stsd_version: u8,
    pub(crate) dref: Vec<u8>,
    /// stts, ctts and so on.
    pub(crate) tables: Vec<Vec<u8>>,
    pub(crate) elst: Option<Vec<u8>>,
}

impl Trak {
    pub(crate) fn video(tables: Vec<Vec<u8>>) -> Self {
        Self {
            handler: *b"vide",
            timescale: 1_000,
            flags: 3,
            id: 1,
            entries: vec![avc1()],
            stsd_version: 0,
            dref: full(b"url ", 0, 1, &[]),
            tables,
            elst: None,
        }
    }

    pub(crate) fn audio(tables: Vec<Vec<u8>>) -> Self {
        Self { handler: *b"soun", timescale: 48_000, id: 2, entries: vec![mp4a()], ..Self::video(tables) }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let tkhd = full(b"tkhd", 0, self.flags, &[&words(&[0, 0, self.id]), &[0; 68]]);
        let mdhd = full(b"mdhd", 0, 0, &[&words(&[0, 0, self.timescale, 0, 0])]);
        let hdlr = full(b"hdlr", 0, 0, &[&[0; 4], &self.handler, &[0; 13]]);
        let dinf = atom(b"dinf", &[&full(b"dref", 0, 0, &[&words(&[1]), &self.dref])]);
        let count = words(&[u32::try_from(self.entries.len()).unwrap()]);
        let stsd = full(b"stsd", self.stsd_version, 0, &[&count, &self.entries.concat()]);
        let stbl = atom(b"stbl", &[&stsd, &self.tables.concat()]);
        let mdia = atom(b"mdia", &[&mdhd, &hdlr, &atom(b"minf", &[&dinf, &stbl])]);
        let edts = self.elst.as_ref().map(|elst| atom(b"edts", &[elst])).unwrap_or_default();
        atom(b"trak", &[&tkhd, &edts, &mdia])
    }
}

/// elst of version 0: duration, media time, rate 1.
pub(crate) fn elst(edits: &[(u32, i32)]) -> Vec<u8> {
    let entries: Vec<[u32; 3]> =
        edits.iter().map(|&(duration, time)| [duration, time.cast_unsigned(), 1 << 16]).collect();
    table(b"elst", 0, &entries.iter().map(|entry| &entry[..]).collect::<Vec<_>>())
}

pub(crate) fn mvhd() -> Vec<u8> {
    full(b"mvhd", 0, 0, &[&words(&[0, 0, 1_000, 0]), &[0; 80]])
}

pub(crate) fn moov(traks: &[Trak]) -> Vec<u8> {
    let traks: Vec<u8> = traks.iter().flat_map(Trak::bytes).collect();
    atom(b"moov", &[&mvhd(), &traks])
}

pub(crate) fn ftyp() -> Vec<u8> {
    atom(b"ftyp", &[b"isom", &[0; 4], b"isom"])
}

/// Where media begins in [`file`].
pub(crate) const DATA: u32 = 28;

/// ftyp, mdat, moov: media first, so that its place is known.
pub(crate) fn file(data: &[u8], traks: &[Trak]) -> Vec<u8> {
    let file = [ftyp(), atom(b"mdat", &[data]), moov(traks)].concat();
    assert_eq!(&file[DATA as usize..][..data.len()], data);
    file
}

/// Four pictures of 40 ms and 100, 20, 30 and 40 bytes in one chunk.
pub(crate) fn four_pictures() -> Vec<Vec<u8>> {
    vec![
        table(b"stts", 0, &[&[4, 40]]),
        table(b"stsc", 0, &[&[1, 4, 1]]),
        full(b"stsz", 0, 0, &[&words(&[0, 4, 100, 20, 30, 40])]),
        table(b"stco", 0, &[&[DATA]]),
        table(b"stss", 0, &[&[1]]),
    ]
}

pub(crate) fn picture_data() -> Vec<u8> {
    [idr(100), vec![0; 200]].concat()
}

/// Replaces the table of the same kind.
pub(crate) fn with(mut tables: Vec<Vec<u8>>, kind: &[u8; 4], new: Vec<u8>) -> Vec<Vec<u8>> {
    tables.retain(|table| table.get(4..8) != Some(kind));
    tables.push(new);
    tables
}
