use super::*;
use crate::spec::{Decode, Encoder, Fps, Profile, Tune};

/// A source of 720p30.
pub(super) const HD: Shape = Shape { size: Size { width: 1_280, height: 720 }, fps: 30.0 };

/// Every encoder with every setting that changes what it is told, and copying.
pub(super) fn every_job() -> Vec<(Option<Codec>, Job)> {
    let presets = [
        Preset::Auto,
        Preset::Ultrafast,
        Preset::Superfast,
        Preset::Veryfast,
        Preset::Faster,
        Preset::Fast,
        Preset::Medium,
        Preset::Slow,
        Preset::Slower,
        Preset::Veryslow,
    ];
    let mut jobs = vec![(None, Job::copy(Format::Mov)), (None, Job::copy(Format::Flv))];
    for codec in Codec::ALL {
        let plain = Encode::new(codec.encoder());
        let mut settings = vec![
            plain.clone(),
            plain.clone().size(1_280, 720),
            plain.clone().size(854, 480).fps(Fps::new(30_000, 1_001)).tune(Tune::ZeroLatency),
            plain.clone().max_bitrate(6_000_000).profile(Profile::Baseline).memory(Memory::Roomy),
            plain.clone().fps(1),
            plain.clone().profile(Profile::Main).memory(Memory::Custom { queue: 64, threads: 3 }),
        ];
        if codec == Codec::Nvenc {
            settings.push(plain.clone().device("1"));
        }
        if matches!(codec, Codec::Qsv | Codec::Vaapi) {
            settings.push(plain.clone().device("/dev/dri/renderD128"));
        }
        settings.extend(presets.map(|preset| plain.clone().preset(preset)));
        for encode in settings {
            encode.check().unwrap();
            for decoder in [Decoder::Software, Decoder::Device] {
                let mut job = Job::encode(Format::MpegTs, &encode, codec, decoder, encode.preset, HD);
                job.progress = true;
                job.start = Duration::from_millis(90_500);
                job.limit = Some(Duration::from_secs(2));
                jobs.push((Some(codec), job));
            }
        }
    }
    jobs
}

/// The arguments a line each, an option and its value on one.
fn lines(args: &[String]) -> String {
    let mut text = String::new();
    for (at, arg) in args.iter().enumerate() {
        let begins = arg.starts_with('-') && !arg.starts_with("-1");
        text.push_str(if at == 0 {
            ""
        } else if begins {
            "\n"
        } else {
            " "
        });
        text.push_str(arg);
    }
    text
}

/// Only what is between the log level and the whitelist, and between the maps and the queue: what differs.
fn differing(encode: &Encode, decoder: Decoder) -> String {
    let codec = Codec::of(encode.encoder).unwrap();
    let text = lines(&argv(&Job::encode(Format::Mov, encode, codec, decoder, encode.preset, HD)));
    let between = |from: &str, to: &str| {
        let rest = text.split_once(from).unwrap().1;
        rest.split_once(to).unwrap().0.replace('\n', " ")
    };
    let input = between("-start_at_zero", "\n-protocol_whitelist");
    let output = between("-map_chapters -1", "\n-c:a");
    format!("{}\n{}", input.trim(), output.trim())
}

#[test]
fn a_copy_is_told_this() {
    let mut job = Job::copy(Format::Matroska);
    job.start = Duration::from_millis(4_500);
    job.progress = true;
    assert_eq!(
        lines(&argv(&job)),
        "-nostdin\n-hide_banner\n-nostats\n-loglevel level+warning\n-progress pipe:5\n-stats_period 1\n\
         -copyts\n-start_at_zero\n-protocol_whitelist file,pipe\n-format_whitelist matroska\n-f matroska\n\
         -ss 4.5\n-i file:/dev/fd/3\n-map 0:V:0?\n-map 0:a:0?\n-sn\n-dn\n-map_metadata -1\n-map_chapters -1\n\
         -c:v copy\n-c:a copy\n-max_muxing_queue_size 1024\n-muxdelay 0\n-muxpreload 0\n-output_ts_offset 60\n\
         -flvflags no_duration_filesize+no_sequence_end\n-flush_packets 1\n-f flv pipe:1"
    );
}

#[test]
fn x264_is_told_this() {
    let encode = Encode::new(Encoder::X264).size(1_280, 720).fps(30);
    let job = Job::encode(Format::Mov, &encode, Codec::X264, Decoder::Software, Preset::Auto, HD);
    assert_eq!(
        lines(&argv(&job)),
        "-nostdin\n-hide_banner\n-nostats\n-loglevel level+warning\n-filter_threads 1\n-copyts\n-start_at_zero\n\
         -threads 1\n-protocol_whitelist file,pipe\n-format_whitelist mov\n-f mov\n-i file:/dev/fd/3\n\
         -map 0:V:0\n-map 0:a:0?\n-sn\n-dn\n-map_metadata -1\n-map_chapters -1\n\
         -vf fps=fps=30,scale=w='max(2,2*round(min(1280,720*dar)/2))':h='max(2,2*round(min(720,1280/dar)/2))',\
         pad=w=1280:h=720:x=(ow-iw)/2:y=(oh-ih)/2,setsar=sar=1\n\
         -c:v libx264\n-preset veryfast\n-profile:v high\n-sc_threshold 0\n-keyint_min 60\n\
         -b:v 3000000\n-maxrate 3000000\n-bufsize 6000000\n-g 60\n\
         -force_key_frames expr:if(isnan(prev_forced_t),1,gte(t+0.001,(floor((prev_forced_t+0.001)/2)+1)*2))\n\
         -pix_fmt yuv420p\n-threads:v 1\n-c:a aac\n-b:a 128000\n-ar 44100\n-ac 2\n\
         -max_muxing_queue_size 1024\n-muxdelay 0\n-muxpreload 0\n-output_ts_offset 60\n\
         -flvflags no_duration_filesize+no_sequence_end\n-flush_packets 1\n-f flv pipe:1"
    );
}

/// What all end with here.
const RATES: &str = "-b:v 3000000 -maxrate 3000000 -bufsize 6000000 -g 240 \
    -force_key_frames expr:if(isnan(prev_forced_t),1,gte(t+0.001,(floor((prev_forced_t+0.001)/2)+1)*2))";
const FIT: &str = "w='max(2,2*round(min(1280,720*dar)/2))':h='max(2,2*round(min(720,1280/dar)/2))'";
const PAD: &str = "pad=w=1280:h=720:x=(ow-iw)/2:y=(oh-ih)/2,setsar=sar=1";
const CROP: &str = "crop=w=trunc(iw/2)*2:h=trunc(ih/2)*2:x=0:y=0";
const EVEN: &str = "w=trunc(iw/2)*2:h=trunc(ih/2)*2:format=nv12";

#[test]
fn nvenc_is_told_this() {
    let plain = Encode::new(Encoder::Nvenc);
    let own = "-c:v h264_nvenc -preset p4 -profile:v high -rc cbr -no-scenecut 1 -forced-idr 1";
    assert_eq!(
        differing(&plain, Decoder::Software),
        format!("-threads 1\n-vf {CROP} {own} {RATES} -pix_fmt yuv420p -threads:v 1")
    );
    let cuda =
        "-init_hw_device cuda=hw -threads 1 -hwaccel cuda -hwaccel_device hw -hwaccel_output_format cuda";
    assert_eq!(
        differing(&plain, Decoder::Device),
        format!("{cuda}\n-vf scale_cuda={EVEN} {own} {RATES} -threads:v 1")
    );
    assert_eq!(
        differing(&plain.clone().size(1_280, 720), Decoder::Device),
        format!(
            "{cuda}\n-vf scale_cuda={FIT}:format=nv12,hwdownload,format=pix_fmts=nv12,{PAD} {own} {RATES} \
             -pix_fmt nv12 -threads:v 1"
        )
    );
    let second = plain.device("1").preset(Preset::Veryfast).tune(Tune::ZeroLatency).max_bitrate(4_000_000);
    let text = differing(&second, Decoder::Software);
    assert!(
        text.contains("-preset p2 -tune ll -profile:v high -rc vbr") && text.contains("-gpu 1"),
        "{text}"
    );
    assert!(differing(&second, Decoder::Device).contains("-init_hw_device cuda=hw:1 "));
}

#[test]
fn quick_sync_is_told_this() {
    let plain = Encode::new(Encoder::Qsv).device("/dev/dri/renderD129");
    let own = "-c:v h264_qsv -preset medium -profile:v high -forced_idr 1 -adaptive_i 0";
    let devices = "-init_hw_device vaapi=va:/dev/dri/renderD129 -init_hw_device qsv=hw@va -threads 1";
    let decode = "-hwaccel vaapi -hwaccel_device va -hwaccel_output_format vaapi";
    assert_eq!(
        differing(&plain, Decoder::Software),
        format!("{devices}\n-vf {CROP} {own} {RATES} -pix_fmt nv12 -threads:v 1")
    );
    assert_eq!(
        differing(&plain, Decoder::Device),
        format!(
            "{devices} {decode}\n-vf scale_vaapi={EVEN},hwmap=derive_device=qsv,format=pix_fmts=qsv {own} \
             {RATES} -threads:v 1"
        )
    );
    assert_eq!(
        differing(&plain.size(1_280, 720), Decoder::Device),
        format!(
            "{devices} {decode}\n-vf scale_vaapi={FIT}:format=nv12,hwdownload,format=pix_fmts=nv12,{PAD} {own} \
             {RATES} -pix_fmt nv12 -threads:v 1"
        )
    );
}

#[test]
fn vaapi_is_told_this() {
    let plain = Encode::new(Encoder::Vaapi);
    let own = "-c:v h264_vaapi -profile:v high";
    let devices = "-init_hw_device vaapi=hw -filter_hw_device hw -threads 1";
    let decode = "-hwaccel vaapi -hwaccel_device hw -hwaccel_output_format vaapi";
    assert_eq!(
        differing(&plain, Decoder::Software),
        format!("{devices}\n-vf {CROP},format=pix_fmts=nv12,hwupload {own} {RATES} -threads:v 1")
    );
    assert_eq!(
        differing(&plain, Decoder::Device),
        format!("{devices} {decode}\n-vf scale_vaapi={EVEN} {own} {RATES} -threads:v 1")
    );
    let sized = plain.size(1_280, 720).preset(Preset::Ultrafast).profile(Profile::Baseline);
    assert_eq!(
        differing(&sized, Decoder::Device),
        format!(
            "{devices} {decode}\n-vf scale_vaapi={FIT}:format=nv12,hwdownload,format=pix_fmts=nv12,{PAD},hwupload \
             -c:v h264_vaapi -quality 7 -profile:v constrained_baseline {RATES} -threads:v 1"
        )
    );
}

#[test]
fn videotoolbox_is_told_this() {
    let plain = Encode::new(Encoder::VideoToolbox);
    let own = "-c:v h264_videotoolbox -profile:v high -allow_sw 0";
    assert_eq!(
        differing(&plain, Decoder::Device),
        format!(
            "-threads 1 -hwaccel videotoolbox -hwaccel_output_format videotoolbox_vld\n{own} {RATES} -threads:v 1"
        )
    );
    assert_eq!(
        differing(&plain.size(1_280, 720), Decoder::Device),
        format!(
            "-threads 1 -hwaccel videotoolbox\n-vf scale={FIT},{PAD} {own} {RATES} -pix_fmt nv12 -threads:v 1"
        )
    );
}

#[test]
fn memory_chooses_threads_and_queue() {
    let text = |memory| {
        let encode = Encode::new(Encoder::X264).memory(memory);
        lines(&argv(&Job::encode(Format::Flv, &encode, Codec::X264, Decoder::Software, Preset::Auto, HD)))
    };
    let lean = text(Memory::Lean);
    assert!(lean.contains("-filter_threads 1\n") && lean.contains("-threads:v 1\n"), "{lean}");
    let roomy = text(Memory::Roomy);
    assert!(!roomy.contains("threads") && roomy.contains("-max_muxing_queue_size 2048"), "{roomy}");
    let custom = text(Memory::Custom { queue: 64, threads: 3 });
    assert!(custom.contains("-threads 3\n") && custom.contains("-max_muxing_queue_size 64\n"), "{custom}");
}

#[test]
fn sound_waits_for_slides() {
    let waits = |encode: &Encode, fps: f64| {
        let source = Shape { fps, ..HD };
        let job = Job::encode(Format::Mov, encode, Codec::X264, Decoder::Software, Preset::Auto, source);
        let args = argv(&job);
        let at = args.iter().position(|arg| arg == "-max_interleave_delta")?;
        Some(args[at + 1].clone())
    };
    let plain = Encode::new(Encoder::X264);
    for fps in [30.0, 10.0, 0.0, f64::NAN, f64::INFINITY] {
        assert_eq!(waits(&plain, fps), None, "{fps}");
    }
    assert_eq!(waits(&plain, 1.0).unwrap(), "100000000");
    assert_eq!(waits(&plain, f64::MIN_POSITIVE).unwrap(), "3600000000");
    assert_eq!(waits(&plain.fps(2), 30.0).unwrap(), "50000000");
}

#[test]
fn raw_options_come_after_ours_and_before_the_output() {
    let encode = Encode::new(Encoder::X264).raw(["-bf", "0"]);
    let args = argv(&Job::encode(Format::Flv, &encode, Codec::X264, Decoder::Software, Preset::Auto, HD));
    let at = |wanted: &str| args.iter().position(|arg| arg == wanted).unwrap();
    assert!(at("-b:v") < at("-bf") && at("-bf") < at("-flvflags"));
}

#[test]
fn a_device_is_tried_first_and_the_processor_then() {
    use Decoder::{Device, Software};
    assert_eq!(Decoder::attempts(Codec::Nvenc, Decode::Auto), [Device, Software]);
    assert_eq!(Decoder::attempts(Codec::X264, Decode::Auto), [Software]);
    assert_eq!(Decoder::attempts(Codec::X264, Decode::Device), [Device]);
    assert_eq!(Decoder::attempts(Codec::Vaapi, Decode::Software), [Software]);
}

#[test]
fn a_command_for_people_names_the_film_and_no_format() {
    let encode = Encode::new(Encoder::Auto).size(640, 360);
    let args = command(&encode, "-y \u{1F3A5}.mp4").unwrap();
    let at = args.iter().position(|arg| arg == "-i").unwrap();
    assert_eq!((args[0].as_str(), args[at + 1].as_str()), ("ffmpeg", "file:-y \u{1F3A5}.mp4"));
    assert!(!args[..at].iter().any(|arg| arg == "-f" || arg == "mov"), "{args:?}");
    assert!(!args.iter().any(|arg| arg == "-output_ts_offset" || arg == "60"), "{args:?}");
    assert!(args.ends_with(&["-f".to_owned(), "flv".to_owned(), "pipe:1".to_owned()]));
    command(&encode.fps(0), "x").unwrap_err();
}

#[test]
fn times_are_written_to_the_microsecond() {
    for (time, text) in [
        (Duration::ZERO, "0"),
        (Duration::from_secs(100), "100"),
        (Duration::from_micros(1_500_001), "1.500001"),
        (Duration::from_nanos(999), "0"),
    ] {
        assert_eq!(seconds(time), text);
    }
}
