//! A product's model as `inspect` needs it: prepared once per generation, looked up by name, bounds as numbers.
//!
//! What the model does not say is not checked. `step`, `unit`, `method`, `option` and `default_value` describe a value to people and applications
//! and forbid a device nothing; `max_length` 0 is how the vendor's console writes «none».

use crate::product_service::{Constraints, DataType, Response, Service};
use std::collections::BTreeMap;

/// How strictly the payloads of a product's devices are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// What does not match is denied.
    Strict,
    /// What does not match passes, and the operator is told.
    Lenient,
}

/// What the payloads of a product's devices are checked against.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// How strictly.
    pub check: Check,
    services: BTreeMap<String, ServiceModel>,
    /// By name; none where commands share a name but not its parameters, since an answer does not say which command it is for.
    responses: BTreeMap<String, Option<Fields>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServiceModel {
    pub(crate) properties: Fields,
    pub(crate) events: BTreeMap<String, Fields>,
}

/// The properties of a service, or the parameters of an event or a response: sorted by name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fields(Vec<Field>);

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) form: Form,
}

/// What a value may be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    /// `int`, `long`
    Whole {
        data_type: &'static str,
        min: i64,
        max: i64,
    },
    Decimal {
        min: f64,
        max: f64,
    },
    Text {
        length_max: Option<usize>,
    },
    DateTime {
        length_max: Option<usize>,
    },
    TextList {
        length_max: Option<usize>,
    },
    Enum(Vec<String>),
    Boolean,
    /// The vendor passes it through without a look.
    Json,
}

/// How the model knows the answer to a command.
pub(crate) enum Known<'m> {
    As(&'m Fields),
    /// Nothing can be said: the model has no responses, or several of this name.
    Unsaid,
    Not,
}

impl Model {
    pub(crate) fn prepare(check: Check, services: &[Service]) -> Self {
        let mut responses = BTreeMap::new();
        let all = services.iter().flat_map(|service| &service.commands);
        for response in all.flat_map(|command| &command.responses) {
            add_response(&mut responses, response);
        }
        let prepared = |service: &Service| (service.id.clone(), ServiceModel::prepare(service));
        Self {
            check,
            services: services.iter().map(prepared).collect(),
            responses,
        }
    }

    /// A document without services is there for its topics: nothing is said of data.
    pub(crate) fn says_nothing(&self) -> bool {
        self.services.is_empty()
    }

    pub(crate) fn service(&self, id: &str) -> Option<&ServiceModel> {
        self.services.get(id)
    }

    pub(crate) fn response(&self, name: &str) -> Known<'_> {
        match self.responses.get(name) {
            Some(Some(fields)) => Known::As(fields),
            None if !self.responses.is_empty() => Known::Not,
            Some(None) | None => Known::Unsaid,
        }
    }
}

fn add_response(responses: &mut BTreeMap<String, Option<Fields>>, response: &Response) {
    let fields = Fields::prepare(response.paras.iter().map(|entry| entry.constraints()));
    let known = responses
        .entry(response.name.clone())
        .or_insert_with(|| Some(fields.clone()));
    if known.as_ref() != Some(&fields) {
        *known = None;
    }
}

impl ServiceModel {
    fn prepare(service: &Service) -> Self {
        let properties = service.properties.iter().map(|entry| entry.constraints());
        let events = service.events.iter().map(|event| {
            let paras = event.paras.iter().map(|entry| entry.constraints());
            (event.name.clone(), Fields::prepare(paras))
        });
        Self {
            properties: Fields::prepare(properties),
            events: events.collect(),
        }
    }
}

impl Fields {
    fn prepare<'v>(written: impl Iterator<Item = Constraints<'v>>) -> Self {
        let mut fields: Vec<Field> = written.map(Field::prepare).collect();
        fields.sort_by(|one, other| one.name.cmp(&other.name));
        Self(fields)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// A field with its number.
    pub(crate) fn find(&self, name: &str) -> Option<(usize, &Field)> {
        let by_name = |field: &Field| field.name.as_str().cmp(name);
        let number = self.0.binary_search_by(by_name).ok()?;
        Some((number, self.0.get(number)?))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Field> {
        self.0.iter()
    }
}

impl Field {
    fn prepare(written: Constraints) -> Self {
        Self {
            name: written.name.to_owned(),
            required: written.required,
            form: Form::prepare(written),
        }
    }
}

impl Form {
    fn prepare(written: Constraints) -> Self {
        let length_max = written
            .max_length
            .filter(|length| *length > 0)
            .and_then(|length| usize::try_from(length).ok());
        let whole = |data_type, least, most| Self::Whole {
            data_type,
            min: whole_bound(written.min, f64::ceil).unwrap_or(least),
            max: whole_bound(written.max, f64::floor).unwrap_or(most),
        };
        match written.data_type {
            DataType::Int => whole("int", i64::from(i32::MIN), i64::from(i32::MAX)),
            DataType::Long => whole("long", i64::MIN, i64::MAX),
            DataType::Decimal => Self::Decimal {
                min: bound(written.min).unwrap_or(f64::NEG_INFINITY),
                max: bound(written.max).unwrap_or(f64::INFINITY),
            },
            DataType::String => Self::Text { length_max },
            DataType::DateTime => Self::DateTime { length_max },
            DataType::StringList => Self::TextList { length_max },
            DataType::Enum => Self::Enum(written.enum_list.to_vec()),
            DataType::Boolean => Self::Boolean,
            DataType::JsonObject => Self::Json,
        }
    }
}

fn bound(text: Option<&str>) -> Option<f64> {
    text?.parse().ok()
}

/// Bounds have 16 characters at most, so only a whole one (exact as it is read) can be beyond what a float holds exactly.
fn whole_bound(text: Option<&str>, inwards: fn(f64) -> f64) -> Option<i64> {
    let exact = text?.parse().ok();
    exact.or_else(|| {
        let rounded = inwards(bound(text)?);
        // Saturates: a bound beyond 64 bits bounds nothing.
        #[allow(clippy::cast_possible_truncation)]
        let whole = rounded as i64;
        Some(whole)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(services: &str) -> Model {
        let services: Vec<Service> = serde_json::from_str(services).unwrap();
        Model::prepare(Check::Strict, &services)
    }

    fn form(property: &str) -> Form {
        let text =
            format!(r#"[{{"service_id":"s","properties":[{{"property_name":"p",{property}}}]}}]"#);
        let model = model(&text);
        let (_, field) = model.service("s").unwrap().properties.find("p").unwrap();
        field.form.clone()
    }

    #[test]
    fn bounds_are_exact_and_point_inwards() {
        for (written, min, max) in [
            (
                r#""data_type":"int""#,
                i64::from(i32::MIN),
                i64::from(i32::MAX),
            ),
            (
                r#""data_type":"int","min":"0","max":"4294967295""#,
                0,
                4_294_967_295,
            ),
            (r#""data_type":"int","min":"-0.5","max":"10.9""#, 0, 10),
            (r#""data_type":"long""#, i64::MIN, i64::MAX),
            (
                r#""data_type":"long","min":"-1e30","max":"9007199254740993""#,
                i64::MIN,
                9_007_199_254_740_993,
            ),
        ] {
            let Form::Whole {
                min: least,
                max: most,
                ..
            } = form(written)
            else {
                panic!("{written}")
            };
            assert_eq!((least, most), (min, max), "{written}");
        }
    }

    #[test]
    fn a_length_of_zero_is_none() {
        let text = |length_max| Form::Text { length_max };
        assert_eq!(form(r#""data_type":"string","max_length":0"#), text(None));
        assert_eq!(
            form(r#""data_type":"string","max_length":8"#),
            text(Some(8))
        );
        assert_eq!(
            form(r#""data_type":"string","enum_list":null,"min":"0","max":"65535""#),
            text(None)
        );
    }

    #[test]
    fn an_answer_is_known_by_its_name_alone() {
        let command = |name: &str, response: &str, kind: &str| {
            format!(
                r#"{{"command_name":"{name}","responses":[{{"response_name":"{response}","paras":[{{"para_name":"p","data_type":"{kind}"}}]}}]}}"#
            )
        };
        let commands = [
            command("a", "same", "int"),
            command("b", "same", "int"),
            command("c", "other", "int"),
            command("d", "other", "string"),
        ];
        let model_of = |commands: &str| {
            model(&format!(
                r#"[{{"service_id":"s","commands":[{commands}]}}]"#
            ))
        };
        let several = model_of(&commands.join(","));
        assert!(matches!(several.response("same"), Known::As(_)));
        assert!(matches!(several.response("other"), Known::Unsaid));
        assert!(matches!(several.response("third"), Known::Not));
        assert!(matches!(model_of("").response("third"), Known::Unsaid));
    }
}
