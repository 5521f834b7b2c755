//! Schemas of what is a text in JSON, and something else here.

/// The schema of a type that is a text in JSON.
macro_rules! as_text {
    ($type:ty, $name:literal, $description:literal) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $description })
            }
        }
    };
}
