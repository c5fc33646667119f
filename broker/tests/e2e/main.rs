//! End to end: the real binary, driven from outside by raw packets and by other people's clients.

mod clients;
mod connack;
mod demo;
mod engine_guards;
mod lifecycle;
mod live_changes;
mod malformed;
mod openssl;
mod protocol;
mod security;
mod support;
