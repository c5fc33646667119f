//! What a component must be beside a policy: stub.
use super::rejection::Rejection;
/// stub
#[derive(Clone, Debug, Default)]
pub struct Trust {}
impl Trust {
    /// stub
    pub fn check(
        &self,
        _c: &[u8],
        _d: &str,
        _s: Option<&str>,
        _h: Option<(u64, String)>,
    ) -> Result<Option<u64>, Rejection> {
        Ok(None)
    }
}
/// stub
pub fn decode_signature(_text: &str) -> Option<String> {
    None
}
