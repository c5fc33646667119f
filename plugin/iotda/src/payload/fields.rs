//! The parts of which payloads are made: named values against the model, and members that have to be objects or texts.

use super::Checker;
use super::place::Place;
use super::values::{fault, written};
use crate::json::{Kind, Text, Value};
use crate::model::Fields;
use crate::refusal::shown;

impl Checker<'_> {
    /// Values by name. After the first mismatch nothing more would be told, so nothing more is looked at.
    pub(super) fn fields(
        &mut self,
        object: Option<Value>,
        fields: &Fields,
        is_complete: bool,
        place: &Place,
    ) {
        if !self.findings.is_clean() {
            return;
        }
        let mut seen = vec![false; fields.count()];
        for (name, value) in object.iter().flat_map(Value::members) {
            let decoded = name.decoded();
            let Some((number, field)) = fields.find(&decoded) else {
                return self.findings.mismatch_at(|| undeclared(place, name));
            };
            let place = place.member(&field.name);
            if seen.get(number) == Some(&true) {
                return self
                    .findings
                    .mismatch_at(|| format!("`{place}` is there twice: send it once"));
            }
            if let Some(fault) = fault(&field.form, value) {
                return self
                    .findings
                    .mismatch_at(|| format!("`{place}` is {}, {fault}", written(value)));
            }
            seen.get_mut(number)
                .into_iter()
                .for_each(|seen| *seen = true);
        }
        let missing = fields
            .iter()
            .zip(&seen)
            .find(|(field, seen)| field.required && !**seen);
        if let (true, Some((field, _))) = (is_complete, missing) {
            let place = place.member(&field.name);
            self.findings
                .mismatch_at(|| format!("`{place}` is missing, which the model requires: send it"));
        }
    }

    /// An object, or a finding.
    pub(super) fn structure<'t>(
        &mut self,
        value: Option<Value<'t>>,
        place: &Place,
    ) -> Option<Value<'t>> {
        let object = value.filter(|value| value.kind() == Kind::Object);
        if object.is_none() {
            self.misses(place, "an object");
        }
        object
    }

    /// A text, or a finding.
    pub(super) fn name<'t>(&mut self, value: Option<Value<'t>>, place: &Place) -> Option<Text<'t>> {
        let text = value.and_then(|value| value.text());
        if text.is_none() {
            self.misses(place, "a text");
        }
        text
    }

    pub(super) fn misses(&mut self, place: &Place, wanted: &str) {
        self.findings
            .misshapen(|| format!("`{place}` is missing or of another kind: send {wanted}"));
    }

    pub(super) fn unknown(&mut self, place: &Place, kind: &str, name: Text) {
        self.findings.mismatch_at(|| {
            let name = shown(&name.decoded());
            format!("`{place}` is of the {kind} {name}, which the model does not have: add it to the model, or do not send it")
        });
    }
}

/// An empty id is how some SDKs write none.
pub(super) fn is_nobody(id: Option<Value>) -> bool {
    id.is_none_or(|id| id.text().is_some_and(|text| text.is_empty()))
}

fn undeclared(place: &Place, name: Text) -> String {
    let name = shown(&name.decoded());
    format!(
        "`{place}` has {name}, which the model does not have there: add it to the model, or do not send it"
    )
}
