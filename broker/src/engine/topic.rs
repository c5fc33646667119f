//! Topics and filters as the engine sees them. Pure.
//!
//! * `s/` + topic where the topic starts with `$`, `m/` + topic otherwise: rumqttd refuses every `$` filter, drops `$` publishes, and dies
//!   on a topic whose first character is longer than one byte (facts: P1).
//! * A level is cut after its first `=`: rumqttd keeps every topic that ever matched for ever, and scans all filters at the first
//!   publish of each, so `request_id=<uuid>` would leak 0.5 kB and cost up to 21 ms per command. The true topic travels in the
//!   envelope, and the receiver matches it exactly.
//!
//! Both maps keep `matches`: whatever the client's filter matches, the mapped filter matches; the converse is the receiver's check.

/// Appends the engine's topic for `topic`; returns whether it differs from prefix + topic, so that the envelope must carry the true one.
pub(super) fn push_engine_topic(topic: &str, out: &mut Vec<u8>) -> bool {
    out.extend_from_slice(prefix(topic));
    if !topic.contains('=') {
        out.extend_from_slice(topic.as_bytes());
        return false;
    }
    push_cut_levels(topic, out)
}

/// The engine's filter for a client's filter.
pub(super) fn engine_filter(filter: &str) -> String {
    let mut out = Vec::with_capacity(filter.len() + PREFIX_LENGTH);
    push_engine_topic(filter, &mut out);
    // Cutting at `=` and at `/` keeps whole characters.
    String::from_utf8(out).unwrap_or_default()
}

/// Bytes of the prefix, to be cut off on the way out.
pub(super) const PREFIX_LENGTH: usize = 2;

fn prefix(topic: &str) -> &'static [u8] {
    if topic.starts_with('$') { b"s/" } else { b"m/" }
}

fn push_cut_levels(topic: &str, out: &mut Vec<u8>) -> bool {
    let mut cut = false;
    for (index, level) in topic.split('/').enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        let kept = level
            .find('=')
            .map_or(level, |at| level.get(..=at).unwrap_or(level));
        cut |= kept.len() < level.len();
        out.extend_from_slice(kept.as_bytes());
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn engine_topic(topic: &str) -> (String, bool) {
        let mut out = Vec::new();
        let cut = push_engine_topic(topic, &mut out);
        (String::from_utf8(out).unwrap(), cut)
    }

    #[test]
    fn maps_topics_out_of_the_engines_reach() {
        for (topic, engine, cut) in [
            ("a/b", "m/a/b", false),
            ("é", "m/é", false),
            ("/", "m//", false),
            (
                "$oc/devices/d/sys/commands/request_id=1",
                "s/$oc/devices/d/sys/commands/request_id=",
                true,
            ),
            ("a=b=c/d", "m/a=/d", true),
            ("a=/d", "m/a=/d", false),
            ("x/é=é/y", "m/x/é=/y", true),
        ] {
            assert_eq!(engine_topic(topic), (engine.to_owned(), cut), "{topic}");
        }
    }

    #[test]
    fn maps_filters() {
        for (filter, engine) in [
            ("#", "m/#"),
            ("+", "m/+"),
            ("+/b", "m/+/b"),
            (
                "$oc/devices/+/sys/commands/#",
                "s/$oc/devices/+/sys/commands/#",
            ),
            ("$share/g/a", "s/$share/g/a"),
            ("a/id=7", "m/a/id="),
        ] {
            assert_eq!(engine_filter(filter), engine);
        }
    }

    proptest! {
        /// The engine never hides a message from a filter that matches its true topic.
        #[test]
        fn keeps_matches(levels in prop::collection::vec("[a=$é]{0,3}", 1..5), wild in prop::collection::vec(any::<bool>(), 5), open in any::<bool>()) {
            let topic = levels.join("/");
            let mut filter: Vec<String> = levels.iter().zip(&wild)
                .map(|(level, wild)| if *wild { "+".to_owned() } else { level.clone() })
                .collect();
            if open { filter.push("#".to_owned()); }
            let filter = filter.join("/");
            prop_assume!(!(topic.starts_with('$') && filter.starts_with(['+', '#'])));
            prop_assert!(rumqttd::protocol::matches(&engine_topic(&topic).0, &engine_filter(&filter)));
        }
    }
}
