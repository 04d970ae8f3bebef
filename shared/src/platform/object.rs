//! What must be an object in a JSON body.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// A structure that was read from an object. Readers that serde derives also take a list of the
/// members' values, which no caller means.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_map(Members(PhantomData)).map(Self)
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Posted {
        recipient: String,
        code: Option<String>,
    }

    fn read(json: &str) -> Option<(String, Option<String>)> {
        let read = serde_json::from_str::<Object<Posted>>(json).ok();
        read.map(|Object(posted)| (posted.recipient, posted.code))
    }

    #[test]
    fn only_an_object_is_read() {
        let read_as = Some(("a".to_owned(), None));
        assert_eq!(read(r#" {"recipient":"a","more":[{}]}"#), read_as);
        for other in [
            r#"["a",null]"#,
            "[]",
            "null",
            r#""a""#,
            r#"{"recipient":"a","recipient":"b"}"#,
            r#"{"recipient":["a"]}"#,
        ] {
            assert_eq!(read(other), None, "{other}");
        }
        let why = serde_json::from_str::<Object<Posted>>("[]").err();
        assert!(why.is_some_and(|why| why.to_string().contains("expected an object")));
    }
}
