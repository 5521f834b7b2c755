//! The input is a run of AMF0 values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streambro_core::media::amf0::{MAX_INPUT, Object, Reader, Value, Writer};

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::new(bytes);
    let mut values = vec![];
    let mut copy = vec![];
    // Each value has a byte at least.
    while let Ok(Some(value)) = reader.next() {
        write(&value, &mut Writer::new(&mut copy));
        values.push(value);
        assert!(values.len() <= bytes.len());
    }
    // Bytes that are not UTF-8 grow to three.
    assert!(copy.len() <= 4 * bytes.len());
    if copy.len() > MAX_INPUT {
        return;
    }
    let mut reader = Reader::new(&copy);
    for value in &values {
        let again = reader.next().expect("what was written can be read").expect("all of it");
        assert!(same(value, &again), "{value:?} became {again:?}");
    }
    assert!(matches!(reader.next(), Ok(None)));
});

/// Writes what has a form of its own; names are constants, so that all become one.
fn write(value: &Value<'_>, writer: &mut Writer<'_>) {
    match value {
        Value::Number(number) => writer.number(*number),
        Value::Boolean(boolean) => writer.boolean(*boolean),
        Value::String(text) => writer.string(text),
        Value::Object(object) => {
            let object = *object;
            let count = object.iter().count();
            if count % 2 == 0 {
                writer.object();
            } else {
                writer.ecma_array(count as u32);
            }
            for (name, value) in object.iter() {
                assert!(object.get(&name).is_some());
                write(&value, writer.key("k"));
            }
            writer.end()
        }
        _ => writer.null(),
    };
}

fn same(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.to_bits() == b.to_bits(),
        (Value::Boolean(a), Value::Boolean(b)) => a == b,
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Object(a), Value::Object(b)) => same_entries(a, b),
        (Value::Number(_) | Value::Boolean(_) | Value::String(_) | Value::Object(_), _) => false,
        (_, b) => *b == Value::Null,
    }
}

fn same_entries(a: &Object<'_>, b: &Object<'_>) -> bool {
    a.iter().count() == b.iter().count() && a.iter().zip(b.iter()).all(|((_, a), (_, b))| same(&a, &b))
}
