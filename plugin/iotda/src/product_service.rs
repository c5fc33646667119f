//! The services of a product model as they are written: properties, commands and events in the vendor's fields.
//!
//! Unknown fields and unknown names of types are refused by the JSON reader, with their line; `product_check` judges the rest. A list that is
//! `null`, as in what the vendor's console exports, is an empty one.

use serde::{Deserialize, Deserializer};

/// A service of a product.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    #[serde(rename = "service_id")]
    pub(crate) id: String,
    #[serde(rename = "service_type")]
    pub(crate) kind: Option<String>,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(default, rename = "option")]
    _option: Option<Presence>,
    #[serde(default, deserialize_with = "null_or")]
    pub(crate) properties: Vec<Property>,
    #[serde(default, deserialize_with = "null_or")]
    pub(crate) commands: Vec<Command>,
    #[serde(default, deserialize_with = "null_or")]
    pub(crate) events: Vec<Event>,
}

#[derive(Deserialize)]
enum Presence {
    Master,
    Mandatory,
    Optional,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Property {
    #[serde(rename = "property_name")]
    pub(crate) name: String,
    #[serde(default, rename = "method")]
    _method: Option<Method>,
    #[serde(default, rename = "default_value")]
    _default_value: Option<serde_json::Value>,
    pub(crate) data_type: DataType,
    pub(crate) min: Option<String>,
    pub(crate) max: Option<String>,
    pub(crate) max_length: Option<u32>,
    pub(crate) step: Option<f64>,
    pub(crate) unit: Option<String>,
    #[serde(default, deserialize_with = "null_or")]
    pub(crate) enum_list: Vec<String>,
    #[serde(default, deserialize_with = "null_or")]
    pub(crate) required: bool,
    #[serde(default, rename = "description")]
    _description: Option<String>,
}

#[derive(Deserialize)]
enum Method {
    #[serde(rename = "R", alias = "RW", alias = "RE", alias = "RWE")]
    Readable,
    #[serde(rename = "W", alias = "WE", alias = "E")]
    NotReadable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Command {
    #[serde(rename = "command_name")]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "null_or")]
    pub(crate) paras: Vec<Parameter>,
    #[serde(default, deserialize_with = "null_or")]
    pub(crate) responses: Vec<Response>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Response {
    #[serde(rename = "response_name")]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "null_or")]
    pub(crate) paras: Vec<Parameter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Event {
    #[serde(rename = "event_type")]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "null_or")]
    pub(crate) paras: Vec<Parameter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameter {
    #[serde(rename = "para_name")]
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) min: Option<String>,
    pub(crate) max: Option<String>,
    pub(crate) max_length: Option<u32>,
    pub(crate) step: Option<f64>,
    pub(crate) unit: Option<String>,
    #[serde(default, deserialize_with = "null_or")]
    pub(crate) enum_list: Vec<String>,
    #[serde(default, deserialize_with = "null_or")]
    pub(crate) required: bool,
    #[serde(default, rename = "description")]
    _description: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
pub(crate) enum DataType {
    #[serde(rename = "int")]
    Int,
    #[serde(rename = "long")]
    Long,
    #[serde(rename = "decimal")]
    Decimal,
    #[serde(rename = "string")]
    String,
    DateTime,
    #[serde(rename = "jsonObject")]
    JsonObject,
    #[serde(rename = "enum")]
    Enum,
    #[serde(rename = "boolean")]
    Boolean,
    #[serde(rename = "string list")]
    StringList,
}

/// What a property and a parameter have in common.
#[derive(Clone, Copy)]
pub(crate) struct Constraints<'v> {
    pub(crate) name: &'v str,
    pub(crate) data_type: DataType,
    pub(crate) min: Option<&'v str>,
    pub(crate) max: Option<&'v str>,
    pub(crate) max_length: Option<u32>,
    pub(crate) step: Option<f64>,
    pub(crate) unit: Option<&'v str>,
    pub(crate) enum_list: &'v [String],
    pub(crate) required: bool,
}

impl Property {
    pub(crate) fn constraints(&self) -> Constraints<'_> {
        Constraints {
            name: &self.name,
            data_type: self.data_type,
            min: self.min.as_deref(),
            max: self.max.as_deref(),
            max_length: self.max_length,
            step: self.step,
            unit: self.unit.as_deref(),
            enum_list: &self.enum_list,
            required: self.required,
        }
    }
}

impl Parameter {
    pub(crate) fn constraints(&self) -> Constraints<'_> {
        Constraints {
            name: &self.name,
            data_type: self.data_type,
            min: self.min.as_deref(),
            max: self.max.as_deref(),
            max_length: self.max_length,
            step: self.step,
            unit: self.unit.as_deref(),
            enum_list: &self.enum_list,
            required: self.required,
        }
    }
}

fn null_or<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}
