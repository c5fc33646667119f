//! Topic names and filters: MQTT 4.7, as sets of topics. Pure.
//!
//! Every function walks its arguments once, level by level, and only [`intersection`] allocates, so a topic of 65 535 slashes costs
//! microseconds. [`matches()`], [`covers`] and [`intersection`] expect what [`is_valid_topic`] and [`is_valid_filter`] let through.

/// The longest topic or filter in bytes: MQTT's strings carry their length in two bytes.
const LENGTH_MAX: usize = 65_535;

/// MQTT 4.7: no wildcard, no NUL, 1 to 65 535 bytes.
pub fn is_valid_topic(topic: &str) -> bool {
    has_valid_length(topic) && !topic.bytes().any(|byte| matches!(byte, b'+' | b'#' | 0))
}

/// MQTT 4.7: wildcards only as whole levels, `#` only last. `$share/…` is the caller's business.
pub fn is_valid_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    let mut well_placed = true;
    while let Some(level) = levels.next() {
        well_placed &= match level {
            "+" => true,
            "#" => levels.peek().is_none(),
            literal => !literal.bytes().any(|byte| matches!(byte, b'+' | b'#' | 0)),
        };
    }
    well_placed && has_valid_length(filter)
}

fn has_valid_length(text: &str) -> bool {
    (1..=LENGTH_MAX).contains(&text.len())
}

/// Does the filter match the topic? A leading `$` is matched only by itself (4.7.2-1).
pub fn matches(filter: &str, topic: &str) -> bool {
    !hides_dollar(filter, topic) && levels_match(filter, topic)
}

/// A filter that starts with a wildcard matches nothing that starts with `$`.
fn hides_dollar(filter: &str, topic: &str) -> bool {
    topic.starts_with('$') && filter.starts_with(['+', '#'])
}

/// [`matches`] without the rule for a leading `$`: for the rest of a topic whose beginning has been compared.
pub(super) fn levels_match(filter: &str, topic: &str) -> bool {
    let mut topic = topic.split('/');
    for level in filter.split('/') {
        // Asked before the topic has to give a level: `a/#` matches `a` too (4.7.1.2).
        if level == "#" {
            return true;
        }
        match topic.next() {
            Some(literal) if level == "+" || level == literal => {}
            _ => return false,
        }
    }
    topic.next().is_none()
}

/// Does `wide` match every topic that `narrow` matches? Exact: false means that there is such a topic.
pub fn covers(wide: &str, narrow: &str) -> bool {
    // The only filters that match the same topics as another one, because every topic has a first level, and a byte.
    let narrow = match narrow {
        "#" => "+/#",
        "/#" => "/+/#",
        other => other,
    };
    if hides_dollar(wide, narrow) {
        return false;
    }
    let mut narrow = narrow.split('/');
    for level in wide.split('/') {
        if level == "#" {
            return true;
        }
        match narrow.next() {
            // `narrow` matches its parent level too, and levels without end: only a `#` above covers it.
            Some("#") | None => return false,
            Some(other) if level == "+" || level == other => {}
            Some(_) => return false,
        }
    }
    narrow.next().is_none()
}

/// The topics that both match, as a filter; `None` where there is none.
pub fn intersection(a: &str, b: &str) -> Option<String> {
    if hides_dollar(a, b) || hides_dollar(b, a) {
        return None;
    }
    let (mut left, mut right) = (a.split('/'), b.split('/'));
    let mut common = Vec::new();
    loop {
        match (left.next(), right.next()) {
            (None, None) => break,
            (Some("#"), rest) => {
                common.extend(rest);
                common.extend(right);
                break;
            }
            (rest, Some("#")) => {
                common.extend(rest);
                common.extend(left);
                break;
            }
            (Some(one), Some(other)) if one == other || other == "+" => common.push(one),
            (Some("+"), Some(other)) => common.push(other),
            _ => return None,
        }
    }
    // `/#` and `+` have only the empty text in common, which is no topic.
    Some(common.join("/")).filter(|common| !common.is_empty())
}
