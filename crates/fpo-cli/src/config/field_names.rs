//! Asks a derived `Deserialize` for the names of its fields, so that they are written down once.

use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

/// Returns the names of the fields of `T`, a struct with derived `Deserialize`. The list is empty
/// for any other type.
pub(crate) fn field_names<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // The result is always an error, because `Recorder` notes the names and makes no value.
    let _ = T::deserialize(Recorder { names: &mut names });
    names
}

/// A deserialiser that notes the names of the fields it is asked for, and then fails.
struct Recorder<'a> {
    names: &'a mut &'static [&'static str],
}

impl<'de> Deserializer<'de> for Recorder<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        _visitor: V,
    ) -> Result<V::Value, Error> {
        *self.names = fields;
        Err(Error::custom("only the names were wanted"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("not a struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_struct_in_order() {
        #[derive(serde::Deserialize)]
        #[allow(dead_code)]
        struct Example {
            first: u8,
            #[serde(rename = "2nd")]
            second: Option<String>,
        }
        assert_eq!(field_names::<Example>(), ["first", "2nd"]);
        assert!(field_names::<u8>().is_empty());
    }
}
