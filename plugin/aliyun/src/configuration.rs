//! All rule documents of one generation, read once: products by product key, applications' documents by the file's name without `.json`.
//!
//! What a document is, its file's name says: `product_….json` or `application_….json`. One bad document refuses the generation, and every problem of
//! every document is told at once. A name has at most 64 bytes: with a topic it becomes the name of a rule.

use crate::application_document::{self, ApplicationDocument};
use crate::contract::{Document, Problem};
use crate::problem;
use crate::product_document::{self, ProductDocument};
use std::collections::BTreeMap;

const FILE_NAME_MAX: usize = 64;

/// The documents of a generation. Immutable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Configuration {
    products: BTreeMap<String, ProductDocument>,
    applications: BTreeMap<String, ApplicationDocument>,
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

    /// The product's own topics; none where no document has them.
    pub fn product(&self, product_key: &str) -> Option<&ProductDocument> {
        self.products.get(product_key)
    }

    /// The document that is bound by this name.
    pub fn application(&self, name: &str) -> Option<&ApplicationDocument> {
        self.applications.get(name)
    }

    fn add(&mut self, document: &Document) -> Result<(), Vec<Problem>> {
        let name = &document.name;
        let stem = name.strip_suffix(".json").unwrap_or(name);
        if name.len() > FILE_NAME_MAX {
            let message = format!("the file's name has over {FILE_NAME_MAX} bytes: rename it");
            return Err(vec![problem::whole(document, message)]);
        }
        if stem.starts_with("product_") {
            return self.add_product(document);
        }
        if stem.starts_with("application_") {
            let read = application_document::read(document)?;
            self.applications.insert(stem.to_owned(), read);
            return Ok(());
        }
        let message = format!(
            "`{}` is neither a product's document nor an application's: name it `product_….json` or `application_….json`, or move it out of this folder",
            name.escape_debug()
        );
        Err(vec![problem::whole(document, message)])
    }

    fn add_product(&mut self, document: &Document) -> Result<(), Vec<Problem>> {
        let product = product_document::read(document)?;
        let key = product.product_key.clone();
        match self.products.insert(key.clone(), product) {
            None => Ok(()),
            Some(earlier) => {
                let message = format!(
                    "the product `{key}` is already in {}: remove one of them",
                    earlier.file
                );
                Err(vec![problem::whole(document, message)])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::document;

    const PRODUCT: &str = "{\"product_key\":\"a1\",\"topics\":[]}";
    const APPLICATION: &str = "{\"publish\":[],\"subscribe\":[]}";

    #[test]
    fn documents_are_found_by_what_binds_them() {
        let read = Configuration::read(&[
            document("application_back.json", APPLICATION),
            document("product_x.json", PRODUCT),
        ]);
        let read = read.unwrap();
        assert!(read.product("a1").is_some() && read.product("x").is_none());
        assert!(read.application("application_back").is_some());
        assert!(read.application("back").is_none());
        assert_eq!(Configuration::read(&[]), Ok(Configuration::default()));
    }

    #[test]
    fn every_problem_of_every_document_is_told() {
        let problems = Configuration::read(&[
            document("application_a.json", "{"),
            document("other.json", "{}"),
            document(&format!("product_{}.json", "x".repeat(60)), PRODUCT),
            document("product_a.json", PRODUCT),
            document("product_b.json", PRODUCT),
        ]);
        let problems = problems.unwrap_err();
        let causes = [
            "this is no application document",
            "is neither a product's document nor an application's",
            "over 64 bytes",
            "is already in product_a.json",
        ];
        assert_eq!(problems.len(), causes.len());
        for (problem, cause) in problems.iter().zip(causes) {
            assert!(problem.message.contains(cause), "{problem:?}");
        }
    }
}
