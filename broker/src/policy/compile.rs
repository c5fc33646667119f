//! Who compiles: stub.
/// stub
#[derive(Clone, Debug, Default)]
pub enum Compiler {
    /// stub
    #[default]
    InProcess,
}
