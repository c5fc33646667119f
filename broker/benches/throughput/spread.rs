//! Median, 99th percentile and maximum of a list of figures; NaN where there is none.

pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        Self {
            median: at(values.len() / 2),
            p99: at(values.len() * 99 / 100),
            max: at(values.len().saturating_sub(1)),
        }
    }
}

/// `{:>10}` for each.
impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { median, p99, max } = self;
        write!(f, "{median:>10.2}{p99:>10.2}{max:>10.2}")
    }
}
