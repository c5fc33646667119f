//! The filters of one session, and what they say of a topic. Pure.
//!
//! Bounded by the grant's number of subscriptions, which the caller asks with [`Subscriptions::has_room`]. Matching is a walk over the
//! session's own filters: a device has a handful. Filters are valid and allowed when they get here.

use super::qos::higher;
use crate::contract::Qos;
use crate::grant::filter;
use bytestring::ByteString;

/// One filter, as it was granted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Subscription {
    /// The filter as the client sent it.
    pub(crate) filter: ByteString,
    /// The granted QoS.
    pub(crate) qos: Qos,
    /// MQTT 5: what the client publishes itself is not sent back by this one.
    pub(crate) no_local: bool,
    /// MQTT 5 subscription identifier.
    pub(crate) id: Option<u32>,
    /// The engine knows it, because it can bring what no inbox delivers.
    pub(crate) linked: bool,
}

/// What the filters say of one message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Match {
    /// The highest granted QoS of all filters that match.
    pub(crate) qos: Qos,
    /// The identifiers of all filters that match.
    pub(crate) ids: Vec<u32>,
}

/// All filters of a session.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    list: Vec<Subscription>,
    state: u64,
}

impl Subscriptions {
    /// Whether `filter` may be added where at most `most` are allowed; replacing one always may.
    pub(crate) fn has_room(&self, filter: &str, most: usize) -> bool {
        self.list.len() < most || self.find(filter).is_some()
    }

    /// Adds it, or replaces the one with the same filter, which is returned.
    pub(crate) fn set(&mut self, subscription: Subscription) -> Option<Subscription> {
        self.state += 1;
        let filter = &subscription.filter;
        if let Some(known) = self.list.iter_mut().find(|known| known.filter == *filter) {
            return Some(std::mem::replace(known, subscription));
        }
        self.list.push(subscription);
        None
    }

    /// Removes it; `None` where there is none.
    pub(crate) fn remove(&mut self, filter: &str) -> Option<Subscription> {
        let index = self.list.iter().position(|known| known.filter == filter)?;
        self.state += 1;
        Some(self.list.remove(index))
    }

    /// The subscription to exactly this filter.
    pub(crate) fn find(&self, filter: &str) -> Option<&Subscription> {
        self.list.iter().find(|known| known.filter == filter)
    }

    /// What all filters together say of a topic; `local`: the session published it itself. `None`: no filter wants it.
    pub(crate) fn matching(&self, topic: &str, local: bool) -> Option<Match> {
        let wanted = |known: &&Subscription| {
            !(local && known.no_local) && filter::matches(&known.filter, topic)
        };
        self.list.iter().filter(wanted).fold(None, |found, known| {
            let mut found = found.unwrap_or(Match {
                qos: Qos::AtMostOnce,
                ids: Vec::new(),
            });
            found.qos = higher(found.qos, known.qos);
            found.ids.extend(known.id);
            Some(found)
        })
    }

    /// Whether a filter with no local keeps the client's own messages on this topic away.
    pub(crate) fn silences(&self, topic: &str) -> bool {
        let mut quiet = self.list.iter().filter(|known| known.no_local);
        quiet.any(|known| filter::matches(&known.filter, topic))
    }

    /// A number that is another one after every change.
    pub(crate) fn state(&self) -> u64 {
        self.state
    }

    /// Every subscription.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.list.iter()
    }

    /// Every subscription, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Subscription> {
        self.state += 1;
        self.list.iter_mut()
    }

    /// Keeps those that `keep` says; returns the others.
    pub(crate) fn retain(
        &mut self,
        mut keep: impl FnMut(&Subscription) -> bool,
    ) -> Vec<Subscription> {
        self.state += 1;
        self.list.extract_if(.., |known| !keep(known)).collect()
    }

    /// How many the engine knows.
    pub(crate) fn linked(&self) -> usize {
        self.list.iter().filter(|known| known.linked).count()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(filter: &str, qos: Qos, id: Option<u32>) -> Subscription {
        Subscription {
            filter: ByteString::from(filter.to_owned()),
            qos,
            no_local: false,
            id,
            linked: false,
        }
    }

    #[test]
    fn the_same_filter_is_replaced_and_takes_no_room() {
        let mut all = Subscriptions::default();
        assert_eq!(all.set(subscription("a/+", Qos::AtMostOnce, None)), None);
        let replaced = all
            .set(subscription("a/+", Qos::AtLeastOnce, None))
            .unwrap();
        assert_eq!(replaced.qos, Qos::AtMostOnce);
        assert_eq!(all.len(), 1);
        assert!(all.has_room("a/+", 1));
        assert!(!all.has_room("b", 1));
    }

    #[test]
    fn removing_tells_whether_it_was_there() {
        let mut all = Subscriptions::default();
        all.set(subscription("a", Qos::AtMostOnce, None));
        assert!(all.remove("b").is_none());
        assert!(all.remove("a").is_some());
        assert!(all.remove("a").is_none());
    }

    #[test]
    fn overlapping_filters_are_one_match_with_the_highest_qos_and_all_ids() {
        let mut all = Subscriptions::default();
        all.set(subscription("a/+", Qos::AtMostOnce, Some(1)));
        all.set(subscription("a/#", Qos::AtLeastOnce, Some(2)));
        all.set(subscription("b", Qos::AtLeastOnce, Some(3)));
        let found = all.matching("a/x", false).unwrap();
        assert_eq!(
            found,
            Match {
                qos: Qos::AtLeastOnce,
                ids: vec![1, 2]
            }
        );
        assert_eq!(all.matching("c", false), None);
    }

    #[test]
    fn no_local_silences_only_its_own_filter() {
        let mut all = Subscriptions::default();
        let mut quiet = subscription("a", Qos::AtLeastOnce, Some(1));
        quiet.no_local = true;
        all.set(quiet);
        assert_eq!(all.matching("a", true), None);
        assert!(all.silences("a") && !all.silences("b"));
        assert!(all.matching("a", false).is_some());
        all.set(subscription("+", Qos::AtMostOnce, Some(2)));
        let found = all.matching("a", true).unwrap();
        assert_eq!(
            found,
            Match {
                qos: Qos::AtMostOnce,
                ids: vec![2]
            }
        );
    }
}
