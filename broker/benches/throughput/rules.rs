//! What is swapped: the documents of the broker with and without one topic that everybody may use, and components of another digest.

use crate::Failure;
use crate::admin::Admin;
use iotda_broker::policy::BuiltIn;
use serde_json::{Value, json};

/// Where `Documents::deny` forbids to publish and to receive. A subscription to `bench/#` stays.
pub(crate) const EXTRA_TOPIC: &str = "bench/extra/topic";
const DENY: &str = "topic:bench/extra/*";
/// It is every device's, and of our application by its name.
const DOCUMENT: &str = "system_default_policy.json";

/// Two sets of documents that pass the same cases.
pub(crate) struct Documents {
    /// Those that the broker has started with.
    pub(crate) allow: Value,
    pub(crate) deny: Value,
}

impl Documents {
    pub(crate) async fn of(admin: &Admin) -> Result<Self, Failure> {
        let allow = admin.documents().await?;
        let mut deny = allow.clone();
        let document = deny.get_mut(DOCUMENT).ok_or("no default policy")?;
        let mut policy: Value = serde_json::from_str(document.as_str().unwrap_or_default())?;
        let statements = policy.get_mut("statement").and_then(Value::as_array_mut);
        // At the end: cases name the statements before it by their numbers.
        statements
            .ok_or("a policy without statements")?
            .push(json!({
                "effect": "DENY",
                "actions": ["iotda:devices:publish", "iotda:devices:subscribe"],
                "resources": [DENY],
            }));
        *document = policy.to_string().into();
        Ok(Self { allow, deny })
    }

    pub(crate) fn get(&self, is_denied: bool) -> &Value {
        if is_denied { &self.deny } else { &self.allow }
    }
}

/// The built-in component with a custom section: the same rules, another digest, a real compilation.
pub(crate) fn rebuilt(number: u32) -> Vec<u8> {
    let mut component = BuiltIn::default_policy().component.to_vec();
    // Section 0 of six bytes: a name of one byte, and four of content.
    component.extend_from_slice(&[0, 6, 1, b'b']);
    component.extend_from_slice(&number.to_le_bytes());
    component
}
