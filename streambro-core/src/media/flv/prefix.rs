//! The bytes that FLV puts before a frame (FLV 10.1, E.4.2 and E.4.3).

/// Before an AVCDecoderConfigurationRecord: keyframe, AVC; sequence header; composition time 0.
pub const VIDEO_HEADER: [u8; 5] = [0x17, 0, 0, 0, 0];

/// Before an AudioSpecificConfig: AAC, and for AAC always "44 kHz, 16 bit, stereo"; sequence header.
pub const AUDIO_HEADER: [u8; 2] = [0xaf, 0];

/// Before a raw AAC frame.
pub const AUDIO_FRAME: [u8; 2] = [0xaf, 1];

/// Before the NAL units of an access unit; `cts` is the composition time in milliseconds, below 2^23.
pub fn video_frame(key: bool, cts: u32) -> [u8; 5] {
    let [_, a, b, c] = cts.to_be_bytes();
    [if key { 0x17 } else { 0x27 }, 1, a, b, c]
}
