//! What a product model's services must keep to, beyond their form: the vendor's lengths, counts and ranges.

use crate::contract::{Document, Problem};
use crate::problem;
use crate::product_service::{Command, Constraints, DataType, Parameter, Service};
use std::collections::BTreeSet;

const ENTRIES_MAX: usize = 500;
const SERVICE_NAME_MAX: usize = 64;
const PROPERTY_NAME_MAX: usize = 64;
const COMMAND_NAME_MAX: usize = 64;
const EVENT_NAME_MAX: usize = 64;
const PARAMETER_NAME_MAX: usize = 32;
const RESPONSE_NAME_MAX: usize = 128;
/// Characters of `min`, `max` and `unit`.
const BOUND_MAX: usize = 16;

/// Checks the services; every problem is told at once.
pub(crate) fn check(document: &Document, services: &[Service], problems: &mut Vec<Problem>) {
    let mut checked = Check { document, problems };
    checked.names(
        "service",
        services.iter().map(|service| service.id.as_str()),
        SERVICE_NAME_MAX,
    );
    for service in services {
        checked.service(service);
    }
}

struct Check<'d> {
    document: &'d Document,
    problems: &'d mut Vec<Problem>,
}

impl Check<'_> {
    fn service(&mut self, service: &Service) {
        let Service {
            properties,
            commands,
            events,
            ..
        } = service;
        if let Some(kind) = service
            .kind
            .as_deref()
            .filter(|kind| kind.len() > SERVICE_NAME_MAX)
        {
            self.tell(
                kind,
                format!("the service type is longer than {SERVICE_NAME_MAX} bytes: shorten it"),
            );
        }
        self.names(
            "property",
            properties.iter().map(|entry| entry.name.as_str()),
            PROPERTY_NAME_MAX,
        );
        self.names(
            "command",
            commands.iter().map(|entry| entry.name.as_str()),
            COMMAND_NAME_MAX,
        );
        self.names(
            "event",
            events.iter().map(|entry| entry.name.as_str()),
            EVENT_NAME_MAX,
        );
        for property in properties {
            self.constraints(&property.constraints());
        }
        for command in commands {
            self.command(command);
        }
        for event in events {
            self.parameters(&event.paras);
        }
    }

    fn command(&mut self, command: &Command) {
        let names = command
            .responses
            .iter()
            .map(|response| response.name.as_str());
        self.names("response", names, RESPONSE_NAME_MAX);
        self.parameters(&command.paras);
        for response in &command.responses {
            self.parameters(&response.paras);
        }
    }

    fn parameters(&mut self, parameters: &[Parameter]) {
        self.names(
            "parameter",
            parameters.iter().map(|entry| entry.name.as_str()),
            PARAMETER_NAME_MAX,
        );
        for parameter in parameters {
            self.constraints(&parameter.constraints());
        }
    }

    /// Names of one list: how many, how long, each once.
    fn names<'v>(&mut self, kind: &str, names: impl Iterator<Item = &'v str>, length_max: usize) {
        let mut seen = BTreeSet::new();
        for name in names {
            if !is_name(name, length_max) {
                let shown = name.escape_debug();
                self.tell(name, format!("the {kind} name `{shown}` is not valid: use 1 to {length_max} characters without `.`, `$` and NUL"));
            }
            if !seen.insert(name) {
                self.tell(
                    name,
                    format!(
                        "the {kind} `{}` is there twice: rename one",
                        name.escape_debug()
                    ),
                );
            }
        }
        if seen.len() > ENTRIES_MAX {
            self.problems.push(problem::whole(
                self.document,
                format!(
                    "`{}` entries of the kind {kind} in one list: there may be {ENTRIES_MAX}",
                    seen.len()
                ),
            ));
        }
    }

    fn constraints(&mut self, value: &Constraints) {
        let name = value.name.escape_debug();
        for bound in [value.min, value.max, value.unit].into_iter().flatten() {
            if bound.chars().count() > BOUND_MAX {
                self.tell(bound, format!("`{name}` has a min, max or unit of more than {BOUND_MAX} characters: shorten it"));
            }
        }
        if !value.has_range() {
            self.tell(
                value.name,
                format!(
                    "`{name}` has a min and max that are no range: write numbers, min not above max"
                ),
            );
        }
        if value.step.is_some_and(|step| step < 0.0) {
            self.tell(
                value.name,
                format!("`{name}` has a negative step: write how far apart values are"),
            );
        }
        if value.data_type == DataType::Enum && value.enum_list.is_empty() {
            self.tell(
                value.name,
                format!("`{name}` is an enum without values: list them in `enum_list`"),
            );
        }
    }

    fn tell(&mut self, value: &str, message: String) {
        self.problems
            .push(problem::at(self.document, value, message));
    }
}

impl Constraints<'_> {
    /// Numbers need numeric bounds in order; what bounds mean for other types is the vendor's to say.
    fn has_range(&self) -> bool {
        if !matches!(
            self.data_type,
            DataType::Int | DataType::Long | DataType::Decimal
        ) {
            return true;
        }
        let number = |bound: Option<&str>, absent| {
            bound.map_or(Some(absent), |text| text.parse::<f64>().ok())
        };
        match (
            number(self.min, f64::NEG_INFINITY),
            number(self.max, f64::INFINITY),
        ) {
            (Some(min), Some(max)) => min <= max,
            _ => false,
        }
    }
}

fn is_name(name: &str, length_max: usize) -> bool {
    let length = name.chars().count();
    (1..=length_max).contains(&length) && !name.contains(['.', '$', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(services: &str) -> Vec<String> {
        let document = Document {
            name: "p.json".into(),
            text: services.into(),
        };
        let mut problems = Vec::new();
        match serde_json::from_str::<Vec<Service>>(services) {
            Ok(services) => check(&document, &services, &mut problems),
            Err(error) => problems.push(problem::unreadable(&document, "product model", &error)),
        }
        problems
            .into_iter()
            .map(|problem| problem.message)
            .collect()
    }

    fn with_property(property: &str) -> String {
        format!(r#"[{{"service_id":"Battery","properties":[{property}]}}]"#)
    }

    #[test]
    fn a_whole_service_is_read() {
        let service = r#"[{"service_id":"Battery","service_type":"Battery","option":"Optional","description":"",
            "properties":[{"property_name":"batteryLevel","data_type":"int","min":"0","max":"100","step":1,"unit":"%","method":"R","required":true},
                          {"property_name":"state","data_type":"enum","enum_list":["charging","idle"],"default_value":"idle","method":"RWE"},
                          {"property_name":"tags","data_type":"string list","max_length":64}],
            "commands":[{"command_name":"reboot","paras":[{"para_name":"delay","data_type":"decimal","min":"-0.5"}],
                         "responses":[{"response_name":"done","paras":[]}]}],
            "events":[{"event_type":"low","paras":[{"para_name":"at","data_type":"DateTime"}]}]}]"#;
        let problems = problems_of(service);
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn each_limit_is_named() {
        let long = format!(
            r#"{{"property_name":"{}","data_type":"int"}}"#,
            "p".repeat(65)
        );
        for (property, cause) in [
            (
                r#"{"property_name":"a.b","data_type":"int"}"#,
                "`a.b` is not valid",
            ),
            (&*long, "is not valid"),
            (
                r#"{"property_name":"a","data_type":"int"},{"property_name":"a","data_type":"int"}"#,
                "`a` is there twice",
            ),
            (
                r#"{"property_name":"a","data_type":"integer"}"#,
                "unknown variant `integer`",
            ),
            (
                r#"{"property_name":"a","data_type":"int","min":"5","max":"4"}"#,
                "are no range",
            ),
            (
                r#"{"property_name":"a","data_type":"int","min":"NaN"}"#,
                "are no range",
            ),
            (
                r#"{"property_name":"a","data_type":"long","max":"many"}"#,
                "are no range",
            ),
            (
                r#"{"property_name":"a","data_type":"int","unit":"12345678901234567"}"#,
                "more than 16 characters",
            ),
            (
                r#"{"property_name":"a","data_type":"int","step":-1}"#,
                "negative step",
            ),
            (
                r#"{"property_name":"a","data_type":"enum"}"#,
                "enum without values",
            ),
            (
                r#"{"property_name":"a","data_type":"int","method":"X"}"#,
                "unknown variant `X`",
            ),
            (
                r#"{"property_name":"a","data_type":"int","writable":true}"#,
                "unknown field `writable`",
            ),
        ] {
            let problems = problems_of(&with_property(property));
            assert!(
                problems.iter().any(|told| told.contains(cause)),
                "{cause}: {problems:?}"
            );
        }
    }

    #[test]
    fn names_of_services_commands_and_parameters_are_checked() {
        let parameter = "q".repeat(33);
        let services = format!(
            r#"[{{"service_id":"a"}},{{"service_id":"a"}},
                {{"service_id":"b","commands":[{{"command_name":"","paras":[{{"para_name":"{parameter}","data_type":"int"}}]}}]}}]"#
        );
        let problems = problems_of(&services);
        assert_eq!(problems.len(), 3, "{problems:?}");
    }
}
