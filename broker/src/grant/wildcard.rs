//! Text patterns with `*`, `?` and `\`, over characters. Pure.
//!
//! One loop with two positions to come back to (the last `*` in the pattern, and where it began in the text): no recursion, no
//! exponential case. The worst case is pattern × text, 512 × the grant's topic length; what policies write (`literal*`) is one comparison.

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wildcard {
    /// The text before the first `*` or `?`, escapes resolved.
    literal: Box<str>,
    rest: Box<[Token]>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    /// `*`: any run of characters, empty and `/` included.
    Run,
    /// `?`: exactly one character.
    One,
    Literal(char),
}

impl Wildcard {
    /// `None` where the pattern ends in the middle of an escape.
    pub(super) fn parse(pattern: &str) -> Option<Self> {
        let tokens = tokens(pattern)?;
        let literal: Box<str> = tokens.iter().copied().map_while(Token::literal).collect();
        let rest = tokens.into_iter().skip(literal.chars().count()).collect();
        Some(Self { literal, rest })
    }

    /// The text that everything which matches begins with.
    pub(super) fn literal(&self) -> &str {
        &self.literal
    }

    /// Whether the pattern stands for one text only.
    pub(super) fn is_literal(&self) -> bool {
        self.rest.is_empty()
    }

    /// A leading `$` is matched only by itself, never by `*` or `?`.
    pub(super) fn matches(&self, text: &str) -> bool {
        // An empty text is never compared: `memcmp` of nothing at a dangling address costs 100 ns on processors with AVX-512.
        let rest = if self.literal.is_empty() {
            (!text.starts_with('$')).then_some(text)
        } else {
            text.strip_prefix(&*self.literal)
        };
        rest.is_some_and(|text| match *self.rest {
            [] => text.is_empty(),
            [Token::Run] => true,
            _ => tokens_match(&self.rest, text),
        })
    }
}

impl Token {
    fn literal(self) -> Option<char> {
        match self {
            Self::Literal(character) => Some(character),
            Self::Run | Self::One => None,
        }
    }

    fn takes(self, character: char) -> bool {
        match self {
            Self::Run => false,
            Self::One => true,
            Self::Literal(expected) => expected == character,
        }
    }
}

fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut characters = pattern.chars();
    let mut tokens = Vec::with_capacity(pattern.len());
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '*' => Token::Run,
            '?' => Token::One,
            '\\' => Token::Literal(characters.next()?),
            other => Token::Literal(other),
        });
    }
    // `**` says no more than `*`.
    tokens.dedup_by(|next, previous| *next == Token::Run && *previous == Token::Run);
    Some(tokens)
}

fn tokens_match(pattern: &[Token], text: &str) -> bool {
    let (mut pattern, mut text) = (pattern, text.chars());
    // Where to go on if what follows the last `*` does not fit: the pattern after it, and the text that it has not yet swallowed.
    let mut retry = None;
    loop {
        let mut ahead = text.clone();
        match (pattern.split_first(), ahead.next()) {
            (Some((Token::Run, [])), _) | (None, None) => return true,
            (Some((Token::Run, after)), _) => {
                pattern = after;
                retry = Some((after, text.clone()));
            }
            (Some((token, after)), Some(character)) if token.takes(character) => {
                pattern = after;
                text = ahead;
            }
            (Some(_), None) => return false,
            (_, Some(_)) => match &mut retry {
                Some((after, swallowed)) => {
                    swallowed.next();
                    pattern = after;
                    text = swallowed.clone();
                }
                None => return false,
            },
        }
    }
}
