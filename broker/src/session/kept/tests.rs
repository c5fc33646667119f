use super::file::{Error, File};
use super::*;
use crate::contract::Qos;
use crate::session::inboxes::tests::inboxed;
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use tempfile::TempDir;

const KEEP_SECONDS: u32 = 10;

fn of(template: &str, keep_messages: u32, topic: &str) -> Inboxed {
    let inbox = Inbox {
        template: template.into(),
        max_qos: Qos::AtLeastOnce,
        keep_messages,
        keep_seconds: KEEP_SECONDS,
        unsolicited: false,
    };
    Inboxed {
        inbox: Arc::new(inbox),
        ..inboxed(topic)
    }
}

fn topics(lent: &[(Serial, Inboxed)]) -> Vec<String> {
    lent.iter()
        .map(|(_, one)| one.message.topic.to_string())
        .collect()
}

fn all(store: &mut Store, client: &str, now: UtcMs) -> Vec<String> {
    topics(&store.lend(client, now, |_| true))
}

fn is_kept(store: &mut Store, client: &str, inboxed: &Inboxed, now: UtcMs) -> bool {
    store.keep(client, inboxed, now, false).is_some()
}

/// What the next life finds.
fn again(data: &TempDir) -> Store {
    let mut store = Store::new(1_000, 1 << 20);
    let (_, left) = File::open(&data.path().join("inbox.db")).unwrap();
    assert_eq!(store.load(left.rows), 0);
    store
}

#[test]
fn the_oldest_of_the_same_inbox_is_replaced() {
    let mut store = Store::new(100, 10_000);
    assert!(is_kept(&mut store, "d", &of("b/{client}", 1, "b"), 0));
    for topic in ["1", "2", "3"] {
        assert!(is_kept(&mut store, "d", &of("a/{client}", 2, topic), 0));
    }
    assert_eq!(all(&mut store, "d", 1), ["b", "2", "3"]);
    assert_eq!(store.len(), 3);
    // The policy keeps fewer by now.
    assert!(is_kept(&mut store, "d", &of("a/{client}", 1, "4"), 0));
    assert_eq!(
        (store.len(), all(&mut store, "d", 1)),
        (2, vec!["4".into()])
    );
}

#[test]
fn nothing_is_kept_too_long_beyond_the_room_or_where_the_inbox_keeps_none() {
    let mut store = Store::new(2, 10_000);
    assert!(!is_kept(&mut store, "d", &of("a", 0, "x"), 0));
    assert!(is_kept(&mut store, "d", &of("a", 9, "x"), 0));
    assert!(is_kept(&mut store, "e", &of("a", 9, "x"), 5_000));
    assert!(!is_kept(&mut store, "f", &of("a", 9, "x"), 5_000));
    assert_eq!(store.expire(9_999), Expired::default());
    assert!(all(&mut store, "d", 10_000).is_empty());
    assert_eq!(store.expire(10_000).kept_too_long, 1);
    assert!(is_kept(&mut store, "f", &of("a", 9, "x"), 10_000));
    let room = of("a", 9, "x").bytes();
    let mut narrow = Store::new(100, room);
    assert!(is_kept(&mut narrow, "d", &of("a", 9, "x"), 0));
    assert!(!is_kept(&mut narrow, "e", &of("a", 9, "x"), 0));
}

#[test]
fn a_message_ends_when_its_publisher_says() {
    let mut store = Store::new(10, 10_000);
    let mut short = of("a", 9, "short");
    short.message.expires = Some(3_000);
    assert!(is_kept(&mut store, "d", &short, 0));
    assert!(is_kept(&mut store, "d", &of("a", 9, "long"), 0));
    assert_eq!(all(&mut store, "d", 3_000), ["long"]);
    let expired = store.expire(3_000);
    assert_eq!((expired.by_publisher, expired.kept_too_long), (1, 0));
    assert_eq!(store.len(), 1);
}

#[test]
fn what_is_lent_is_lent_once_and_comes_back_to_its_place() {
    let mut store = Store::new(10, 10_000);
    for topic in ["x", "y", "z"] {
        store.keep("d", &of("a", 9, topic), 0, false);
    }
    let lent = store.lend("d", 1, |topic| topic != "z");
    assert_eq!(topics(&lent), ["x", "y"]);
    assert_eq!(all(&mut store, "d", 1), ["z"]);
    store.hand_on("d", lent[1].0);
    store.give_back("d", lent[0].0);
    assert_eq!(store.len(), 2);
    store.keep("d", &of("a", 9, "new"), 1, false);
    assert_eq!(all(&mut store, "d", 1), ["x", "new"]);
}

#[test]
fn a_removed_client_leaves_nothing_to_a_later_one_of_its_id() {
    let mut store = Store::new(10, 10_000);
    store.keep("d", &of("a", 9, "former"), 0, false);
    store.keep("e", &of("a", 9, "other"), 0, false);
    let lent = store.lend("d", 1, |_| true);
    let before = store.removals();
    assert_eq!(store.forget("d"), 1);
    assert_ne!(store.removals(), before);
    // The session of the removed client ends.
    store.give_back("d", lent[0].0);
    assert!(all(&mut store, "d", 1).is_empty());
    assert_eq!(all(&mut store, "e", 1), ["other"]);
}

#[test]
fn what_comes_and_goes_between_two_writes_never_gets_to_disk() {
    let mut store = Store::new(10, 10_000);
    let gone = store.keep("d", &of("a", 9, "x"), 0, false).unwrap();
    store.keep("d", &of("a", 9, "y"), 0, false);
    store.hand_on("d", gone);
    let changes = store.take_changes();
    assert_eq!((changes.added.len(), changes.removed.len()), (1, 0));
    assert!(!store.has_changes());
}

#[test]
fn the_next_life_finds_all_of_a_message_in_a_file_for_its_owner_alone() {
    let data = tempfile::tempdir().unwrap();
    let (mut file, left) = File::open(&data.path().join("inbox.db")).unwrap();
    assert!(left.rows.is_empty() && left.followed.is_none());
    let mut store = Store::new(10, 10_000);
    let mut kept = of("a", 9, "tópic");
    kept.message.expires = Some(u64::MAX);
    kept.message.properties = vec![0x26, 0, 1, b'k', 0, 1, b'v'].into();
    kept.message.payload = vec![0, 255, 7].into();
    store.set_followed(7);
    store.keep("d", &kept, 0, false);
    file.write(&store.take_changes()).unwrap();
    for name in ["inbox.db", "inbox.db-wal", "inbox.db-shm"] {
        let mode = fs::metadata(data.path().join(name)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600, "{name}");
    }
    drop(file);
    let (_, left) = File::open(&data.path().join("inbox.db")).unwrap();
    assert_eq!(left.followed, Some(7));
    let mut store = Store::new(10, 10_000);
    store.load(left.rows);
    let (_, found) = store.lend("d", 1, |_| true).remove(0);
    assert_eq!(found.inbox, kept.inbox);
    // Numbers of sessions and publications are of one life; a far end of time is cut.
    kept.message.publisher = u64::MAX;
    kept.message.number = 0;
    kept.message.expires = Some(i64::MAX.cast_unsigned());
    assert_eq!(found.message, kept.message);
}

#[test]
fn serials_go_on_so_the_order_does() {
    let data = tempfile::tempdir().unwrap();
    for life in 0..3 {
        let mut store = again(&data);
        let (mut file, _) = File::open(&data.path().join("inbox.db")).unwrap();
        store.keep("d", &of("a", 9, &format!("{life}")), 0, false);
        file.write(&store.take_changes()).unwrap();
    }
    assert_eq!(all(&mut again(&data), "d", 1), ["0", "1", "2"]);
}

#[test]
fn smaller_bounds_leave_the_newest() {
    let data = tempfile::tempdir().unwrap();
    let (mut file, _) = File::open(&data.path().join("inbox.db")).unwrap();
    let mut store = Store::new(10, 10_000);
    for topic in ["1", "2", "3"] {
        store.keep("d", &of("a", 9, topic), 0, false);
    }
    file.write(&store.take_changes()).unwrap();
    drop(file);
    let (mut file, left) = File::open(&data.path().join("inbox.db")).unwrap();
    let mut small = Store::new(2, 10_000);
    assert_eq!(small.load(left.rows), 1);
    file.write(&small.take_changes()).unwrap();
    drop(file);
    assert_eq!(all(&mut again(&data), "d", 1), ["2", "3"]);
}

#[test]
fn what_cannot_be_written_is_kept_no_more_and_removals_are_tried_again() {
    let mut store = Store::new(10, 10_000);
    let old = store.keep("d", &of("a", 9, "old"), 0, false).unwrap();
    store.take_changes();
    store.hand_on("d", old);
    let new = store.keep("d", &of("a", 9, "new"), 0, false).unwrap();
    store.keep("e", &of("a", 9, "new"), 0, false);
    let failed = store.take_changes();
    // Handed on while it was being written.
    store.hand_on("d", new);
    assert_eq!(store.undo(failed), 1);
    assert_eq!(store.len(), 0);
    let changes = store.take_changes();
    assert_eq!((changes.added.len(), changes.removed), (0, vec![old]));
}

#[test]
fn a_file_that_is_none_of_ours_stops_the_start_and_says_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("inbox.db");
    fs::write(
        &path,
        "no database at all, but long enough to be looked at".repeat(40),
    )
    .unwrap();
    let error = File::open(&data.path().join("inbox.db")).unwrap_err();
    assert!(matches!(error, Error::Open { .. }));
    let told = error.to_string();
    let words = [
        &path.display().to_string(),
        "not a database",
        "move it away",
    ];
    assert!(words.iter().all(|word| told.contains(*word)), "{told}");
    fs::remove_file(&path).unwrap();
    drop(File::open(&data.path().join("inbox.db")).unwrap());
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 2).unwrap();
    drop(newer);
    let told = File::open(&data.path().join("inbox.db"))
        .unwrap_err()
        .to_string();
    assert!(
        told.contains("schema 2") && told.contains("newer program"),
        "{told}"
    );
    // A directory is in the way.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(
        File::open(&data.path().join("inbox.db")),
        Err(Error::Open { .. })
    ));
}

#[test]
fn a_damaged_table_stops_the_start() {
    let data = tempfile::tempdir().unwrap();
    let (mut file, _) = File::open(&data.path().join("inbox.db")).unwrap();
    let mut store = Store::new(100, 1 << 20);
    for _ in 0..50 {
        store.keep("d", &of("a", 99, &"long".repeat(50)), 0, false);
    }
    file.write(&store.take_changes()).unwrap();
    file.tidy().unwrap();
    drop(file);
    let path = data.path().join("inbox.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[4_096..].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    let told = File::open(&data.path().join("inbox.db"))
        .unwrap_err()
        .to_string();
    assert!(
        told.contains("inbox.db") && told.contains("malformed"),
        "{told}"
    );
}

#[test]
fn a_full_disk_loses_the_batch_and_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let (mut file, _) = File::open(&data.path().join("inbox.db")).unwrap();
    let mut store = Store::new(1_000, 1 << 24);
    store.keep("d", &of("a", 9, "before"), 0, false);
    file.write(&store.take_changes()).unwrap();
    file.limit_pages(8);
    let mut large = of("a", 9, "large");
    large.message.payload = vec![1; 200_000].into();
    store.keep("d", &large, 0, false);
    let changes = store.take_changes();
    file.write(&changes).unwrap_err();
    assert_eq!(store.undo(changes), 1);
    store.keep("d", &of("a", 9, "after"), 0, false);
    file.write(&store.take_changes()).unwrap();
    drop(file);
    assert_eq!(all(&mut again(&data), "d", 1), ["before", "after"]);
}

#[derive(Clone, Debug)]
enum Step {
    Keep { client: u8, inbox: u8, large: bool },
    Lend(u8),
    HandOn(usize),
    GiveBack(usize),
    Forget(u8),
    Wait(u16),
    Write,
    Fail,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u8..3, 0_u8..2, any::<bool>())
            .prop_map(|(client, inbox, large)| Step::Keep { client, inbox, large }),
        2 => (0_u8..3).prop_map(Step::Lend),
        2 => any::<usize>().prop_map(Step::HandOn),
        1 => any::<usize>().prop_map(Step::GiveBack),
        1 => (0_u8..3).prop_map(Step::Forget),
        1 => (0_u16..8_000).prop_map(Step::Wait),
        2 => Just(Step::Write),
        1 => Just(Step::Fail),
    ]
}

/// Per client what is kept, in order, lent or not.
fn contents(store: &Store) -> BTreeMap<String, Vec<(Serial, String)>> {
    let one = |kept: &Kept| (kept.serial, kept.inboxed.message.topic.to_string());
    store
        .clients
        .iter()
        .map(|(client, kept)| (client.to_string(), kept.iter().map(one).collect()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever comes: the bounds hold, the sums are right, the order is that of arrival, and the next life finds what this one has.
    #[test]
    fn bounds_order_and_the_next_life(steps in prop::collection::vec(step(), 1..120)) {
        let data = tempfile::tempdir().unwrap();
        let (mut file, _) = File::open(&data.path().join("inbox.db")).unwrap();
        let mut store = Store::new(9, 3_000);
        let (mut now, mut number, mut lent) = (0, 0_u32, Vec::new());
        for step in steps {
            match step {
                Step::Keep { client, inbox, large } => {
                    number += 1;
                    let mut one = of(["a", "b"][usize::from(inbox)], 3 + u32::from(inbox), &number.to_string());
                    if large {
                        one.message.payload = vec![7; 600].into();
                    }
                    store.keep(&client.to_string(), &one, now, false);
                }
                Step::Lend(client) => {
                    let client = client.to_string();
                    let got = store.lend(&client, now, |_| true);
                    prop_assert!(got.is_sorted_by(|a, b| a.0 < b.0));
                    prop_assert!(got.iter().all(|(serial, _)| lent.iter().all(|(_, other)| other != serial)));
                    lent.extend(got.into_iter().map(|(serial, _)| (client.clone(), serial)));
                }
                Step::HandOn(at) if !lent.is_empty() => {
                    let (client, serial) = lent.remove(at % lent.len());
                    store.hand_on(&client, serial);
                }
                Step::GiveBack(at) if !lent.is_empty() => {
                    let (client, serial) = lent.remove(at % lent.len());
                    store.give_back(&client, serial);
                }
                Step::HandOn(_) | Step::GiveBack(_) => {}
                Step::Forget(client) => { store.forget(&client.to_string()); }
                Step::Wait(wait) => {
                    now += u64::from(wait);
                    store.expire(now);
                    prop_assert!(store.clients.values().flatten().all(|one| one.until > now));
                }
                Step::Write => file.write(&store.take_changes()).unwrap(),
                Step::Fail => {
                    let failed = store.take_changes();
                    store.undo(failed);
                }
            }
            let kept = || store.clients.values().flatten();
            prop_assert_eq!(store.messages, kept().count());
            prop_assert_eq!(store.bytes, kept().map(|one| one.inboxed.bytes()).sum::<usize>());
            prop_assert!(store.messages <= 9 && store.bytes <= 3_000);
            for all in store.clients.values() {
                prop_assert!(!all.is_empty());
                prop_assert!(all.iter().is_sorted_by(|a, b| a.serial < b.serial));
                for (template, most) in [("a", 3), ("b", 4)] {
                    prop_assert!(all.iter().filter(|one| one.inboxed.inbox.template == template).count() <= most);
                }
            }
        }
        file.write(&store.take_changes()).unwrap();
        drop(file);
        prop_assert_eq!(contents(&again(&data)), contents(&store));
    }
}
