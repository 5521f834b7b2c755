//! What ffmpeg says when an encoder does not work, in words for people. Pure.

use super::super::{args::Codec, ask::Ended};

/// A reason that nobody knows is cut here.
const MAX_REASON: usize = 200;

/// What ffmpeg says, and what that means. The first that is found counts: later lines follow from earlier ones.
///
/// From ffmpeg's sources (libavcodec/nvenc.c, qsv.c, vaapi_encode.c, videotoolboxenc.c, libavutil/hwcontext_*.c,
/// fftools) and from public reports; those of libcuda, VA display, VAAPI without a device and MFX were seen on a machine
/// without hardware.
const MEANINGS: &[(&str, &str)] = &[
    ("Unknown encoder", BUILT_WITHOUT),
    // An option that only this encoder has.
    ("Unrecognized option", BUILT_WITHOUT),
    ("No such filter", BUILT_WITHOUT),
    ("Invalid device specification", "this ffmpeg was built without the device's kind"),
    (
        "libcuda.so",
        "there is no NVIDIA driver here (libcuda.so.1); in a container, start it with the NVIDIA runtime",
    ),
    ("Could not dynamically load CUDA", "there is no NVIDIA driver here"),
    (
        "libnvidia-encode.so",
        "the NVIDIA driver has no encoder here (libnvidia-encode.so.1); in a container, add `video` to \
         NVIDIA_DRIVER_CAPABILITIES",
    ),
    (
        "Driver does not support the required nvenc API version",
        "the NVIDIA driver is too old for this ffmpeg; update it",
    ),
    ("OpenEncodeSessionEx failed: out of memory", SESSIONS),
    // What newer drivers say of the same.
    ("OpenEncodeSessionEx failed: incompatible client key", SESSIONS),
    ("OpenEncodeSessionEx failed: unsupported device", "this NVIDIA card cannot encode"),
    ("CUDA_ERROR_OUT_OF_MEMORY", "the NVIDIA card has no memory left"),
    ("CUDA_ERROR_NO_DEVICE", "there is no NVIDIA card here"),
    ("CUDA_ERROR", "the NVIDIA driver does not start; look at `nvidia-smi`"),
    ("Invalid gpu", "there is no NVIDIA card of this number here"),
    ("Codec not supported", "this card cannot encode H.264"),
    ("No capable devices found", "no NVIDIA card here can encode this"),
    ("No NVENC capable devices found", "no NVIDIA card here can encode this"),
    (
        "No VA display found",
        "the render node cannot be opened: it is not there, or this user is not in its group (`render`)",
    ),
    (
        "Failed to initialise VAAPI connection",
        "there is no VAAPI driver for the device; install it (Debian, Ubuntu: intel-media-va-driver, \
         mesa-va-drivers)",
    ),
    ("No usable encoding entrypoint", "the device cannot encode H.264"),
    ("No usable encoding profile", "the device cannot encode H.264"),
    ("Failed to set value 'vaapi=", "there is no VAAPI device here"),
    ("MFX session", "Quick Sync does not start: there is no Intel graphics, or its runtime is missing"),
    (
        "Failed to set value 'qsv=",
        "Quick Sync does not start: there is no Intel graphics, or its runtime is missing",
    ),
    ("cannot create compression session", "VideoToolbox has no hardware encoder free"),
    ("nothing was encoded", "it wrote nothing"),
    ("Cannot allocate memory", "there is no memory left for it"),
];

const BUILT_WITHOUT: &str = "this ffmpeg was built without it";
const SESSIONS: &str =
    "the NVIDIA card has no encoding session or memory left; GeForce cards allow only a few at once";

/// Why an encoder whose trial ended so does not work; `None` when it does.
pub(super) fn not(ended: &Ended, codec: Codec) -> Option<String> {
    let grave = |line: &&str| line.contains("[error]") || line.contains("[fatal]");
    let empty = ended.words.contains("nothing was encoded");
    let works = match ended.ok {
        Some(ok) => ok && !empty,
        // Somebody else reaped it: what it said must do.
        None => !empty && !ended.words.lines().any(|line| grave(&line)),
    };
    if works {
        return None;
    }
    let known = MEANINGS.iter().find(|(words, _)| ended.words.contains(words));
    if let Some((_, meaning)) = known {
        return Some((*meaning).to_owned());
    }
    // Unknown words: the first complaint, which is the cause of the others.
    let first = ended.words.lines().find(grave).or_else(|| ended.words.lines().next()).unwrap_or_default();
    let said: String = first
        .rsplit_once("] ")
        .map_or(first, |(_, said)| said)
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_REASON)
        .collect();
    Some(match said.is_empty() {
        true => format!("ffmpeg ended with {} and said nothing of {}", ended.status, codec.name()),
        false => format!("ffmpeg says: {said}"),
    })
}
