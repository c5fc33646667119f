//! What was decided, read again. See [`reading`].

pub mod reading;
