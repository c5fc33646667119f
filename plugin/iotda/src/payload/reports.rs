//! Property reports, gateways' reports and events: lists of services with their data and its time.

use super::Checker;
use super::event_time::{self, Gap};
use super::fields::is_nobody;
use super::findings::Found;
use super::place::Place;
use crate::json::{Kind, Text, Value};
use crate::model::Model;

/// Sub-devices in one report of a gateway (vendor).
const DEVICES_MAX: usize = 100;
/// Services whose id starts so are the platform's own, such as `$ota` and `$time_sync`: no model has them.
const RESERVED: char = '$';

/// What a list of services holds.
#[derive(Clone, Copy, PartialEq)]
enum Listed {
    /// New data, with its time.
    Reported,
    /// The answer to a question, which may be for one property of many.
    Answered,
    Events,
}

impl Checker<'_> {
    /// `{"services":[{"service_id","properties","event_time"}]}`
    pub(super) fn property_report(&mut self, root: Value) {
        self.root_services(root, Listed::Reported);
    }

    /// `{"services":[{"service_id","event_type","event_time","event_id","paras"}]}`
    pub(super) fn events(&mut self, root: Value) {
        self.root_services(root, Listed::Events);
    }

    /// `{"services":[{"service_id","properties"}]}`
    pub(super) fn get_answer(&mut self, root: Value) {
        self.root_services(root, Listed::Answered);
    }

    /// `{"devices":[{"device_id","services":[…]}]}`
    pub(super) fn gateway_report(&mut self, root: Value) {
        let place = Place::Root;
        let names = ["devices", "object_device_id"];
        let [devices, owner] = self.findings.members(root, &place, names).present();
        self.model_of(owner);
        let place = place.member("devices");
        let mut count = 0;
        for device in self.items(devices, &place) {
            self.device(device, &place.item(count));
            count += 1;
        }
        if count > DEVICES_MAX {
            self.findings.mismatch_at(|| {
                format!("`devices` has {count} entries, over {DEVICES_MAX}: send several reports")
            });
        }
    }

    fn device(&mut self, device: Value, place: &Place) {
        let names = ["device_id", "services", "object_device_id"];
        let [id, services, owner] = self.object(device, place, names).present();
        self.model_of(owner);
        if is_nobody(id) {
            self.misses(&place.member("device_id"), "the id of a sub-device");
        }
        let model = self.model_of(id);
        self.services(services, place, Listed::Reported, model);
    }

    fn root_services(&mut self, root: Value, listed: Listed) {
        let place = Place::Root;
        let names = ["services", "object_device_id"];
        let [services, owner] = self.findings.members(root, &place, names).present();
        let model = self.model_of(owner);
        self.services(services, &place, listed, model);
    }

    fn services(
        &mut self,
        services: Option<Value>,
        place: &Place,
        listed: Listed,
        model: Option<&Model>,
    ) {
        let place = place.member("services");
        for (number, service) in self.items(services, &place).enumerate() {
            let place = place.item(number);
            match listed {
                Listed::Events => self.event(service, &place, model),
                Listed::Reported | Listed::Answered => {
                    self.properties(service, &place, listed, model);
                }
            }
        }
    }

    fn properties(&mut self, service: Value, place: &Place, listed: Listed, model: Option<&Model>) {
        let found = self.object(service, place, ["service_id", "properties", "event_time"]);
        let [id, properties, _] = found.present();
        let [.., time] = found.members;
        if listed == Listed::Reported {
            self.time(time, found.end);
        }
        let id = self.name(id, &place.member("service_id"));
        let place = place.member("properties");
        let properties = self.structure(properties, &place);
        let (Some(id), Some(properties), Some(model)) = (id, properties, model) else {
            return;
        };
        match model.service(&id.decoded()) {
            Some(service) => {
                let fields = &service.properties;
                self.fields(Some(properties), fields, listed == Listed::Reported, &place);
            }
            None => self.unknown(&place, "service", id),
        }
    }

    fn event(&mut self, event: Value, place: &Place, model: Option<&Model>) {
        let names = [
            "service_id",
            "event_type",
            "event_id",
            "paras",
            "event_time",
        ];
        let found = self.object(event, place, names);
        let [id, kind, event_id, paras, _] = found.present();
        let [.., time] = found.members;
        self.time(time, found.end);
        let id = self.name(id, &place.member("service_id"));
        if id.is_some_and(|id| id.decoded().starts_with(RESERVED)) {
            return;
        }
        let kind = self.name(kind, &place.member("event_type"));
        if event_id.is_some() {
            self.name(event_id, &place.member("event_id"));
        }
        let place = place.member("paras");
        let paras = paras.and_then(|paras| self.structure(Some(paras), &place));
        let (Some(id), Some(kind), Some(model)) = (id, kind, model) else {
            return;
        };
        let Some(service) = model.service(&id.decoded()) else {
            return self.unknown(&place, "service", id);
        };
        match service.events.get(kind.decoded().as_ref()) {
            Some(fields) => self.fields(paras, fields, true, &place),
            None => self.unknown(&place, "event", kind),
        }
    }

    fn time(&mut self, time: Option<Value>, end: Option<usize>) {
        let is_time = |text: Text| event_time::is_accepted(&text.decoded());
        match (time, end) {
            (Some(time), _) if time.text().is_some_and(is_time) => {}
            (Some(time), _) => self.findings.lacks_time(Gap::instead_of(time)),
            (None, Some(end)) => self.findings.lacks_time(Gap::after(end)),
            (None, None) => {}
        }
    }

    fn object<'t, const N: usize>(
        &mut self,
        value: Value<'t>,
        place: &Place,
        names: [&'static str; N],
    ) -> Found<'t, N> {
        let _told = self.structure(Some(value), place);
        self.findings.members(value, place, names)
    }

    fn items<'t>(
        &mut self,
        value: Option<Value<'t>>,
        place: &Place,
    ) -> impl Iterator<Item = Value<'t>> + use<'t> {
        let array = value.filter(|value| value.kind() == Kind::Array);
        if array.is_none() {
            self.misses(place, "an array");
        }
        array.into_iter().flat_map(|array| array.items())
    }
}
