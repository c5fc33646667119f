//! Components that were built for a published version and never again, run through today's host with cases of their own.

use clap::Parser;
use iotda_broker::cli::policy::{Command, execute};
use iotda_broker::policy::Compiler;
use std::path::{Path, PathBuf};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

/// `tests/fixtures/components-*/*.wasm`, and the folder of rules beside each that has its name.
fn kept() -> Vec<(PathBuf, PathBuf)> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let files = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let versions = files(&fixtures).into_iter().filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("components-")
    });
    let components = versions.flat_map(|folder| files(&folder));
    let components = components.filter(|path| path.extension().is_some_and(|end| end == "wasm"));
    components
        .map(|path| (path.clone(), path.with_extension("")))
        .collect()
}

#[test]
fn components_of_published_versions_are_served_as_they_were() {
    let kept = kept();
    assert!(!kept.is_empty(), "no component is kept");
    for (component, rules) in kept {
        let words = [
            "policy",
            "test",
            component.to_str().unwrap(),
            rules.to_str().unwrap(),
        ];
        let line = Line::try_parse_from(words).unwrap();
        let (mut out, mut errors) = (Vec::new(), Vec::new());
        // The tests' own executable compiles nothing.
        let compiler = Compiler::Child(env!("CARGO_BIN_EXE_iotda-broker").into());
        let code = execute(&line.command, &compiler, &mut out, &mut errors);
        let told = String::from_utf8([out, errors].concat()).unwrap();
        assert_eq!(code, 0, "{}: {told}", component.display());
    }
}
