//! That the check finds what breaks a component, and lets pass what does not.

use super::shape::Shape;

const PUBLISHED: &str = "
package iotda:policy@1.0.0;
interface policy {
  record rule { pattern: string, line: u32 }
  variant verdict { allow, deny(string) }
  enum qos { low, high }
  flags actions { publish, receive }
  type extra = list<tuple<string, string>>;
  describe: func() -> string;
  authorize: func(now: u64) -> result<list<rule>, string>;
}
world device-policy { export policy; }
";

/// Text of [`PUBLISHED`], what stands there instead, and what the check says of it; nothing where it may be.
#[rustfmt::skip]
const EDITS: &[(&str, &str, Option<&str>)] = &[
    // A record.
    ("line: u32 }", "line: u32, more: string }", Some("policy: rule was record")),
    ("pattern: string, line: u32", "pattern: string", Some("policy: rule was record")),
    ("pattern: string, line: u32", "text: string, line: u32", Some("policy: rule was record")),
    ("pattern: string, line: u32", "line: u32, pattern: string", Some("policy: rule was record")),
    ("line: u32", "line: u16", Some("policy: rule was record")),
    ("line: u32", "line: option<u32>", Some("policy: rule was record")),
    ("record rule { pattern: string, line: u32 }", "record rule { pattern: string, line: u32 } record more { a: u8 }", Some("policy: more is added")),
    // A variant, an enum, flags, a type.
    ("deny(string) }", "deny(string), remark }", Some("policy: verdict was variant")),
    ("allow, deny(string)", "deny(string), allow", Some("policy: verdict was variant")),
    ("deny(string)", "deny(u32)", Some("policy: verdict was variant")),
    ("allow, deny", "permit, deny", Some("policy: verdict was variant")),
    ("{ low, high }", "{ low, high, highest }", Some("policy: qos was enum")),
    ("{ low, high }", "{ high, low }", Some("policy: qos was enum")),
    ("{ publish, receive }", "{ publish, receive, subscribe }", Some("policy: actions was flags")),
    ("{ publish, receive }", "{ receive, publish }", Some("policy: actions was flags")),
    ("list<tuple<string, string>>", "list<string>", Some("policy: extra was list")),
    ("enum qos { low, high }", "flags qos { low, high }", Some("policy: qos was enum")),
    // A function.
    ("describe: func() -> string;", "", Some("policy: describe is gone")),
    ("describe: func() -> string;", "describe: func() -> string; more: func();", Some("policy: more is added")),
    ("describe: func() -> string;", "describe: func();", Some("policy: describe was")),
    ("describe: func()", "describe: async func()", Some("policy: describe was")),
    ("now: u64", "now: u64, who: string", Some("policy: authorize was")),
    ("now: u64", "then: u64", Some("policy: authorize was")),
    ("result<list<rule>, string>", "result<list<rule>>", Some("policy: authorize was")),
    // The world.
    ("export policy;", "", Some("exports of device-policy: policy is gone")),
    ("export policy;", "export policy; import clock: func() -> u64;", Some("imports of device-policy: clock is added")),
    ("export policy;", "export policy; export more: func();", Some("exports of device-policy: more is added")),
    ("world device-policy { export policy; }", "", Some("world device-policy: gone")),
    // The version.
    ("@1.0.0", "@0.9.0", Some("0.9.0 is older than 1.0.0")),
    // What may be.
    ("@1.0.0", "@1.0.1", None),
    ("record rule", "/// Documentation.\n  record rule", None),
    ("world device-policy { export policy; }", "interface hints { hint: func() -> string; } world device-policy { export policy; export hints; }", None),
    ("world device-policy", "interface hints { hint: func() -> string; } world device-policy", None),
    ("world device-policy", "world another { export policy; } world device-policy", None),
];

#[test]
fn what_breaks_is_found_and_nothing_else() {
    let then = Shape::read(PUBLISHED);
    for (text, instead, expected) in EDITS {
        assert!(PUBLISHED.contains(text), "{text}");
        let found = Shape::read(&PUBLISHED.replacen(text, instead, 1)).breaks(&then);
        match expected {
            None => assert_eq!(found, Vec::<String>::new(), "{instead}"),
            Some(words) => {
                let told = found.iter().any(|one| one.starts_with(words));
                assert!(told, "{text} -> {instead}: {found:?}");
            }
        }
    }
}
