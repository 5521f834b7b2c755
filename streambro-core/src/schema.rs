//! The JSON forms as schemas, from the types themselves: what is committed in `docs/schema`.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    Airing, Analysis, AsRun, Audit, Capacity, Destination, Diagnosis, Edit, Encode, EncoderReport, Event,
    Explanation, Host, LogLine, Platform, PlatformProfile, PlaylistStatus, PrepareOutcome, PrepareProgress,
    Preview, Probe, RemuxReport, RenditionUsage, RunRecord, Schedule, Settings, Source, StreamSpec,
    StreamStatus, Upcoming, Usage, Video,
};

/// Returns the schema of all that goes in: specs, settings, edits, and parts of them.
pub fn input() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    let forms = json!({
        "destination": form::<Destination>(&mut generator),
        "edits": form::<Vec<Edit>>(&mut generator),
        "encode": form::<Encode>(&mut generator),
        "platform": form::<Platform>(&mut generator),
        "schedule": form::<Schedule>(&mut generator),
        "settings": form::<Settings>(&mut generator),
        "source": form::<Source>(&mut generator),
        "spec": form::<StreamSpec>(&mut generator),
        "video": form::<Video>(&mut generator),
    });
    whole("What goes into streambro", forms, generator)
}

/// Returns the schema of all that comes out: events, status, and what is asked for.
pub fn output() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let forms = json!({
        "airing": form::<Option<Airing>>(&mut generator),
        "analysis": form::<Analysis>(&mut generator),
        "as_run": form::<Vec<AsRun>>(&mut generator),
        "audit": form::<Audit>(&mut generator),
        "capacity": form::<Capacity>(&mut generator),
        "doctor": form::<Diagnosis>(&mut generator),
        "encoders": form::<Vec<EncoderReport>>(&mut generator),
        "event": form::<Event>(&mut generator),
        "explanation": form::<Explanation>(&mut generator),
        "host": form::<Host>(&mut generator),
        "history": form::<Vec<RunRecord>>(&mut generator),
        "list": form::<Vec<StreamStatus>>(&mut generator),
        "logs": form::<Vec<LogLine>>(&mut generator),
        "playlist": form::<PlaylistStatus>(&mut generator),
        "preparation": form::<PrepareOutcome>(&mut generator),
        "preview": form::<Vec<Preview>>(&mut generator),
        "probe": form::<Probe>(&mut generator),
        "profile": form::<PlatformProfile>(&mut generator),
        "progress": form::<PrepareProgress>(&mut generator),
        "remux": form::<RemuxReport>(&mut generator),
        "renditions": form::<Option<RenditionUsage>>(&mut generator),
        "status": form::<StreamStatus>(&mut generator),
        "upcoming": form::<Vec<Upcoming>>(&mut generator),
        "usage": form::<Option<Usage>>(&mut generator),
    });
    whole("What comes out of streambro", forms, generator)
}

fn form<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// All forms, each by the name that the documentation uses, and the types that they are made of.
fn whole(title: &str, forms: Value, mut generator: SchemaGenerator) -> Value {
    let mut types = Map::new();
    types.extend(generator.take_definitions(true));
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": "Each property is one form: `#/properties/spec` is that of a spec.",
        "type": "object",
        "properties": forms,
        "$defs": types,
    });
    plain(&mut schema);
    schema
}

/// Takes what means something to rustdoc alone out of descriptions: links to other items.
fn plain(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(plain),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "description" => *text = without_links(text),
                    value => plain(value),
                }
            }
        }
        _ => {}
    }
}

/// `[text](where)` and `` [`text`] `` are their texts.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once('[') {
        plain.push_str(before);
        let Some((words, after)) = from.split_once(']') else {
            plain.push('[');
            rest = from;
            break;
        };
        let target = after.strip_prefix('(').and_then(|target| target.split_once(')'));
        let is_link = target.is_some() || words.starts_with('`');
        plain.push_str(&if is_link { words.to_owned() } else { format!("[{words}]") });
        rest = target.map_or(after, |(_, after)| after);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_their_texts_and_other_brackets_stay() {
        let said = "[`Builder`] or [another](super::Other), at 18:00[Europe/Berlin]; one [that is open";
        let plain = "`Builder` or another, at 18:00[Europe/Berlin]; one [that is open";
        assert_eq!(without_links(said), plain);
    }
}
