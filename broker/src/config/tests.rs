//! Files, environments and flags, good and bad.

use super::*;
use ::config::Environment;
use std::{collections::HashMap, path::Path};

/// That of minisign's own documentation.
const PUBLIC_KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

fn environment(pairs: &[(&str, &str)]) -> Environment {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let pairs: HashMap<_, _> = pairs.iter().map(own).collect();
    Environment::with_prefix("IOTDA_BROKER")
        .prefix_separator("__")
        .separator("__")
        .source(Some(pairs))
}

fn load(toml: &str, pairs: &[(&str, &str)], flags: &Flags) -> Result<Config, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, toml).unwrap();
    Config::from_sources(Some(&file), environment(pairs), flags)
}

fn problems(toml: &str) -> Vec<String> {
    let Err(Error(problems)) = load(toml, &[], &Flags::default()) else {
        panic!("accepted: {toml}");
    };
    problems
        .into_iter()
        .map(|problem| problem.setting)
        .collect()
}

#[test]
fn nothing_given_is_the_default_of_the_design() {
    let config = Config::from_sources(None, environment(&[]), &Flags::default()).unwrap();
    assert_eq!(config.data, Path::new("data"));
    assert_eq!(config.listeners.len(), 1);
    let mqtts = &config.listeners["mqtts"];
    assert_eq!(mqtts.address.to_string(), "127.0.0.1:8883");
    assert_eq!(
        (mqtts.kind, mqtts.policy.as_str()),
        (ListenerKind::Mqtts, "iotda")
    );
    assert_eq!(config.admin.address.to_string(), "127.0.0.1:8080");
    assert!(config.tls.is_none() && config.policies.contains_key("iotda"));
}

#[test]
fn each_listener_may_have_a_policy_of_its_own() {
    let own = "[policies.mine]\ncomponent = 'Cargo.toml'";
    let policies = |toml: &str| {
        let config = load(toml, &[], &Flags::default()).unwrap();
        let judged = config.listeners.values().map(|one| one.policy.clone());
        (
            judged.collect::<Vec<_>>(),
            config.policies.into_keys().collect::<Vec<_>>(),
        )
    };
    let (judged, sections) = policies(own);
    assert_eq!(
        (judged, sections),
        (vec!["mine".into()], vec!["mine".into()])
    );
    let named = format!(
        "[listeners.mqtts]\naddress = '127.0.0.1:0'\n[listeners.mqtt]\naddress = '127.0.0.1:0'\npolicy = 'mine'\n{own}"
    );
    assert_eq!(
        policies(&named).0,
        ["mine", "iotda"],
        "by name: mqtt, mqtts"
    );
    let two = format!(
        "[listeners.a]\nkind = 'mqtts'\naddress = '127.0.0.1:0'\npolicy = 'mine'\n[listeners.b]\nkind = 'mqtts'\naddress = '127.0.0.1:0'\npolicy = 'iotda'\n{own}"
    );
    let (judged, sections) = policies(&two);
    assert_eq!(judged, ["mine", "iotda"]);
    // What is built in needs no section.
    assert_eq!(sections, ["iotda", "mine"]);
}

#[test]
fn the_example_shows_the_defaults() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let example = Config::from_sources(Some(&file), environment(&[]), &Flags::default()).unwrap();
    let default = Config::from_sources(None, environment(&[]), &Flags::default()).unwrap();
    assert_eq!(format!("{example:?}"), format!("{default:?}"));
}

#[test]
fn the_commented_settings_of_the_example_exist() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let uncomment = |line: &str| match line.strip_prefix("# ") {
        Some(setting) if setting.starts_with('[') || setting.contains(" = ") => setting.to_owned(),
        _ => line.to_owned(),
    };
    let text: Vec<_> = text.lines().map(uncomment).collect();
    // The files are not there; that is all that may be wrong.
    let settings = problems(&text.join("\n"));
    let expected = [
        "policies.iotda.directory",
        "policies.iotda.component",
        "policies.second.component",
        "tls.certificate",
        "tls.key",
    ];
    assert!(
        settings
            .iter()
            .all(|setting| expected.contains(&setting.as_str())),
        "{settings:?}"
    );
    assert!(settings.contains(&"tls.key".to_owned()));
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let toml = "data = 'file'\n[limits]\nconnections = 1000\nhandshake_deadline = '3s'\n[listeners.mqtts]\naddress = '127.0.0.1:1'";
    let pairs = [
        ("IOTDA_BROKER__DATA", "environment"),
        ("IOTDA_BROKER__LIMITS__CONNECTIONS", "2000"),
        ("IOTDA_BROKER__LISTENERS__MQTTS__ADDRESS", "127.0.0.1:2"),
        ("IOTDA_BROKER__ADMIN__ENABLED", "false"),
        ("IOTDA_BROKER__LOG__FORMAT", "json"),
    ];
    let config = load(toml, &pairs, &Flags::default()).unwrap();
    assert_eq!(config.data, Path::new("environment"));
    assert_eq!(config.limits.connections, 2000);
    assert_eq!(config.limits.handshake_deadline.as_secs(), 3);
    assert_eq!(config.listeners["mqtts"].address.port(), 2);
    assert_eq!(config.log.format, LogFormat::Json);
    assert!(!config.admin.enabled);

    let flags = Flags {
        data: Some("flag".into()),
        mqtts: Some("127.0.0.1:0".parse().unwrap()),
        mqtt: Some("127.0.0.1:3".parse().unwrap()),
        admin: Some("127.0.0.1:4".parse().unwrap()),
    };
    let config = load(toml, &pairs, &flags).unwrap();
    assert_eq!(config.data, Path::new("flag"));
    assert_eq!(config.listeners["mqtts"].address.port(), 0);
    assert_eq!(config.listeners["mqtt"].kind, ListenerKind::Mqtt);
    assert_eq!(
        (config.admin.enabled, config.admin.address.port()),
        (true, 4)
    );
}

#[test]
fn pin_and_key_of_a_policy_are_read() {
    let component = tempfile::NamedTempFile::new().unwrap();
    let toml = format!(
        "[policies.iotda]\ncomponent = {:?}\ncomponent_sha256 = '{}'\n[policies.iotda.signature]\npublic_key = '{PUBLIC_KEY}'",
        component.path(),
        "AB:".repeat(32)
    );
    let trust = load(&toml, &[], &Flags::default()).unwrap().policies["iotda"].trust();
    assert_eq!(trust.pin.unwrap().check(&"ab".repeat(32)), Ok(()));
    assert_eq!(
        trust.key.unwrap(),
        PublicKey::try_from(PUBLIC_KEY.to_owned()).unwrap()
    );

    let name = "IOTDA_BROKER__POLICIES__IOTDA__SIGNATURE__PUBLIC_KEY";
    let toml = format!("[policies.iotda]\ncomponent = {:?}", component.path());
    let config = load(&toml, &[(name, PUBLIC_KEY)], &Flags::default()).unwrap();
    assert!(config.policies["iotda"].trust().key.is_some());
    // What is built in is not signed.
    let error = load("", &[(name, PUBLIC_KEY)], &Flags::default()).unwrap_err();
    assert!(error.to_string().contains("not signed"), "{error}");
    let nothing = load("", &[], &Flags::default()).unwrap();
    assert_eq!(nothing.policies["iotda"].trust(), Trust::default());
}

#[test]
fn every_mistake_is_told_at_once() {
    let toml = "
        [limit]\n[limits]\nconnectoins = 1\n[admin]\naddress = 'nowhere'\n[log]\nfilter = 'a=b=c'
        [listeners.other]\naddress = '127.0.0.1:9'\n[policies.iotda]\ndirectory = '/does/not/exist'";
    let mut settings = problems(toml);
    settings.sort();
    assert_eq!(
        settings,
        [
            "admin",
            "limit",
            "limits",
            "listeners",
            "listeners.other",
            "log.filter",
            "policies.iotda.directory"
        ]
    );
}

#[test]
fn a_wrong_word_or_address_is_shown_with_what_may_stand_there() {
    for (toml, told) in [
        (
            "[log]\nformat = 'xml'",
            "`xml` is unknown: say \"text\" or \"json\"",
        ),
        (
            "[listeners.a]\nkind = 'tls'\naddress = '127.0.0.1:1'",
            "`tls` is unknown: say \"mqtts\" or \"mqtt\"",
        ),
        (
            "[listeners.mqtts]\naddress = '8883'",
            "`8883` is no address",
        ),
        (
            "[admin]\naddress = 'localhost:8080'",
            "`localhost:8080` is no address",
        ),
        (
            "[policies.iotda]\ncomponent_sha256 = 'abc'",
            "`abc` is no SHA-256: 64 hex digits",
        ),
        (
            "[policies.iotda.signature]\npublic_key = 'RWabc'",
            "`RWabc` is no public key of minisign",
        ),
        ("[policies.iotda.signature]", "public_key"),
        (
            "[policies.iotda]\n[policies.b]\ncomponent = 'Cargo.toml'",
            "no listener is judged by it: say `policy = \"b\"` in one, or remove it",
        ),
        ("[policies.a]", "no component is built in as `a`, only "),
        (
            "[policies.'a/b']\ncomponent = 'Cargo.toml'",
            "`a/b` is no name",
        ),
        (
            "[listeners.mqtts]\naddress = '127.0.0.1:0'\npolicy = 'b'",
            "there is no policy `b`: add `[policies.b]`",
        ),
    ] {
        let error = load(toml, &[], &Flags::default()).unwrap_err().to_string();
        assert!(error.contains(told), "{toml}: {error}");
    }
}

#[test]
fn values_out_of_range_are_refused() {
    for (toml, setting) in [
        (
            "[limits]\nconnections = 0\nhalf_open = 0",
            "limits.connections",
        ),
        ("[limits]\nconnections = -1", "limits"),
        ("[sessions]\nqueue_messages = 0", "sessions.queue_messages"),
        ("[sessions]\npacket_max = 1023", "sessions.packet_max"),
        ("[sessions]\npacket_max = 268435456", "sessions.packet_max"),
        (
            "[limits]\nhandshake_deadline = '0s'",
            "limits.handshake_deadline",
        ),
        ("[limits]\nhandshake_deadline = 10", "limits"),
        ("[listeners]", "listeners"),
        ("[listeners.mqtts]", "listeners.mqtts"),
        (
            "[listeners.mqtts]\naddress = '127.0.0.1:8080'",
            "listeners.mqtts",
        ),
        (
            "[listeners.mqtts]\naddress = '127.0.0.1:1'\npolicy = 'none'",
            "listeners.mqtts",
        ),
        ("[tls]\ncertificate = '/c'", "tls"),
        (
            "[policies.iotda]\ncomponent = '/'",
            "policies.iotda.component",
        ),
        ("[policies.iotda.limits]\nunknown = 1", "policies"),
        (
            "[policies.iotda.limits]\ncompile_cpu = '0s'",
            "policies.iotda.limits.compile_cpu",
        ),
        (
            "[policies.iotda.limits]\ncompile_patience = '0s'",
            "policies.iotda.limits.compile_patience",
        ),
        (
            "[policies.iotda.limits]\ncompile_wall = '0s'",
            "policies.iotda.limits.compile_wall",
        ),
        (
            "[policies.iotda.limits]\ncompile_memory = 0",
            "policies.iotda.limits.compile_memory",
        ),
        ("data = '/dev/null'", "data"),
        ("[decisions]\nmemory_lines = 0", "decisions.memory_lines"),
        ("[decisions]\nmemory_bytes = 0", "decisions.memory_bytes"),
        ("[decisions]\nlines_max = 0", "decisions.lines_max"),
        ("[decisions]\nfile_max = 0", "decisions.file_max"),
        ("[decisions]\nfile = '/'", "decisions.file"),
        ("[decisions]\nallowed_sample = -1", "decisions"),
    ] {
        let settings = problems(toml);
        assert!(
            settings.contains(&setting.to_owned()),
            "{toml}: {settings:?}"
        );
    }
    assert!(
        problems("= not toml")
            .iter()
            .any(|setting| setting.ends_with("config.toml"))
    );
    let missing = Config::from_sources(
        Some(Path::new("/no/such.toml")),
        environment(&[]),
        &Flags::default(),
    );
    assert!(missing.unwrap_err().to_string().contains("/no/such.toml"));
}
