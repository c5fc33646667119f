//! The rules of an application: what the documents that are bound to it allow, and nothing else.
//!
//! A bound document that does not exist leaves nothing allowed: what was meant is not known.

use crate::application_document::{ApplicationDocument, Filter};
use crate::contract::{Actions, Rule};
use crate::rule::{HEAR, Origin, allow};

/// The rules of the bound documents; `None` for one that does not exist.
pub fn rules(bound: &[Option<&ApplicationDocument>]) -> Vec<Rule> {
    let known: Option<Vec<_>> = bound.iter().copied().collect();
    let known = known.unwrap_or_default();
    known.into_iter().flat_map(rules_of).collect()
}

fn rules_of(document: &ApplicationDocument) -> impl Iterator<Item = Rule> {
    let made = |field: &'static str, filters: &[Filter], actions: Actions| {
        let numbered = filters.iter().enumerate();
        let rule = |(index, filter): (usize, &Filter)| {
            let name = format!("{}#{field}/{index}", document.file);
            let line = filter.line;
            allow(actions, filter.text.clone(), Origin { name: &name, line })
        };
        numbered.map(rule).collect::<Vec<_>>()
    };
    let publish = made("publish", &document.publish, Actions::PUBLISH);
    let subscribe = made("subscribe", &document.subscribe, HEAR);
    publish.into_iter().chain(subscribe)
}

#[cfg(test)]
mod tests {
    use crate::application_document;
    use crate::sample::document;

    #[test]
    fn a_document_that_is_missing_leaves_nothing() {
        let text = "{\n\"publish\":[\"/a\"],\n\"subscribe\":[\"/b\"]}";
        let read = application_document::read(&document("application_a.json", text)).unwrap();
        let rules = |bound: &[_]| super::rules(bound).len();
        assert_eq!(
            (
                rules(&[Some(&read)]),
                rules(&[Some(&read), None]),
                rules(&[])
            ),
            (2, 0, 0)
        );
        let made = super::rules(&[Some(&read)]);
        let origins: Vec<_> = made
            .iter()
            .map(|rule| (rule.name.as_str(), rule.line))
            .collect();
        assert_eq!(
            origins,
            [
                ("application_a.json#publish/0", 2),
                ("application_a.json#subscribe/0", 3)
            ]
        );
    }
}
