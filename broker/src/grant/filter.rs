//! Topic names and filters: MQTT 4.7. Pure. (STUB)
/// MQTT 4.7: no wildcard, no NUL, 1 to 65 535 bytes.
pub fn is_valid_topic(topic: &str) -> bool {
    let _ = topic;
    unimplemented!()
}
/// MQTT 4.7: wildcards only as whole levels, `#` only last. `$share/…` is the caller's business.
pub fn is_valid_filter(filter: &str) -> bool {
    let _ = filter;
    unimplemented!()
}
/// Does the filter match the topic? A leading `$` is matched only by itself (4.7.2-1).
pub fn matches(filter: &str, topic: &str) -> bool {
    let _ = (filter, topic);
    unimplemented!()
}
/// Does `wide` match every topic that `narrow` matches?
pub fn covers(wide: &str, narrow: &str) -> bool {
    let _ = (wide, narrow);
    unimplemented!()
}
/// The topics that both match, as a filter; `None` where there is none.
pub fn intersection(a: &str, b: &str) -> Option<String> {
    let _ = (a, b);
    unimplemented!()
}
