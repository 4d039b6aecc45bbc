//! Reads nouns straight from the SDK's attributes.
//!
//! Every read of the API comes through here, and a crate that does it in general first copies the whole item into a type of its own.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{
    de::{
        DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor,
        value::{Error, MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};

pub(crate) fn read<T: DeserializeOwned>(
    attributes: HashMap<String, AttributeValue>,
) -> Result<T, Error> {
    T::deserialize(Attribute(AttributeValue::M(attributes)))
}

struct Attribute(AttributeValue);

impl<'de> Deserializer<'de> for Attribute {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            AttributeValue::S(text) => visitor.visit_string(text),
            AttributeValue::N(digits) => number(&digits, visitor),
            AttributeValue::Bool(value) => visitor.visit_bool(value),
            AttributeValue::Null(_) => visitor.visit_unit(),
            AttributeValue::M(entries) => {
                let entries = entries.into_iter().map(|(name, value)| (name, Self(value)));
                let mut map = MapDeserializer::new(entries);
                let read = visitor.visit_map(&mut map)?;
                map.end()?;
                Ok(read)
            }
            AttributeValue::L(values) => {
                let mut list = SeqDeserializer::new(values.into_iter().map(Self));
                let read = visitor.visit_seq(&mut list)?;
                list.end()?;
                Ok(read)
            }
            _ => Err(Error::custom(
                "an attribute has a type that nothing here has",
            )),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            AttributeValue::Null(_) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            AttributeValue::S(variant) => variant
                .into_deserializer()
                .deserialize_enum(name, variants, visitor),
            _ => Err(Error::custom("a word was expected")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

impl<'de> IntoDeserializer<'de> for Attribute {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// All numbers of ours are whole.
fn number<'de, V: Visitor<'de>>(digits: &str, visitor: V) -> Result<V::Value, Error> {
    if let Ok(value) = digits.parse() {
        return visitor.visit_u64(value);
    }
    match digits.parse() {
        Ok(value) => visitor.visit_i64(value),
        Err(_) => Err(Error::custom("a number is not whole")),
    }
}
