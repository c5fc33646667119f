//! One task per connection.
pub mod wire;
