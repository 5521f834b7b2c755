"""What the schemas do not say; all of it must fit them."""

# The classes of variants that hold something, by type. A word in brackets is the name of what one
# holds that is no object; a variant that holds an object of a type of its own is that type.
VARIANTS = {
    "Admission": {"queue": "Queue"},
    "Availability": {"unavailable": "Unavailable"},
    "DestinationPolicy": {"allow": "Allow(rules)"},
    "Edit": {
        "append": "Append(item)",
        "insert": "Insert",
        "remove": "Remove(id)",
        "move": "Move",
        "replace": "Replace",
        "replace_all": "ReplaceAll(items)",
        "cue": "Cue(id)",
        "jump": "Jump(id)",
    },
    "EventKind": {
        "phase": "PhaseChanged",
        "leg": "LegChanged",
        "encoder": "EncoderChosen",
        "encoder_failed": "EncoderFailed",
        "rendition": "RenditionFinished",
        "item": "ItemChanged",
        "schedule": "ScheduleChanged",
        "start_failed": "StartFailed",
        "state": "SavingChanged",
        "alert": "Alert",
        "missed": "Missed",
    },
    "ItemEnd": {"failed": "ItemFailed"},
    "Memory": {"custom": "CustomMemory"},
    "Order": {"shuffle": "Shuffle"},
    "Platform": {"custom": "CustomPlatform(profile)"},
    "Repeat": {"times": "Times(count)"},
    "Road": {
        "copy": "CopyRoad",
        "remux": "RemuxRoad",
        "encode_audio": "EncodeAudioRoad",
        "encode": "EncodeRoad",
        "refused": "RefusedRoad",
    },
    "Trust": {"roots": "Roots(pem)"},
    "Unsupported": {
        "container": "UnsupportedContainer",
        "playlist": "UnsupportedPlaylist(what)",
        "format": "UnsupportedFormat(what)",
        "no_track": "NoTrack",
        "encrypted": "EncryptedTrack(track)",
        "codec": "UnsupportedCodec",
        "no_configuration": "NoConfiguration(track)",
        "compressed_header": "CompressedHeader",
        "external_data": "ExternalData",
        "edit_list": "UnsupportedEditList",
        "first_picture": "DependentFirstPicture",
        "too_short": "TooShort",
        "too_long": "TooLong",
        "too_large": "TooLarge(what)",
    },
    "Verdict": {
        "start": "WouldStart",
        "queue": "WouldQueue",
        "refuse": "WouldRefuse",
        "unsupported": "SourceUnsupported",
        "id_taken": "IdTaken",
    },
    "Video": {"encode": "Encode"},
}

# Where the variants of a type whose tag is not beside what they hold have that.
CONTENTS = {"Unsupported": "what"}

RENAMED = {"Turns": "Window"}

# Types that are richer in Python than in JSON, which knows neither files nor times.
TYPES = {
    "CivilTime": "str | time",
    "Item.file": "StrPath",
    "Moment": "str | datetime",
    "Renditions.dir": "StrPath",
    "Settings.ffmpeg": "StrPath | None",
    "Settings.ffmpeg_libraries": "Sequence[StrPath]",
    "Settings.max_encoder_sessions": "Mapping[Encoder, int]",
    "Settings.media_root": "StrPath | None",
    "Settings.state_dir": "StrPath | None",
    "Source.file": "StrPath | None",
}

# Words for what the schema has none for, or words that are about Rust or JSON.
WORDS = {
    "Admission.queue": "Lets a stream wait in `Phase::Queued`, its file open, until there is a place.",
    "Airing.end_unix_ms": "The instant at which it is over, in milliseconds since 1970, if it ever is. An airing that "
    "ends when another one begins does not overlap it.",
    "Airing.start_unix_ms": "The instant at which it begins, in milliseconds since 1970.",
    "AllowRule": "One line of an allow list: a host, `*.example.com` for every one below it, an address, or a network "
    "such as `10.0.0.0/8`.",
    "Availability.unavailable": "The encoder does not work here.",
    "CivilTime": "What a clock on the wall shows: a `time` without a zone, or a text such as `22:00` or `22:00:30`.",
    "Day": "A day of the week.",
    "DestinationPolicy.allow": "Allows only what one of the rules names.",
    "Encode": "How a source is encoded: H.264 in 8-bit 4:2:0 and AAC, which every RTMP platform takes.\n\n"
    "What is not said about size and frame rate stays as it is in the source.",
    "ItemEnd.failed": "The item could not be opened, joined or read any further.",
    "LegPhase.live": "It is on the air, as `Phase` says of a stream.",
    "Memory.custom": "Queues and threads as said.",
    "Moment": "An instant: a `datetime` with a zone, or a text such as `2026-12-24T18:00:00+01:00` (RFC 3339) or "
    "`2026-12-24T18:00[Europe/Berlin]`.",
    "Order.shuffle": "Another order each time.",
    "Platform.custom": "Any other platform, with what it asks for.",
    "Playlist.items": "What plays.",
    "Repeat.times": "Plays so many times; at least once.",
    "Schedule": "When a stream is on the air: from a start to an end, and if it has windows, only inside of them.\n\n"
    "An instant is the same for everyone. A civil time is what a clock on the wall shows, in the schedule's zone: it "
    "follows the changes to and from summer time. Where a change leaves a civil time out, what begins or ends then does "
    "so as much later as the clock jumps; where one comes twice, the first counts. A duration is time that passes, in "
    "milliseconds, whatever any clock shows, also while the machine sleeps.",
    "Settings": "What a `StreamManager` is told; what is left out stays at its default.",
    "Settings.keep_keys_in_clear": "Keeps keys in `state_dir` as they are.",
    "Settings.set_invalid_state_aside": "Begins anew when what is in `state_dir` cannot be used.",
    "StreamSpec": "What a caller wants on the air.",
    "Trust.roots": "Trusts certificates that are signed by one of these roots, PEM text, for the host name of the URL.",
    "Turns": "A stretch of time that comes again: each day, on some days of the week, or as cron says.",
}

# What the builder in Rust does unless it is told otherwise; the schema has only that settings may be left out.
DEFAULTS = {
    "Settings.admission": '`"reject"`',
    "Settings.alerts": "warn above 80 % of a core or 500 MB",
    "Settings.allow_raw_options": "they are refused",
    "Settings.destinations": '`"any"`',
    "Settings.encoder_order": "NVENC, Quick Sync, VideoToolbox, VAAPI, libx264",
    "Settings.ffmpeg": "the one on the path, if streams want one at all",
    "Settings.ffmpeg_libraries": "nothing",
    "Settings.history": "1,000",
    "Settings.keep_ended_ms": "60,000",
    "Settings.keep_keys_in_clear": "they are not kept",
    "Settings.log_lines": "100",
    "Settings.max_bandwidth": "unlimited",
    "Settings.max_encoder_sessions": "8 for NVENC, unlimited for the others",
    "Settings.max_process_memory": "unlimited",
    "Settings.max_stream_cpu": "unlimited",
    "Settings.max_stream_memory": "unlimited",
    "Settings.max_streams": "20",
    "Settings.max_streams_per_host": "unlimited",
    "Settings.max_streams_per_user": "5",
    "Settings.media_root": "any file may be opened",
    "Settings.memory_reserve": "500,000,000",
    "Settings.monitor_every_ms": "30,000",
    "Settings.renditions": "nothing is kept",
    "Settings.sandbox": '`"best_effort"`',
    "Settings.set_invalid_state_aside": "it is refused, and nothing is touched",
    "Settings.state_dir": "nothing is kept",
    "Settings.unlimited": "`False`",
}

# What Python calls what Rust calls otherwise.
NAMES = {
    "`AlreadyExists`": "`AlreadyExistsError`",
    "`LimitReached`": "`LimitReachedError`",
    "`OverLimit`": '`"over_limit"`',
    "`u64::MAX`": "`2**64 - 1`",
}

METHODS = {
    "Destination": '''
    def __repr__(self) -> str:
        """Shows no key, and of the URL no more than logs do."""
        return f"Destination(url={label(self.url)!r})"
'''
}
