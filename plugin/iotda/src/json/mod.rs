//! JSON read where it lies: places in a text instead of a tree, so that nothing is copied, numbers keep their digits, and a payload can be
//! changed in one place without touching the rest.
//!
//! `serde_json` says whether a text is JSON ([`read`]; it goes once over the whole, without recursion); only a text that passed becomes a [`Value`],
//! so walking it cannot fail. A tree of its values, or of raw ones, would copy what a report holds and lose where it lies. Bounds: one pass per level
//! that is looked into.

mod number;
mod scan;
mod text;

pub(crate) use number::Whole;
pub(crate) use text::Text;

use serde::de::IgnoredAny;

/// The one value of a text; otherwise why, and at which place, it is no JSON.
pub(crate) fn read(text: &str) -> Result<Value<'_>, serde_json::Error> {
    serde_json::from_str::<IgnoredAny>(text)?;
    Ok(Value::at(text, scan::skip_space(text.as_bytes(), 0)))
}

/// A value of a well-formed text, as its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value<'t> {
    text: &'t str,
    start: usize,
    end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    Text,
    Number,
    Boolean,
    Null,
}

impl<'t> Value<'t> {
    /// The value that starts here. The text is well-formed and `start` is the first byte of a value.
    fn at(text: &'t str, start: usize) -> Self {
        Self {
            text,
            start,
            end: scan::value_end(text.as_bytes(), start),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self.text.as_bytes().get(self.start) {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::Text,
            Some(b't' | b'f') => Kind::Boolean,
            Some(b'n') => Kind::Null,
            _ => Kind::Number,
        }
    }

    pub(crate) fn start(&self) -> usize {
        self.start
    }

    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// As it is written.
    pub(crate) fn raw(&self) -> &'t str {
        self.text.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// None where it is no number.
    pub(crate) fn whole(&self) -> Option<Whole> {
        (self.kind() == Kind::Number).then(|| number::whole(self.raw()))
    }

    /// None where it is no string.
    pub(crate) fn text(&self) -> Option<Text<'t>> {
        (self.kind() == Kind::Text).then(|| Text::in_quotes(self.raw()))
    }

    /// The members of an object in their order, repeated names too; none of anything else.
    pub(crate) fn members(&self) -> Members<'t> {
        Members(self.entries(Kind::Object))
    }

    /// The items of an array; none of anything else.
    pub(crate) fn items(&self) -> Items<'t> {
        Items(self.entries(Kind::Array))
    }

    fn entries(&self, kind: Kind) -> Entries<'t> {
        let is_kind = self.kind() == kind;
        Entries {
            text: self.text,
            at: if is_kind { self.start + 1 } else { self.end },
            end: self.end,
        }
    }
}

pub(crate) struct Members<'t>(Entries<'t>);

pub(crate) struct Items<'t>(Entries<'t>);

struct Entries<'t> {
    text: &'t str,
    at: usize,
    end: usize,
}

impl<'t> Iterator for Members<'t> {
    type Item = (Text<'t>, Value<'t>);

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.0.value()?;
        let value = self.0.value()?;
        Some((Text::in_quotes(name.raw()), value))
    }
}

impl<'t> Iterator for Items<'t> {
    type Item = Value<'t>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.value()
    }
}

impl<'t> Entries<'t> {
    /// The next name or value: in a well-formed text only space, `,` and `:` lie between them.
    fn value(&mut self) -> Option<Value<'t>> {
        let start = scan::skip_separators(self.text.as_bytes(), self.at);
        // The last byte is the closing bracket.
        if start + 1 >= self.end {
            self.at = self.end;
            return None;
        }
        let value = Value::at(self.text, start);
        self.at = value.end;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(text: &str) -> Vec<(String, String)> {
        let value = read(text).unwrap();
        let shown =
            |(name, value): (Text, Value)| (name.decoded().into_owned(), value.raw().to_owned());
        value.members().map(shown).collect()
    }

    #[test]
    fn members_and_items_are_found_where_they_lie() {
        let text = " { \"a\" : [ 1 , {\"b\":\"]\"} ] , \"c\\u0064\":\"x\\\"}\" ,\"a\":null}\n";
        assert_eq!(
            names(text),
            [
                ("a".to_owned(), "[ 1 , {\"b\":\"]\"} ]".to_owned()),
                ("cd".to_owned(), "\"x\\\"}\"".to_owned()),
                ("a".to_owned(), "null".to_owned()),
            ]
        );
        let value = read("[1,[],{},\"\",-2.5e3,true]").unwrap();
        let kinds: Vec<_> = value.items().map(|item| item.kind()).collect();
        assert_eq!(
            kinds,
            [
                Kind::Number,
                Kind::Array,
                Kind::Object,
                Kind::Text,
                Kind::Number,
                Kind::Boolean
            ]
        );
        assert_eq!(value.members().count(), 0);
        for empty in ["{}", "{ }", "[]", "[ ]", "1", "\"{}\""] {
            let value = read(empty).unwrap();
            assert_eq!(
                value.members().count() + value.items().count(),
                0,
                "{empty}"
            );
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                proptest::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    /// Built again from the places, by recursion: only a test may.
    fn built(value: Value) -> serde_json::Value {
        match value.kind() {
            Kind::Object => value
                .members()
                .map(|(name, value)| (name.decoded().into_owned(), built(value)))
                .collect(),
            Kind::Array => value.items().map(built).collect(),
            Kind::Text => value.text().unwrap().decoded().into_owned().into(),
            _ => serde_json::from_str(value.raw()).unwrap(),
        }
    }

    #[test]
    fn levels_need_no_stack() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        let deep = nested(500_000);
        assert_eq!(read(&deep).unwrap().items().count(), 1);
        assert!(read(&deep[1..]).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            if let Ok(value) = read(&text) {
                prop_assert!(value.members().count() + value.items().count() <= text.len());
            }
        }

        #[test]
        fn it_reads_what_serde_json_reads(json in any_json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
            let text = text.unwrap();
            prop_assert_eq!(built(read(&text).unwrap()), serde_json::from_str::<serde_json::Value>(&text).unwrap());
        }
    }
}
