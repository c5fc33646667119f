//! All rule documents of one generation, read once: device policies by name, product models by product id.
//!
//! A document is what its fields say it is, whatever its file is called. One bad document refuses the generation, and every problem of
//! every document is told at once.

use crate::contract::{Actions, Document, Problem, Rule};
use crate::model::Model;
use crate::policy_document::{self, PolicyDocument};
use crate::policy_rules::Bound;
use crate::problem;
use crate::product_document::{self, Operation, ProductDocument};
use crate::topics;
use std::collections::{BTreeMap, BTreeSet};

/// The vendor's policy that applies to every device while it is there; deleting it leaves only what other policies allow.
const DEFAULT_POLICY: &str = "system_default_policy";

/// The documents of a generation. Immutable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configuration {
    policies: BTreeMap<String, PolicyDocument>,
    products: BTreeMap<String, ProductDocument>,
}

impl Configuration {
    /// Reads all documents, or tells all problems.
    pub fn read(documents: &[Document]) -> Result<Self, Vec<Problem>> {
        let mut configuration = Self::default();
        let mut problems = Vec::new();
        for document in documents {
            if let Err(found) = configuration.add(document) {
                problems.extend(found);
            }
        }
        if problems.is_empty() {
            Ok(configuration)
        } else {
            Err(problems)
        }
    }

    /// The policies that govern a device: those that are bound, then the default one, while it is there. The verdict is the same in any order
    /// (DENY goes first over all documents); so what both allow is told by the rule that somebody bound.
    pub fn policies_of_device<'n>(&self, bound: impl Iterator<Item = &'n str>) -> Bound<'_> {
        let has_default = self.policies.contains_key(DEFAULT_POLICY);
        let default = has_default.then_some(DEFAULT_POLICY);
        self.policies(bound.chain(default))
    }

    /// The policies with these names, each once.
    pub fn policies<'n>(&self, names: impl Iterator<Item = &'n str>) -> Bound<'_> {
        let mut seen = BTreeSet::new();
        let mut bound = Bound {
            documents: Vec::new(),
            missing: None,
        };
        for name in names.filter(|name| seen.insert(*name)) {
            match self.policies.get(name) {
                Some(document) => bound.documents.push(document),
                None => bound.missing = Some(name.to_owned()),
            }
        }
        bound
    }

    /// What payloads of the product's devices are checked against; none where they are not.
    pub fn model(&self, product_id: &str) -> Option<&Model> {
        self.products.get(product_id)?.model.as_ref()
    }

    /// What the product lets its devices do with topics of its own.
    pub fn custom_topic_rules(
        &self,
        product_id: &str,
        device_id: &str,
    ) -> impl Iterator<Item = Rule> {
        let product = self.products.get(product_id);
        let topics = product.into_iter().flat_map(|product| {
            let topics = product.custom_topics.iter().enumerate();
            topics.map(move |(index, topic)| (format!("{}#{index}", product.file), topic))
        });
        topics.map(move |(name, topic)| Rule {
            line: topic.line,
            ..topics::custom_rule(device_id, &topic.name, actions(topic.operation), name)
        })
    }

    fn add(&mut self, document: &Document) -> Result<(), Vec<Problem>> {
        match kind(document)? {
            Kind::Policy => self.add_policy(document),
            Kind::Product => self.add_product(document),
        }
    }

    fn add_policy(&mut self, document: &Document) -> Result<(), Vec<Problem>> {
        let policy = policy_document::read(document)?;
        let name = policy.name.clone();
        let earlier = self.policies.insert(policy.name.clone(), policy);
        earlier.map_or(Ok(()), |earlier| Err(twice(document, &name, &earlier.file)))
    }

    fn add_product(&mut self, document: &Document) -> Result<(), Vec<Problem>> {
        let product = product_document::read(document)?;
        let id = product.product_id.clone();
        let earlier = self.products.insert(id.clone(), product);
        earlier.map_or(Ok(()), |_| {
            Err(twice(document, &id, "another product model"))
        })
    }
}

enum Kind {
    Policy,
    Product,
}

fn kind(document: &Document) -> Result<Kind, Vec<Problem>> {
    let value: serde_json::Value = serde_json::from_str(&document.text)
        .map_err(|error| vec![problem::unreadable(document, "JSON document", &error)])?;
    let has = |field| value.get(field).is_some();
    match () {
        () if has("policy_name") || has("statement") => Ok(Kind::Policy),
        () if has("product_id") || has("services") => Ok(Kind::Product),
        () => Err(vec![problem::whole(
            document,
            "this is neither a device policy (`policy_name`, `statement`) nor a product model (`product_id`, `services`): \
             complete it or move it out of this folder",
        )]),
    }
}

fn twice(document: &Document, name: &str, earlier: &str) -> Vec<Problem> {
    let message = format!("`{name}` is already in {earlier}: remove one of them");
    vec![problem::at(document, name, message)]
}

fn actions(operation: Operation) -> Actions {
    let subscribe = Actions::SUBSCRIBE | Actions::RECEIVE;
    match operation {
        Operation::Publish => Actions::PUBLISH,
        Operation::Subscribe => subscribe,
        Operation::All => Actions::PUBLISH | subscribe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str, text: &str) -> Document {
        Document {
            name: name.into(),
            text: text.into(),
        }
    }

    fn policy(name: &str) -> Document {
        let text = format!(
            r#"{{"policy_name":"{name}","statement":[{{"effect":"ALLOW","actions":["iotda:devices:publish"],"resources":["topic:*"]}}]}}"#
        );
        document(&format!("{name}.json"), &text)
    }

    fn product(file: &str, id: &str) -> Document {
        let text = format!(
            r#"{{"product_id":"{id}","services":[],"custom_topics":[{{"topic":"$oc/devices/{{device_id}}/user/a","operation":"subscribe"}}]}}"#
        );
        document(file, &text)
    }

    fn names(bound: &Bound) -> Vec<String> {
        bound
            .documents
            .iter()
            .map(|policy| policy.name.clone())
            .collect()
    }

    #[test]
    fn the_default_policy_is_every_devices_while_it_is_there() {
        let with = Configuration::read(&[policy("system_default_policy"), policy("p")]).unwrap();
        let without = Configuration::read(&[policy("p")]).unwrap();
        let bound = ["p", "p"];
        assert_eq!(
            names(&with.policies_of_device(bound.into_iter())),
            ["p", "system_default_policy"]
        );
        assert_eq!(names(&without.policies_of_device(bound.into_iter())), ["p"]);
        assert_eq!(names(&with.policies(bound.into_iter())), ["p"]);
    }

    #[test]
    fn a_bound_name_without_a_document_is_told() {
        let configuration = Configuration::read(&[policy("p")]).unwrap();
        let bound = configuration.policies(["p", "gone"].into_iter());
        assert_eq!(bound.missing.as_deref(), Some("gone"));
    }

    #[test]
    fn custom_topics_are_their_products() {
        let configuration = Configuration::read(&[product("a.json", "demo")]).unwrap();
        let rules: Vec<_> = configuration.custom_topic_rules("demo", "d1").collect();
        assert_eq!(rules.len(), 1);
        assert_eq!(rules[0].pattern, "$oc/devices/d1/user/a");
        assert_eq!(rules[0].actions, Actions::SUBSCRIBE | Actions::RECEIVE);
        assert_eq!((rules[0].name.as_str(), rules[0].line), ("a.json#0", 1));
        assert_eq!(configuration.custom_topic_rules("other", "d1").count(), 0);
    }

    #[test]
    fn every_problem_of_every_document_is_told() {
        let problems = Configuration::read(&[
            policy("p"),
            document("a.json", "{"),
            document("b.json", "{\"rules\":[]}"),
            document("c.json", "[]"),
            document("d.json", "{\"policy_name\":\"d\",\"statement\":[]}"),
            product("e.json", "demo"),
            product("f.json", "demo"),
        ])
        .unwrap_err();
        let told: Vec<_> = problems
            .iter()
            .map(|problem| problem.document.as_str())
            .collect();
        assert_eq!(told, ["a.json", "b.json", "c.json", "d.json", "f.json"]);
        assert_eq!(problems[0].line, Some(1));
    }

    #[test]
    fn no_documents_are_no_problem_and_allow_nothing() {
        let configuration = Configuration::read(&[]).unwrap();
        let bound = configuration.policies_of_device(std::iter::empty());
        assert_eq!((bound.documents.len(), bound.missing), (0, None));
    }
}
