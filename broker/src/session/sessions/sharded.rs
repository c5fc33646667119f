//! A map of shared text to values behind several locks. A poisoned lock is taken all the same: no holder can leave a map half changed.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Some times the workers of a large machine.
const SHARDS: usize = 64;

type Shard<V> = HashMap<Arc<str>, V>;

pub(super) struct Sharded<V> {
    shards: Vec<Mutex<Shard<V>>>,
    hasher: RandomState,
}

impl<V> Default for Sharded<V> {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl<V: Clone> Sharded<V> {
    /// Sets the value and returns the one before it.
    pub(super) fn set(&self, key: Arc<str>, value: V) -> Option<V> {
        self.set_with(key, value, || {})
    }

    /// The same, with something that must happen in the same order as the settings of this key. It may use another map.
    pub(super) fn set_with(&self, key: Arc<str>, value: V, and: impl FnOnce()) -> Option<V> {
        let mut shard = self.shard(&key)?;
        and();
        shard.insert(key, value)
    }

    pub(super) fn find(&self, key: &str) -> Option<V> {
        self.shard(key)?.get(key).cloned()
    }

    pub(super) fn remove_if(&self, key: &str, condition: impl FnOnce(&V) -> bool) {
        if let Some(mut shard) = self.shard(key)
            && shard.get(key).is_some_and(condition)
        {
            shard.remove(key);
        }
    }

    /// Every value, shard after shard: not one moment's picture.
    pub(super) fn all(&self) -> Vec<V> {
        let values = |shard: &Mutex<Shard<V>>| lock(shard).values().cloned().collect::<Vec<_>>();
        self.shards.iter().flat_map(values).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// `None` never happens: there are shards. It spares a panic.
    fn shard(&self, key: &str) -> Option<MutexGuard<'_, Shard<V>>> {
        let count = self.shards.len() as u64;
        let index = usize::try_from(self.hasher.hash_one(key) % count).unwrap_or_default();
        self.shards.get(index).map(lock)
    }
}

impl<V: Clone + Default> Sharded<V> {
    /// Changes the value, starting from an empty one.
    pub(super) fn update(&self, key: Arc<str>, change: impl FnOnce(&mut V)) {
        if let Some(mut shard) = self.shard(&key) {
            change(shard.entry(key).or_default());
        }
    }
}

fn lock<V>(shard: &Mutex<Shard<V>>) -> MutexGuard<'_, Shard<V>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
