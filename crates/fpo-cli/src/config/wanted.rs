//! What a field of a configuration wants: asked of its derived `Deserialize`, so that it is written
//! down once. Values that mean what is wanted in another spelling are brought into that form.

use serde::de::value::{Error, StrDeserializer};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::de::{Error as _, IntoDeserializer};
use toml::{Table, Value};

use crate::config::field_names::field_names;

/// How a file or an override says that an optional field is not set.
pub(crate) const NONE: &str = "none";
/// 2^63, the first number above the whole numbers that TOML holds.
const WHOLE_END: f64 = 9_223_372_036_854_775_808.0;

/// What a field wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Whether it may be left unset.
    pub optional: bool,
    /// Whether it is a whole number, or a list of them.
    pub whole: bool,
    /// Whether it is any other number.
    pub number: bool,
}

/// Returns what the field `name` of `T`, a struct with derived `Deserialize`, wants.
pub(crate) fn wanted<'de, T: Deserialize<'de>>(name: &'static str) -> Wanted {
    let mut wanted = Wanted::default();
    // The result is an error, because the probe notes what is asked of it and makes no value.
    let _ = T::deserialize(OneField { name: Some(name), wanted: &mut wanted });
    wanted
}

/// Brings the values in `table` into the form that the fields of `T` want: [`NONE`] leaves an
/// optional field unset, and `1e6` is a whole number.
pub(crate) fn settle<'de, T: Deserialize<'de>>(table: &mut Table) {
    for name in field_names::<T>() {
        let Some(value) = table.get_mut(*name) else { continue };
        let wanted = wanted::<T>(name);
        if wanted.optional && value.as_str() == Some(NONE) {
            table.remove(*name);
        } else if wanted.whole {
            make_whole(value);
        }
    }
}

fn make_whole(value: &mut Value) {
    match value {
        Value::Float(x) if x.fract() == 0.0 && x.abs() < WHOLE_END => {
            *value = Value::Integer(*x as i64);
        }
        Value::Array(list) => list.iter_mut().for_each(make_whole),
        _ => {}
    }
}

/// Returns what is wrong with `value` and what would be right, where a number is wanted and `value`
/// was probably meant to be one, but is not a number or is too large.
pub(crate) fn misspelt_number(wanted: Wanted, value: &Value) -> Option<String> {
    let too_large =
        |found: &str| format!("found {found}, expected a whole number from 0 to {}", i64::MAX);
    let text = match value {
        Value::Float(x) if wanted.whole && x.abs() >= WHOLE_END && x.is_finite() => {
            return Some(too_large(&format!("{x:e}")));
        }
        Value::String(text) if wanted.whole || wanted.number => text.trim(),
        _ => return None,
    };
    let number: f64 = text.replace(['_', ','], "").parse().ok()?;
    if text.contains(',') {
        return Some(format!("found {text}, expected a number without commas"));
    }
    if wanted.whole && number.abs() >= WHOLE_END {
        return Some(too_large(text));
    }
    Some(format!("found the text \"{text}\", expected a number without quotes: {text}"))
}

/// A map with one field, whose value notes what is asked of it.
struct OneField<'a> {
    name: Option<&'static str>,
    wanted: &'a mut Wanted,
}

impl<'de> Deserializer<'de> for OneField<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

impl<'de> MapAccess<'de> for OneField<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let key: Option<StrDeserializer<Error>> =
            self.name.take().map(IntoDeserializer::into_deserializer);
        key.map(|key| seed.deserialize(key)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Probe { wanted: self.wanted })
    }
}

/// A value that notes what is asked of it, and then fails.
struct Probe<'a> {
    wanted: &'a mut Wanted,
}

/// Writes the methods of a probe that take note of a number.
macro_rules! noting {
    ($note:ident: $($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.wanted.$note = true;
            self.deserialize_any(visitor)
        })+
    };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Error> {
        Err(Error::custom("only what is wanted was asked"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.wanted.optional = true;
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self)
    }

    noting! { whole: deserialize_u64 deserialize_u32 deserialize_i64 deserialize_i32 }
    noting! { number: deserialize_f64 deserialize_f32 }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i128 u8 u16 u128 char str string bytes byte_buf unit unit_struct
        newtype_struct tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> SeqAccess<'de> for Probe<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        seed.deserialize(Probe { wanted: self.wanted }).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    #[serde(default)]
    #[derive(Default)]
    #[allow(dead_code)]
    struct Example {
        whole: usize,
        list: Vec<u64>,
        number: f64,
        optional: Option<f64>,
        steps: Option<usize>,
        name: String,
    }

    #[test]
    fn fields_tell_what_they_want() {
        let all = [
            ("whole", false, true, false),
            ("list", false, true, false),
            ("number", false, false, true),
            ("optional", true, false, true),
            ("steps", true, true, false),
            ("name", false, false, false),
        ];
        for (name, optional, whole, number) in all {
            assert_eq!(wanted::<Example>(name), Wanted { optional, whole, number }, "{name}");
        }
    }

    #[test]
    fn only_exact_whole_numbers_of_the_right_fields_are_made_whole() {
        let text = "whole = 1e6\nlist = [1e2, 3]\nnumber = 2.0\nsteps = 1.5\noptional = 'none'\n\
                    name = 'none'";
        let mut table: Table = toml::from_str(text).unwrap();
        settle::<Example>(&mut table);
        let expected = "whole = 1000000\nlist = [100, 3]\nnumber = 2.0\nsteps = 1.5\nname = 'none'";
        assert_eq!(table, toml::from_str(expected).unwrap());
        for x in [1e30, f64::INFINITY, f64::NAN, WHOLE_END] {
            let mut value = Value::Float(x);
            make_whole(&mut value);
            assert!(value.is_float());
        }
    }
}
