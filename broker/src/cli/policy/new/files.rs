//! The files of a new policy: those of `template/`, with the contract and the tool chain of this broker.
//!
//! `template/` is a crate as it is read and formatted; only its names are replaced. Pure.

/// A file of the new crate.
pub(super) struct Written {
    /// Inside the crate's folder.
    pub(super) path: &'static str,
    pub(super) text: String,
}

const LOCK_FILE: &str = "Cargo.lock";
const SEPARATOR: &str = "[[package]]\n";

macro_rules! template {
    ($($path:literal from $source:literal,)*) => {
        &[$(($path, include_str!($source)),)*]
    };
}

const FILES: &[(&str, &str)] = template! {
    ".cargo/config.toml" from "template/cargo-config.toml",
    ".gitignore" from "template/gitignore",
    "Cargo.lock" from "template/Cargo.lock",
    "Cargo.toml" from "template/Cargo.toml",
    "README.md" from "template/README.md",
    "policy/cases/connecting.json" from "template/policy/cases/connecting.json",
    "policy/cases/documents.json" from "template/policy/cases/documents.json",
    "policy/cases/topics.json" from "template/policy/cases/topics.json",
    "policy/rules.json" from "template/policy/rules.json",
    "rust-toolchain.toml" from "../../../../../rust-toolchain.toml",
    "src/authenticate.rs" from "template/src/authenticate.rs",
    "src/authorize.rs" from "template/src/authorize.rs",
    "src/component.rs" from "template/src/component.rs",
    "src/contract.rs" from "template/src/contract.rs",
    "src/document.rs" from "template/src/document.rs",
    "src/identify.rs" from "template/src/identify.rs",
    "src/inspect.rs" from "template/src/inspect.rs",
    "src/lib.rs" from "template/src/lib.rs",
    "src/refusal.rs" from "template/src/refusal.rs",
    "src/rules.rs" from "template/src/rules.rs",
    "wit/policy.wit" from "../../../../../wit/policy.wit",
};

/// Every file for a policy of this name.
pub(super) fn all(name: &str) -> impl Iterator<Item = Written> {
    FILES.iter().map(move |(path, text)| Written {
        path,
        text: match *path {
            LOCK_FILE => in_order(&named(text, name)),
            _ => named(text, name),
        },
    })
}

/// Cargo sorts a lock file by the names of packages. One in another order is written anew by the first build that may do so.
fn in_order(lock: &str) -> String {
    let mut packages = lock.trim_end().split(SEPARATOR);
    let head = packages.next().unwrap_or_default();
    let mut packages: Vec<&str> = packages.map(str::trim_end).collect();
    packages.sort_unstable();
    packages
        .iter()
        .fold(head.trim_end().to_owned(), |text, one| {
            text + "\n\n" + SEPARATOR + one
        })
        + "\n"
}

fn named(text: &str, name: &str) -> String {
    let underscored = name.replace('-', "_");
    text.replace("your-name", name)
        .replace("your_name", &underscored)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn no_file_of_the_template_is_forgotten() {
        let template =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/policy/new/template/src");
        let mut sources: Vec<_> = std::fs::read_dir(template)
            .unwrap()
            .map(|entry| format!("src/{}", entry.unwrap().file_name().display()))
            .collect();
        sources.sort();
        let listed: Vec<_> = FILES
            .iter()
            .filter(|(path, _)| path.starts_with("src/"))
            .map(|(path, _)| *path)
            .collect();
        assert_eq!(sources, listed);
    }

    #[test]
    fn the_lock_file_is_in_cargos_order_whatever_the_name() {
        let lock = include_str!("template/Cargo.lock");
        assert_eq!(in_order(lock), lock);
        for name in ["a", "serde", "watched", "zz"] {
            let written = all(name).find(|file| file.path == LOCK_FILE).unwrap();
            let text = &written.text;
            assert_eq!(text.len(), named(lock, name).len());
            let names: Vec<_> = text
                .lines()
                .filter(|line| line.starts_with("name"))
                .collect();
            assert!(names.is_sorted(), "{names:?}");
            assert_eq!(names.len(), text.matches(SEPARATOR).count());
        }
    }

    /// What the tests of this workspace build is in nobody's registry cache otherwise.
    #[test]
    fn the_lock_file_has_the_versions_of_this_workspace() {
        let packages = |text: &str| -> Vec<String> {
            let named = text.split("[[package]]").skip(1);
            let named = named.filter(|one| one.contains("source = "));
            named
                .map(|one| one.lines().skip(1).take(2).collect())
                .collect()
        };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
        let ours = packages(&std::fs::read_to_string(path).unwrap());
        let template = packages(include_str!("template/Cargo.lock"));
        assert!(template.len() > 20);
        for package in template {
            assert!(
                ours.contains(&package),
                "{package}: copy Cargo.lock beside the template and run `cargo build`"
            );
        }
    }
}
