//! `iotda-broker product …`

use super::{Answer, Error, attribute};
use crate::{contract::Product, registry::Registry};
use clap::Subcommand;
use serde_json::{Value, json};

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Add a product.
    Add {
        /// 1 to 36 of the letters A-Z a-z 0-9 _ -
        product: String,
        /// Bind a rule document, by its name; may be given five times.
        #[arg(long = "policy", value_name = "NAME")]
        policies: Vec<String>,
        /// An attribute that the policy sees.
        #[arg(long = "attribute", value_name = "KEY=VALUE", value_parser = attribute)]
        attributes: Vec<(String, String)>,
    },
    /// Show one product.
    Show {
        /// The product id.
        product: String,
    },
    /// List all products.
    List,
    /// Remove a product that has no devices.
    Remove {
        /// The product id.
        product: String,
    },
    /// Bind a rule document to every device of the product.
    Bind {
        /// The product id.
        product: String,
        /// The document's name without `.json`.
        policy: String,
    },
    /// Take a rule document off the product.
    Unbind {
        /// The product id.
        product: String,
        /// The document's name without `.json`.
        policy: String,
    },
}

impl Verb {
    pub(super) fn run(self, registry: &Registry) -> Result<Answer, Error> {
        match self {
            Self::Add {
                product,
                policies,
                attributes,
            } => {
                registry.add_product(&product, &policies, &attributes)?;
                Ok(id(&product))
            }
            Self::Show { product } => Ok(Answer::record(shown(&registry.product(&product)?))),
            Self::List => {
                let products = registry.products()?.iter().map(shown).collect();
                Ok(Answer::list(
                    "products",
                    &["product_id", "policies"],
                    products,
                ))
            }
            Self::Remove { product } => {
                registry.remove_product(&product)?;
                Ok(id(&product))
            }
            Self::Bind { product, policy } => {
                registry.bind_product(&product, &policy, true)?;
                Ok(id(&product))
            }
            Self::Unbind { product, policy } => {
                registry.bind_product(&product, &policy, false)?;
                Ok(id(&product))
            }
        }
    }
}

fn id(product: &str) -> Answer {
    Answer::new(json!({ "product_id": product }), vec![product.to_owned()])
}

fn shown(product: &Product) -> Value {
    json!({
        "product_id": product.id,
        "policies": product.policies,
        "attributes": super::device::map(&product.attributes),
    })
}
