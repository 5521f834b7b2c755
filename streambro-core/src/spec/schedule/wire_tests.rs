//! Schedules as JSON.

use std::time::Duration;

use jiff::{
    Timestamp,
    civil::{Weekday, time},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{MissedStart, Schedule, Window};

fn read(json: &str) -> Result<Schedule, serde_json::Error> {
    serde_json::from_str(json)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn every_feature_has_a_form_that_is_read_and_written_byte_for_byte() {
    let berlin = || Schedule::in_zone("Europe/Berlin").unwrap();
    let night = Window::daily(time(22, 0, 0, 0), time(2, 30, 0, 0));
    let goldens = [
        (Schedule::new(), r#"{"missed":"start_late"}"#),
        (Schedule::new().missed(MissedStart::Skip), r#"{"missed":"skip"}"#),
        (berlin(), r#"{"zone":"Europe/Berlin","missed":"start_late"}"#),
        (
            Schedule::new().starting(at("2026-12-24T18:00:00+01:00")),
            r#"{"start":"2026-12-24T17:00:00Z","missed":"start_late"}"#,
        ),
        (
            Schedule::new().starting(at("2026-12-24T17:00:00.25Z")).ending(at("2026-12-25T17:00:00Z")),
            r#"{"start":"2026-12-24T17:00:00.25Z","end":"2026-12-25T17:00:00Z","missed":"start_late"}"#,
        ),
        (
            Schedule::new().lasting(Duration::from_secs(86_400)),
            r#"{"for_ms":86400000,"missed":"start_late"}"#,
        ),
        (Schedule::new().lasting(Duration::ZERO), r#"{"for_ms":0,"missed":"start_late"}"#),
        (
            berlin().until(time(2, 0, 30, 0)),
            r#"{"zone":"Europe/Berlin","until":"02:00:30","missed":"start_late"}"#,
        ),
        (
            berlin().window(night.clone()),
            r#"{"zone":"Europe/Berlin","windows":[{"from":"22:00:00","until":"02:30:00"}],"missed":"start_late"}"#,
        ),
        (
            Schedule::new().window(Window::weekly(
                [Weekday::Sunday, Weekday::Monday, Weekday::Friday, Weekday::Monday],
                time(8, 0, 0, 0),
                Duration::from_millis(5_400_001),
            )),
            r#"{"windows":[{"days":["mon","fri","sun"],"from":"08:00:00","for_ms":5400001}],"missed":"start_late"}"#,
        ),
        (
            Schedule::new()
                .window(Window::cron("30 18 * * MON-FRI", time(20, 0, 0, 0)).unwrap())
                .window(Window::cron("@daily", Duration::from_secs(60)).unwrap()),
            r#"{"windows":[{"cron":"30 18 * * MON-FRI","until":"20:00:00"},{"cron":"@daily","for_ms":60000}],"missed":"start_late"}"#,
        ),
        (
            berlin()
                .starting(at("2026-01-01T00:00:00Z"))
                .ending(at("2027-01-01T00:00:00Z"))
                .window(night)
                .missed(MissedStart::Skip),
            r#"{"zone":"Europe/Berlin","start":"2026-01-01T00:00:00Z","end":"2027-01-01T00:00:00Z","windows":[{"from":"22:00:00","until":"02:30:00"}],"missed":"skip"}"#,
        ),
    ];
    for (schedule, json) in goldens {
        assert_eq!(serde_json::to_string(&schedule).unwrap(), json);
        assert_eq!(read(json).unwrap(), schedule, "{json}");
    }
}

#[test]
fn what_people_write_is_read_as_they_mean_it() {
    let same = [
        ("{}", r#"{"missed":"start_late"}"#),
        // With an offset, with a zone, and with both.
        (
            r#"{"start":"2026-12-24T18:00:00+01:00"}"#,
            r#"{"start":"2026-12-24T17:00:00Z","missed":"start_late"}"#,
        ),
        (
            r#"{"start":"2026-12-24T18:00[Europe/Berlin]"}"#,
            r#"{"start":"2026-12-24T17:00:00Z","missed":"start_late"}"#,
        ),
        (
            r#"{"start":"2026-12-24T18:00:00+01:00[Europe/Berlin]"}"#,
            r#"{"start":"2026-12-24T17:00:00Z","missed":"start_late"}"#,
        ),
        (r#"{"until":"22:00"}"#, r#"{"until":"22:00:00","missed":"start_late"}"#),
        (r#"{"zone":"UTC"}"#, r#"{"missed":"start_late"}"#),
        (r#"{"zone":"europe/berlin"}"#, r#"{"zone":"Europe/Berlin","missed":"start_late"}"#),
        (r#"{"windows":[],"end":null}"#, r#"{"missed":"start_late"}"#),
    ];
    for (written, canonical) in same {
        let schedule = read(written).unwrap();
        assert_eq!(serde_json::to_string(&schedule).unwrap(), canonical, "{written}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_is_wrong() {
    let refused = [
        (r#"{"strat":"2026-12-24T18:00:00Z"}"#, "unknown field `strat`"),
        (r#"{"windows":[{"from":"22:00","until":"23:00","zone":"UTC"}]}"#, "unknown field `zone`"),
        (r#"{"zone":"Europe/Atlantis"}"#, "no time zone is called \"Europe/Atlantis\"; use an IANA name"),
        (r#"{"zone":""}"#, "no time zone is called \"\""),
        (r#"{"zone":"+01:00"}"#, "no time zone is called \"+01:00\""),
        (r#"{"zone":"Etc/Unknown"}"#, "no time zone is called \"Etc/Unknown\""),
        (r#"{"zone":"../../etc/passwd"}"#, "no time zone is called"),
        (r#"{"until":"24:00"}"#, "\"24:00\" is no time of day; write it like \"22:00\" or \"22:00:30\""),
        (r#"{"until":"10 pm"}"#, "\"10 pm\" is no time of day"),
        (r#"{"until":"T22"}"#, "is no time of day"),
        // Who writes a date or a zone here means it.
        (r#"{"until":"2026-12-24T18:00"}"#, "is no time of day"),
        (r#"{"until":"22:00Z"}"#, "is no time of day"),
        (r#"{"until":"22:00[Europe/Berlin]"}"#, "is no time of day"),
        (r#"{"until":600}"#, "invalid type: integer `600`"),
        (
            r#"{"start":"tomorrow"}"#,
            "\"tomorrow\" is no instant; write it like \"2026-12-24T18:00:00+01:00\"",
        ),
        // Nobody knows in which zone.
        (r#"{"start":"2026-12-24T18:00:00"}"#, "is no instant"),
        (r#"{"start":1782000000}"#, "expected a string"),
        (r#"{"end":"2026-12-24T18:00:00Z","for_ms":1000}"#, "name one of `end`, `for_ms` and `until`"),
        (r#"{"until":"22:00","for_ms":1000}"#, "name one of `end`, `for_ms` and `until`"),
        (r#"{"for_ms":-1}"#, "`for_ms` is 0 or more"),
        (r#"{"for_ms":1.5}"#, "1.5"),
        (r#"{"for_ms":9223372036854775808}"#, "expected i64"),
        (
            r#"{"start":"2026-01-02T00:00:00Z","end":"2026-01-01T00:00:00Z"}"#,
            "it ends, 2026-01-01T00:00:00Z, before",
        ),
        (r#"{"start":"2026-01-02T00:00:00Z","end":"2026-01-02T00:00:00Z"}"#, "it ends"),
        (r#"{"missed":"later"}"#, "unknown variant `later`, expected `start_late` or `skip`"),
        (r#"{"windows":[{"from":"22:00"}]}"#, "a window has either `until` or `for_ms`"),
        (
            r#"{"windows":[{"from":"22:00","until":"23:00","for_ms":1}]}"#,
            "a window has either `until` or `for_ms`",
        ),
        (
            r#"{"windows":[{"until":"23:00"}]}"#,
            "a window has either `from`, with `days` or without, or `cron`",
        ),
        (r#"{"windows":[{"from":"22:00","cron":"@daily","until":"23:00"}]}"#, "a window has either `from`"),
        (r#"{"windows":[{"days":["mon"],"cron":"@daily","until":"23:00"}]}"#, "a window has either `from`"),
        (r#"{"windows":[{"days":["monday"],"from":"22:00","until":"23:00"}]}"#, "unknown variant `monday`"),
        (r#"{"windows":[{"cron":"* * * * * *","until":"23:00"}]}"#, "is no cron expression"),
        (r#"{"windows":[{"from":"22:00","for_ms":0}]}"#, "a window lasts for some time: 1 ms or more"),
        (r#"{"windows":[{"from":"22:00","for_ms":-5}]}"#, "a window lasts for some time: 1 ms or more"),
        (r#"{"windows":[{"from":"22:00","for_ms":31708800000}]}"#, "a window lasts for 366 days at most"),
    ];
    for (json, why) in refused {
        let error = read(json).unwrap_err().to_string();
        assert!(error.contains(why), "{json}: {error}");
    }
}

#[test]
fn the_longest_window_and_sixty_four_of_them_are_read_and_one_more_is_refused() {
    let window = json!({"from": "22:00", "for_ms": 31_622_400_000_i64});
    let with = |count| read(&json!({"windows": vec![window.clone(); count]}).to_string());
    assert_eq!(with(64).unwrap().windows.len(), 64);
    let error = with(65).unwrap_err().to_string();
    assert!(error.contains("at most 64 windows per schedule"), "{error}");
}

#[test]
fn what_is_accepted_from_a_program_is_written_so_that_it_is_read_again() {
    // Half a millisecond would be written as none at all.
    let window = Window::daily(time(22, 0, 0, 0), Duration::from_micros(500));
    Schedule::new().window(window).check().unwrap_err();
    let longest = Schedule::new().lasting(Duration::MAX);
    longest.check().unwrap();
    let json = serde_json::to_string(&longest).unwrap();
    assert_eq!(json, r#"{"for_ms":9223372036854775807,"missed":"start_late"}"#);
    let again = read(&json).unwrap();
    let from = Timestamp::UNIX_EPOCH;
    assert_eq!(again.preview(from, 2), longest.preview(from, 2));
}

/// Any value, with strings and numbers that mean something here and there.
fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        ".{0,12}",
        "[0-9]{1,2}:[0-9]{2}",
        "[-+0-9T:Z.]{0,30}",
        "[-0-9*/,LW# A-Z]{0,16}",
        Just("2026-03-29T02:30[Europe/Berlin]".to_owned()),
        Just("-9999-01-01T00:00:00Z".to_owned()),
        Just("9999-12-30T22:00:00Z".to_owned()),
        Just("Europe/Berlin".to_owned()),
        Just("mon".to_owned()),
        Just("skip".to_owned()),
        Just("0 20 * * FRI".to_owned()),
    ];
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => any::<i64>().prop_map(Value::from),
        2 => (0..100_000_000_i64).prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        6 => text.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let fields = prop_oneof![
            4 => proptest::sample::select(vec![
                "zone", "start", "end", "for_ms", "until", "windows", "missed", "days", "from", "cron",
            ])
            .prop_map(str::to_owned),
            1 => ".{0,8}",
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(fields, inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// A value that is a schedule more often than not.
fn likely() -> impl Strategy<Value = Value> {
    let instant =
        || (-377_705_023_201..=253_402_207_200_i64).prop_map(|at| Timestamp::from_second(at).unwrap());
    let clock = || (0..24, 0..60).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}"));
    let field = |name: &'static str, value: BoxedStrategy<Value>| {
        proptest::option::of(value).prop_map(move |value| (name, value))
    };
    let json = |value: String| Value::from(value);
    let cron =
        proptest::sample::select(vec!["0 20 * * FRI", "*/15 2 * * *", "0 0 29 2 *", "@hourly", "0 0 30 2 *"]);
    let window = (
        field("from", clock().prop_map(json).boxed()),
        field("cron", cron.prop_map(Value::from).boxed()),
        field("until", clock().prop_map(json).boxed()),
        field("for_ms", (-10..100_000_000_i64).prop_map(Value::from).boxed()),
    )
        .prop_map(|(a, b, c, d)| object([a, b, c, d]));
    let zone = proptest::sample::select(vec!["UTC", "Europe/Berlin", "Pacific/Apia", "Asia/Nowhere"]);
    (
        field("zone", zone.prop_map(Value::from).boxed()),
        field("start", instant().prop_map(|at| Value::from(at.to_string())).boxed()),
        field("end", instant().prop_map(|at| Value::from(at.to_string())).boxed()),
        field("for_ms", any::<i64>().prop_map(Value::from).boxed()),
        field("windows", proptest::collection::vec(window, 0..4).prop_map(Value::from).boxed()),
    )
        .prop_map(|(a, b, c, d, e)| object([a, b, c, d, e]))
}

fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    Value::Object(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

proptest! {
    #[test]
    fn whatever_is_read_never_panics_and_what_is_accepted_is_written_as_it_is_read(
        json in prop_oneof![value(), likely()],
        from in prop_oneof![Just(Timestamp::MIN), Just(Timestamp::MAX), Just(Timestamp::UNIX_EPOCH)],
    ) {
        if let Ok(schedule) = serde_json::from_value::<Schedule>(json) {
            schedule.check().unwrap();
            let written = serde_json::to_string(&schedule).unwrap();
            prop_assert_eq!(&read(&written).unwrap(), &schedule);
            prop_assert!(schedule.preview(from, 3).len() <= 3);
        }
    }

    #[test]
    fn any_text_as_a_cron_expression_is_accepted_or_refused(
        text in prop_oneof![".{0,30}", "[-0-9*/,LW#?+ @A-Z]{0,30}", "([0-9*/,-]{1,5} ){4}[0-9*/,#L-]{1,5}"],
    ) {
        if let Ok(window) = Window::cron(&text, Duration::from_secs(60)) {
            let schedule = Schedule::new().window(window);
            prop_assert_eq!(schedule.preview(Timestamp::UNIX_EPOCH, 1).len(), 1);
        }
    }
}
