//! The rules of a device that follow from its product's topic classes.
//!
//! Order matters: a class that is published only is first closed to hearing, so that a wider class does not bring a device its own messages; then come
//! what is allowed; then a class that is heard only is closed to publishing, but for what another class opened. Bounds: two rules a class, so 100.

use crate::contract::{Actions, Rule};
use crate::names::Names;
use crate::product_document::{Class, Permission, ProductDocument};
use crate::rule::{HEAR, Origin, allow, wrong_direction};

/// Bytes of a rule's name: the contract's limit.
const NAME_MAX: usize = 128;

/// What a product has that no document describes: the classes that the vendor makes with it.
const DEFAULT: [(&str, Permission); 3] = [
    ("user/update", Permission::Publish),
    ("user/update/error", Permission::Publish),
    ("user/get", Permission::Subscribe),
];

/// The rules of one device; `product`: its product's document.
pub fn rules(product: Option<&ProductDocument>, names: &Names) -> Vec<Rule> {
    match product {
        Some(product) => rules_of(&product.classes, &format!("{}#", product.file), names),
        None => rules_of(&default_classes(), "system:", names),
    }
}

fn default_classes() -> Vec<Class> {
    let classes = DEFAULT.map(|(topic, permission)| Class {
        topic: topic.to_owned(),
        permission,
        line: 0,
    });
    classes.to_vec()
}

fn rules_of(classes: &[Class], origin: &str, names: &Names) -> Vec<Rule> {
    let made = |permission: Permission, actions: Actions, make: Make| {
        let of_it = classes
            .iter()
            .filter(move |class| class.permission == permission);
        of_it.map(move |class| rule(class, origin, names, actions, make))
    };
    made(Permission::Publish, HEAR, wrong_direction)
        .chain(made(Permission::Publish, Actions::PUBLISH, allow))
        .chain(made(Permission::Subscribe, HEAR, allow))
        .chain(made(Permission::All, Actions::PUBLISH | HEAR, allow))
        .chain(made(
            Permission::Subscribe,
            Actions::PUBLISH,
            wrong_direction,
        ))
        .collect()
}

type Make = fn(Actions, String, Origin) -> Rule;

fn rule(class: &Class, origin: &str, names: &Names, actions: Actions, make: Make) -> Rule {
    let pattern = format!(
        "/{}/{}/{}",
        names.product_key, names.device_name, class.topic
    );
    let name: String = format!("{origin}{}", class.topic);
    let name = name.get(..NAME_MAX).unwrap_or(&name);
    make(
        actions,
        pattern,
        Origin {
            name,
            line: class.line,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product_document;
    use crate::sample::document;

    const NAMES: Names<'_> = Names {
        product_key: "a1",
        device_name: "d",
    };

    #[test]
    fn a_rule_says_where_it_is_written() {
        let text = "{\"product_key\":\"a1\",\"topics\":[\n{\"topic\":\"user/up\",\"permission\":\"PUB\"}]}";
        let product = product_document::read(&document("product_a.json", text)).unwrap();
        let rules = rules(Some(&product), &NAMES);
        assert_eq!(rules.len(), 2);
        for rule in &rules {
            assert_eq!(
                (rule.name.as_str(), rule.line),
                ("product_a.json#user/up", 2)
            );
            assert_eq!(rule.pattern, "/a1/d/user/up");
        }
        assert_eq!((rules[0].code, rules[1].code), (401, 0));
    }

    #[test]
    fn names_of_rules_keep_within_the_contract() {
        let class = Class {
            topic: format!("user/{}", "x".repeat(105)),
            permission: Permission::All,
            line: 1,
        };
        let file = format!("product_{}.json#", "y".repeat(51));
        let rules = rules_of(&[class], &file, &NAMES);
        assert_eq!(rules[0].name.len(), NAME_MAX);
    }

    #[test]
    fn a_product_without_a_document_has_the_vendors_classes() {
        let rules = rules(None, &NAMES);
        assert_eq!(rules.len(), 6);
        assert!(
            rules
                .iter()
                .all(|rule| rule.line == 0 && rule.name.starts_with("system:user/"))
        );
    }
}
