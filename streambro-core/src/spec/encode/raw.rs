//! Which raw options are taken.
//!
//! ffmpeg has two kinds of options. Those of its libraries (AVOptions) always take one value and, but for those below,
//! open nothing. Those of its command line do: they open files, add inputs and outputs, read filters from
//! files; and some take no value, so that the word after them would be an output file. So of the second kind all are
//! refused but a few, by name. A test holds the list against the help of the ffmpeg that is there.

/// What is taken of the command line's own options: each takes one value and opens nothing.
const TAKEN: &[&str] = &["aspect", "bsf", "q", "qscale"];

/// The command line's own options, of ffmpeg 4.4 to 8.0, without their `no`.
const COMMAND_LINE: &str = "L h ? help version buildconf formats muxers demuxers devices codecs decoders encoders bsfs protocols \
    filters pix_fmts layouts sample_fmts dispositions colors sources sinks hwaccels loglevel v report \
    max_alloc y n ignore_unknown filter_threads filter_complex_threads filter_buffered_frames stats \
    max_error_rate vol cpuflags cpucount hide_banner copy_unknown recast_media benchmark benchmark_all \
    progress stdin timelimit dump hex vsync frame_drop_threshold async adrift_threshold copyts start_at_zero \
    copytb dts_delta_threshold dts_error_threshold xerror abort_on filter_complex lavfi \
    filter_complex_script auto_conversion_filters stats_period debug_ts psnr vstats vstats_file \
    vstats_version qphist sdp_file vaapi_device qsv_device init_hw_device filter_hw_device print_graphs \
    print_graphs_file print_graphs_format f c codec pre map_metadata t to fs ss sseof seek_timestamp \
    timestamp metadata program stream_group target apad frames filter filter_script reinit_filter \
    drop_changed discard disposition map map_channel map_chapters accurate_seek isync itsoffset itsscale \
    dframes re readrate readrate_initial_burst readrate_catchup shortest shortest_buf_duration bitexact \
    copyinkf copypriorss tag q qscale profile attach dump_attachment stream_loop thread_queue_size \
    find_stream_info bits_per_raw_sample stats_enc_pre stats_enc_post stats_mux_pre stats_enc_pre_fmt \
    stats_enc_post_fmt stats_mux_pre_fmt autorotate autoscale apply_cropping muxdelay muxpreload time_base \
    enc_time_base bsf fpre max_muxing_queue_size muxing_queue_data_threshold dcodec vframes r fpsmax s \
    aspect display_rotation display_hflip display_vflip mastering_display content_light vn vcodec timecode \
    pass vf ab b dn pix_fmt rc_override passlogfile intra_matrix inter_matrix chroma_intra_matrix top vtag \
    fps_mode force_fps streamid force_key_frames hwaccel hwaccel_device hwaccel_output_format \
    fix_sub_duration_heartbeat vbsf vpre aframes aq ar ac an acodec af atag sample_fmt channel_layout \
    ch_layout guess_layout_max absf apre sn scodec stag fix_sub_duration canvas_size spre i deinterlace";

/// Options of the libraries that open files, loosen what the input may open, or undo what streambro relies on.
const LIBRARIES: &[&str] = &[
    "protocol_whitelist",
    "protocol_blacklist",
    "format_whitelist",
    "codec_whitelist",
    "flvflags",
    "output_ts_offset",
    "avoid_negative_ts",
    "flush_packets",
    "fflags",
    "stats",
    "g",
    "threads",
    "flags",
    "maxrate",
    "bufsize",
];

/// Keys of `-x264-params` and `-x264opts` that name files (x264's `x264_param_parse`).
const X264_FILES: &[&str] =
    &["stats", "qpfile", "cqmfile", "cqm", "dump-yuv", "opencl-clbin", "log-file", "index"];

/// More options than this are surely a mistake.
const MAX_OPTIONS: usize = 64;
/// More bytes than this are surely no value.
const MAX_VALUE: usize = 4_096;

/// Says what is wrong with raw options, if anything is.
pub(super) fn check(args: &[String]) -> Result<(), String> {
    if args.len() > 2 * MAX_OPTIONS {
        return Err(format!("at most {MAX_OPTIONS} options"));
    }
    for pair in args.chunks(2) {
        let name = name(&pair[0]).ok_or_else(|| {
            format!("`{}` is not an option; each is a name like `-x264-params` and its value", pair[0])
        })?;
        if refused(name) {
            return Err(format!(
                "`-{name}` is refused: it opens files, changes what the stream consists of, takes no value, \
                 or has a setting of its own"
            ));
        }
        let Some(value) = pair.get(1) else {
            return Err(format!("`-{name}` has no value"));
        };
        if value.len() > MAX_VALUE || value.contains(char::is_control) {
            return Err(format!("the value of `-{name}` is too long or has control characters"));
        }
        if matches!(name, "x264-params" | "x264opts") {
            check_x264(name, value)?;
        }
    }
    Ok(())
}

/// The name of an option, without its stream specifier. ffmpeg 7 reads `-/name` as "the value is in this file".
fn name(arg: &str) -> Option<&str> {
    let name = arg.strip_prefix('-')?;
    let name = name.split(':').next()?;
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.len() <= 64 && name.chars().all(legal))
        .then_some(name)
}

/// Whether an option is one of those that are not taken.
fn refused(name: &str) -> bool {
    let without_no = name.strip_prefix("no").unwrap_or(name);
    let command_line =
        COMMAND_LINE.split_ascii_whitespace().any(|known| known == name || known == without_no);
    (command_line && !TAKEN.contains(&name)) || LIBRARIES.contains(&name)
}

/// x264 takes `_` for `-` in its keys, and reads what stands between colons.
fn check_x264(name: &str, value: &str) -> Result<(), String> {
    // A backslash or quote would hide a colon from us and not from ffmpeg.
    if value.contains(['\\', '\'']) {
        return Err(format!("the value of `-{name}` has a quote or backslash"));
    }
    for setting in value.split([':', ',']) {
        let key = setting.split('=').next().unwrap_or("").trim().to_ascii_lowercase().replace('_', "-");
        if X264_FILES.contains(&key.as_str()) {
            return Err(format!("`{key}` of `-{name}` names a file"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn checked(args: &[&str]) -> Result<(), String> {
        check(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn options_that_open_nothing_are_taken() {
        checked(&[]).unwrap();
        checked(&["-x264-params", "aq-mode=3:rc-lookahead=20", "-refs:v", "3", "-bf", "2"]).unwrap();
        checked(&["-spatial-aq", "1", "-color_primaries", "bt709", "-qmin", "-1", "-bsf:v", "null"]).unwrap();
    }

    #[test]
    fn whatever_opens_files_or_adds_outputs_is_refused() {
        for args in [
            &["-i", "/etc/passwd"][..],
            &["/tmp/out.mp4"],
            &["-bf", "2", "/tmp/out.mp4"],
            &["-shortest", "/tmp/out.mp4"],
            &["-noaccurate_seek", "/tmp/out.mp4"],
            &["-y", "/tmp/out.mp4"],
            &["-f", "tee"],
            &["-vf", "movie=/etc/passwd"],
            &["-filter:v", "subtitles=/etc/passwd"],
            &["-filter_complex", "amovie=/etc/passwd"],
            &["-af", "ladspa=x"],
            &["-/x264-params", "/etc/passwd"],
            &["--bf", "2"],
            &["-x264-params", "stats=/tmp/x"],
            &["-x264opts:v", "bframes=2:dump_yuv=/tmp/x"],
            &["-x264-params", "a='b:cqmfile=/tmp/x"],
            &["-passlogfile", "/tmp/x"],
            &["-stats", "/tmp/x"],
            &["-vstats_file", "/tmp/x"],
            &["-report", "1"],
            &["-progress", "http://example.com"],
            &["-attach", "/etc/passwd"],
            &["-dump_attachment:t", "/tmp/x"],
            &["-sdp_file", "/tmp/x"],
            &["-fpre", "/tmp/x"],
            &["-init_hw_device", "x"],
            &["-protocol_whitelist", "http"],
            &["-bf"],
            &["-", "x"],
            &["", "x"],
            &["-x264-params", "a\nb"],
        ] {
            checked(args).expect_err(&format!("{args:?}"));
        }
        let many = vec!["-bf"; 2 * MAX_OPTIONS + 1];
        checked(&many).unwrap_err();
    }

    #[test]
    fn the_list_has_every_option_that_this_ffmpegs_command_line_has() {
        let help = Command::new("ffmpeg").args(["-hide_banner", "-h", "full"]).output().unwrap();
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        let own = help.split("AVCodecContext AVOptions:").next().unwrap();
        let names: Vec<_> = own
            .lines()
            .filter_map(|line| line.strip_prefix('-'))
            .map(|line| line.split([' ', '[']).next().unwrap().trim_start_matches('-'))
            .collect();
        assert!(names.len() > 150, "{names:?}");
        for name in names {
            assert!(TAKEN.contains(&name) || refused(name), "{name}");
        }
    }
}
