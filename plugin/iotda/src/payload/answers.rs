//! Answers to commands and property settings, and questions for the shadow.

use super::Checker;
use super::place::Place;
use crate::json::{Value, Whole};
use crate::model::Known;

impl Checker<'_> {
    /// `{"result_code","response_name","paras"}`: all of them may be absent. What a command that failed adds to it is its own business.
    pub(super) fn command_answer(&mut self, root: Value) {
        let place = Place::Root;
        let names = ["result_code", "response_name", "paras", "object_device_id"];
        let [code, name, paras, owner] = self.findings.members(root, &place, names).present();
        let model = self.model_of(owner);
        let has_failed = self.result_code(code) != Some(0);
        let name = name.and_then(|name| self.name(Some(name), &place.member("response_name")));
        let place = place.member("paras");
        let paras = paras.and_then(|paras| self.structure(Some(paras), &place));
        let (false, Some(name), Some(model)) = (has_failed, name, model) else {
            return;
        };
        match model.response(&name.decoded()) {
            Known::As(fields) => self.fields(paras, fields, true, &place),
            Known::Unsaid => {}
            Known::Not => self.unknown(&place, "response", name),
        }
    }

    /// `{"result_code","result_desc"}`
    pub(super) fn set_answer(&mut self, root: Value) {
        let place = Place::Root;
        let names = ["result_code", "result_desc", "object_device_id"];
        let [code, text, owner] = self.findings.members(root, &place, names).present();
        self.model_of(owner);
        self.result_code(code);
        if text.is_some() {
            self.name(text, &place.member("result_desc"));
        }
    }

    /// `{"object_device_id","service_id"}`
    pub(super) fn shadow_question(&mut self, root: Value) {
        let place = Place::Root;
        let names = ["object_device_id", "service_id"];
        let [owner, service] = self.findings.members(root, &place, names).present();
        self.model_of(owner);
        if service.is_some() {
            self.name(service, &place.member("service_id"));
        }
    }

    /// Absent, it means success; none where it is no code.
    fn result_code(&mut self, code: Option<Value>) -> Option<i64> {
        let Some(code) = code else {
            return Some(0);
        };
        if let Some(Whole::Is(code)) = code.whole() {
            return Some(code);
        }
        self.misses(&Place::Root.member("result_code"), "a whole number");
        None
    }
}
