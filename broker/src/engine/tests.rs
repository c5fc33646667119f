//! The engine with a real router: what kills or confuses a stock rumqttd leaves ours serving.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;

fn message(topic: &str, payload: &str) -> Message {
    Message {
        topic: topic.into(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        qos: Qos::AtLeastOnce,
        publisher: 7,
        expires: None,
        properties: Bytes::new(),
        number: 0,
    }
}

async fn publish(engine: &Engine, topic: &str, payload: &str) {
    engine
        .publisher(1)
        .publish(&mut vec![message(topic, payload)])
        .await
        .unwrap();
}

/// Receives until `count` messages are there.
async fn receive(link: &mut Link, count: usize) -> Vec<Message> {
    let mut into = VecDeque::new();
    while into.len() < count {
        let lost = timeout(Duration::from_secs(5), link.receive(&mut into))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(lost, 0);
    }
    into.into()
}

fn payloads(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| String::from_utf8(message.payload.to_vec()).unwrap())
        .collect()
}

async fn link(engine: &Engine, filters: &[&str]) -> Link {
    let mut link = engine.open().await.unwrap();
    for filter in filters {
        link.subscribe(filter).await.unwrap();
    }
    link
}

#[tokio::test]
async fn carries_every_topic_that_kills_or_is_refused_by_rumqttd() {
    let engine = Engine::start(&Settings::default()).unwrap();
    for (filter, topic) in [
        ("é", "é"),
        ("#", "日本/x"),
        (
            "$oc/devices/+/sys/commands/#",
            "$oc/devices/d1/sys/commands/request_id=7f",
        ),
        ("$SYS/x", "$SYS/x"),
        ("+/+", "/"),
        ("a//b", "a//b"),
    ] {
        let mut link = link(&engine, &[filter]).await;
        publish(&engine, topic, "x").await;
        let got = receive(&mut link, 1).await;
        assert_eq!(
            (got[0].topic.as_ref(), got[0].qos, got[0].publisher),
            (topic, Qos::AtLeastOnce, 7)
        );
    }
    assert_eq!(engine.restarts(), 0);
}

#[tokio::test]
async fn a_hash_does_not_see_dollar_topics() {
    let engine = Engine::start(&Settings::default()).unwrap();
    let mut link = link(&engine, &["#", "+/x"]).await;
    publish(&engine, "$oc/x", "hidden").await;
    publish(&engine, "seen", "seen").await;
    assert_eq!(payloads(&receive(&mut link, 1).await), ["seen"]);
}

#[tokio::test]
async fn keeps_the_order_of_a_publisher_over_many_batches() {
    let engine = Engine::start(&Settings::default()).unwrap();
    let mut link = link(&engine, &["t"]).await;
    let publisher = engine.publisher(3);
    let writer = tokio::spawn(async move {
        for batch in 0..50 {
            let mut messages: Vec<_> = (0..100)
                .map(|n| message("t", &(batch * 100 + n).to_string()))
                .collect();
            publisher.publish(&mut messages).await.unwrap();
        }
    });
    let got = receive(&mut link, 5000).await;
    let expected: Vec<_> = (0..5000).map(|n: i32| n.to_string()).collect();
    assert_eq!(payloads(&got), expected);
    writer.await.unwrap();
}

#[tokio::test]
async fn a_subscription_is_in_force_when_subscribe_returns() {
    let engine = Engine::start(&Settings::default()).unwrap();
    for round in 0..200 {
        let mut link = engine.open().await.unwrap();
        let topic = format!("round/{}", round % 3);
        link.subscribe(&topic).await.unwrap();
        publish(&engine, &topic, "x").await;
        receive(&mut link, 1).await;
    }
}

#[tokio::test]
async fn overlapping_filters_bring_copies_with_one_number() {
    let engine = Engine::start(&Settings::default()).unwrap();
    let mut link = link(&engine, &["a/+", "a/b", "#"]).await;
    publish(&engine, "a/b", "x").await;
    let got = receive(&mut link, 3).await;
    assert!(got.iter().all(|copy| copy.number == got[0].number));
    link.unsubscribe("a/b").unwrap();
    publish(&engine, "a/b", "y").await;
    assert_eq!(payloads(&receive(&mut link, 2).await), ["y", "y"]);
}

#[tokio::test]
async fn filters_that_share_an_engine_filter_are_counted() {
    let engine = Engine::start(&Settings::default()).unwrap();
    let mut link = link(&engine, &["c/id=1", "c/id=2"]).await;
    link.unsubscribe("c/id=1").unwrap();
    publish(&engine, "c/id=2", "x").await;
    assert_eq!(receive(&mut link, 1).await[0].topic, "c/id=2");
}

#[tokio::test]
async fn links_come_and_go_and_their_ids_serve_again() {
    let engine = Engine::start(&Settings::default()).unwrap();
    for _ in 0..100 {
        let links = [
            link(&engine, &["a"]).await,
            link(&engine, &["a", "b"]).await,
        ];
        publish(&engine, "a", "x").await;
        drop(links);
        until_all_links_are_closed(&engine).await;
    }
    assert_eq!(engine.inner.link_ids.made.load(Ordering::Relaxed), 2);
    assert!(!engine.is_down());
}

/// The closer works behind us.
async fn until_all_links_are_closed(engine: &Engine) {
    let ids = &engine.inner.link_ids;
    let closed = async {
        while ids.free.lock().unwrap().len() as u64 != ids.made.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(Duration::from_secs(10), closed).await.unwrap();
}

#[tokio::test]
async fn no_link_left_is_an_error_and_no_death() {
    let engine = Engine::start(&Settings {
        links_max: 4,
        publishing_links: 1,
        ..Settings::default()
    })
    .unwrap();
    let held = [
        link(&engine, &["a"]).await,
        link(&engine, &["a"]).await,
        link(&engine, &["a"]).await,
    ];
    assert!(engine.open().await.is_err());
    assert!(!engine.is_down());
    drop(held);
}

#[tokio::test]
async fn a_reader_that_is_too_slow_learns_how_much_it_lost() {
    const SENT: usize = 20_000;
    let engine = Engine::start(&Settings {
        log_bytes: 64 << 10,
        ..Settings::default()
    })
    .unwrap();
    let mut link = link(&engine, &["t"]).await;
    // The first message tells where the stream starts.
    publish(&engine, "t", "first").await;
    receive(&mut link, 1).await;
    for _ in 0..SENT / 100 {
        let mut batch: Vec<_> = (0..100).map(|_| message("t", "0123456789abcdef")).collect();
        engine.publisher(1).publish(&mut batch).await.unwrap();
    }
    publish(&engine, "t", "last").await;
    let (mut got, mut lost) = (VecDeque::new(), 0);
    while got
        .back()
        .is_none_or(|last: &Message| last.payload != "last")
    {
        lost += timeout(Duration::from_secs(5), link.receive(&mut got))
            .await
            .unwrap()
            .unwrap();
    }
    assert!(lost > 0);
    assert_eq!(got.len() as u64 + lost, SENT as u64 + 1);
}

#[tokio::test]
async fn a_paused_link_can_subscribe() {
    // As many as make the router pause a link.
    const PAUSES: usize = 199;
    let engine = Engine::start(&Settings::default()).unwrap();
    let mut link = link(&engine, &["t"]).await;
    let mut batch: Vec<_> = (0..PAUSES).map(|_| message("t", "x")).collect();
    engine.publisher(1).publish(&mut batch).await.unwrap();
    // As a session takes them: nobody wakes the router before the next turn.
    let mut taken = 0;
    while taken < PAUSES {
        link.ready().await.unwrap();
        taken += std::iter::from_fn(|| link.take()).count();
    }
    let subscribed = timeout(Duration::from_secs(5), link.subscribe("u")).await;
    subscribed.expect("no answer in time").unwrap();
    publish(&engine, "u", "after").await;
    assert_eq!(payloads(&receive(&mut link, 1).await), ["after"]);
}

struct Sink(mpsc::UnboundedSender<(usize, Message)>);

impl Deliver for Sink {
    fn deliver(&self, template: usize, message: Message) {
        self.0.send((template, message)).unwrap();
    }

    fn lost(&self, _template: usize, count: u64) {
        panic!("lost {count}");
    }
}

#[tokio::test]
async fn inboxes_are_replaced_without_a_gap() {
    let engine = Engine::start(&Settings::default()).unwrap();
    let (tx, mut rx) = mpsc::unbounded_channel();
    let sink = Arc::new(Sink(tx));
    engine
        .inboxes(vec!["$oc/+/a".into(), "$oc/+/b".into()], sink.clone())
        .await
        .unwrap();
    publish(&engine, "$oc/d/b", "1").await;
    assert_eq!(rx.recv().await.unwrap().0, 1);
    engine
        .inboxes(vec!["$oc/+/b".into(), "$oc/+/c".into()], sink)
        .await
        .unwrap();
    for topic in ["$oc/d/a", "$oc/d/b", "$oc/d/c"] {
        publish(&engine, topic, "2").await;
    }
    let mut got = [rx.recv().await.unwrap(), rx.recv().await.unwrap()];
    got.sort_by_key(|(template, _)| *template);
    assert_eq!(
        got.iter()
            .map(|(template, m)| (*template, m.topic.to_string()))
            .collect::<Vec<_>>(),
        [(0, "$oc/d/b".into()), (1, "$oc/d/c".into())]
    );
}

/// P1, past our guard: the raw topic kills the router thread. Returns when it is dead; blocks the test's only thread until then, so that the
/// supervisor cannot have replaced it before anybody looks.
fn kill_router(engine: &Engine) {
    let incarnation = engine.inner.incarnation.load();
    let mut link = incarnation.publishing(0).unwrap();
    link.tx.publish("é", "x").unwrap();
    while !engine.is_down() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test]
async fn inboxes_that_could_not_be_replaced_deliver_once_after_the_next_try() {
    let engine = Engine::start(&Settings::default()).unwrap();
    let (tx, mut rx) = mpsc::unbounded_channel();
    let sink = Arc::new(Sink(tx));
    let filters = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
    let first = engine.inboxes(filters(&["$oc/+/a"]), sink.clone());
    first.await.unwrap();
    kill_router(&engine);
    let both = ["$oc/+/a", "$oc/+/b"];
    let failed = engine.inboxes(filters(&both), sink.clone()).await;
    assert_eq!(failed, Err(Down));
    while engine.is_down() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    engine.inboxes(filters(&both), sink).await.unwrap();
    // Time for whoever reads the first one to come back.
    tokio::time::sleep(Duration::from_millis(300)).await;
    publish(&engine, "$oc/d/a", "1").await;
    publish(&engine, "$oc/d/b", "2").await;
    let mut got = [rx.recv().await.unwrap().0, rx.recv().await.unwrap().0];
    got.sort_unstable();
    assert_eq!(got, [0, 1]);
    let more = timeout(Duration::from_millis(200), rx.recv()).await;
    assert!(more.is_err(), "delivered twice");
}

#[tokio::test]
async fn a_dead_router_is_replaced_and_inboxes_come_back() {
    let engine = Engine::start(&Settings::default()).unwrap();
    let (tx, mut rx) = mpsc::unbounded_channel();
    engine
        .inboxes(vec!["$oc/+/a".into()], Arc::new(Sink(tx)))
        .await
        .unwrap();
    let mut own = link(&engine, &["x"]).await;
    kill_router(&engine);
    assert_eq!(
        timeout(Duration::from_secs(5), own.receive(&mut VecDeque::new()))
            .await
            .unwrap(),
        Err(Down)
    );
    let back = async {
        loop {
            let sent = engine
                .publisher(1)
                .publish(&mut vec![message("$oc/d/a", "back")])
                .await;
            if sent.is_ok() && timeout(Duration::from_millis(50), rx.recv()).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(5), back).await.unwrap();
    assert_eq!(engine.restarts(), 1);
}
