//! Which cases run. Pure.

use super::{About, Level};

/// What the caller asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The least binding level that runs: `Should` runs what must and what should.
    pub level: Level,
    /// Text that the file, the name, the source or a row has to contain, in any case of letters.
    pub filter: Option<String>,
}

impl Selection {
    /// Whether this case runs.
    pub fn takes(&self, about: &About) -> bool {
        let filter = self.filter.as_ref().map(|filter| filter.to_lowercase());
        about.level <= self.level && filter.is_none_or(|filter| names(about, &filter))
    }
}

fn names(about: &About, filter: &str) -> bool {
    let texts = [&about.file, &about.name, &about.source];
    let mut texts = texts.into_iter().chain(&about.rows);
    texts.any(|text| text.to_lowercase().contains(filter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_takes_what_binds_as_much_or_more() {
        for (asked, taken) in [(Level::Must, 1), (Level::Should, 2), (Level::May, 3)] {
            let selection = Selection {
                level: asked,
                filter: None,
            };
            let about = |level| About {
                level,
                ..About::default()
            };
            let levels = [Level::Must, Level::Should, Level::May];
            let count = levels
                .into_iter()
                .filter(|level| selection.takes(&about(*level)));
            assert_eq!(count.count(), taken, "{asked:?}");
        }
    }

    #[test]
    fn a_filter_looks_at_all_that_names_a_case() {
        let about = About {
            file: "connect.toml".into(),
            name: "a second CONNECT".into(),
            rows: vec!["C3".into()],
            source: "MQTT-3.1.0-2".into(),
            ..About::default()
        };
        for (filter, taken) in [
            ("connect.toml", true),
            ("Second connect", true),
            ("c3", true),
            ("3.1.0-2", true),
            ("publish", false),
        ] {
            let selection = Selection {
                level: Level::May,
                filter: Some(filter.into()),
            };
            assert_eq!(selection.takes(&about), taken, "{filter}");
        }
    }
}
