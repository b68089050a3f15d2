//! Paths to fields, and how far one has come along all of them.

use std::iter::Peekable;
use std::str::Chars;

/// `$.card.number`, `$..password`, `$.lines[*].price`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    /// As it was written.
    pub(super) text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// To the field with this name, or the place with this number in a list.
    Name(String),
    /// To any one below.
    Any,
    /// To any place below, however deep, and to where it is.
    Deep,
}

impl Path {
    /// `None`: it is no path.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut letters = text.strip_prefix('$')?.chars().peekable();
        let mut steps = Vec::new();
        while let Some(letter) = letters.next() {
            match letter {
                '.' => {
                    if letters.next_if_eq(&'.').is_some() {
                        steps.push(Step::Deep);
                    }
                    if letters.peek() != Some(&'[') {
                        steps.push(step(name(&mut letters)?));
                    }
                }
                '[' => steps.push(bracketed(&mut letters)?),
                _ => return None,
            }
        }
        Some(Self {
            text: text.to_owned(),
            steps,
        })
    }
}

fn step(name: String) -> Step {
    match name.as_str() {
        "*" => Step::Any,
        _ => Step::Name(name),
    }
}

/// A name up to the next dot or bracket.
fn name(letters: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut name = String::new();
    while let Some(letter) = letters.next_if(|letter| !matches!(letter, '.' | '[')) {
        name.push(letter);
    }
    (!name.is_empty()).then_some(name)
}

/// `*]`, `7]`, `'a name']`, after the bracket.
fn bracketed(letters: &mut Peekable<Chars<'_>>) -> Option<Step> {
    let quote = letters.next_if(|letter| matches!(letter, '\'' | '"'));
    let end = quote.unwrap_or(']');
    let mut inner = String::new();
    loop {
        match letters.next()? {
            letter if letter == end => break,
            letter => inner.push(letter),
        }
    }
    if quote.is_some() {
        return (letters.next() == Some(']')).then_some(Step::Name(inner));
    }
    let is_number = inner.bytes().all(|byte| byte.is_ascii_digit()) && !inner.is_empty();
    (is_number || inner == "*").then(|| step(inner))
}

/// A place in a value: what is left of each path that leads here or below.
pub(super) struct Place<'a>(Vec<&'a [Step]>);

impl<'a> Place<'a> {
    /// The value itself.
    pub(super) fn start(paths: &'a [Path]) -> Self {
        Self::of(paths.iter().map(|path| path.steps.as_slice()))
    }

    fn of(left: impl Iterator<Item = &'a [Step]>) -> Self {
        let mut all: Vec<&[Step]> = Vec::new();
        for mut steps in left {
            loop {
                let is_same = |other: &&[Step]| std::ptr::eq(*other, steps);
                if !all.iter().any(is_same) {
                    all.push(steps);
                }
                // Where it is counts, too.
                match steps {
                    [Step::Deep, rest @ ..] => steps = rest,
                    _ => break,
                }
            }
        }
        Self(all)
    }

    /// What is at this place of the value.
    pub(super) fn below(&self, name: &str) -> Self {
        let left = self.0.iter().filter_map(|steps| match steps {
            [Step::Deep, ..] => Some(*steps),
            [Step::Any, rest @ ..] => Some(rest),
            [Step::Name(wanted), rest @ ..] if wanted == name => Some(rest),
            _ => None,
        });
        Self::of(left)
    }

    /// Does a path end here?
    pub(super) fn is_masked(&self) -> bool {
        self.0.iter().any(|steps| steps.is_empty())
    }

    /// Does no path lead here?
    pub(super) fn is_left(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, place: &[&str], expected: bool) {
        let paths = [Path::parse(path).unwrap()];
        let start = Place::start(&paths);
        let end = place.iter().fold(start, |place, name| place.below(name));
        assert_eq!(end.is_masked(), expected, "{path} {place:?}");
    }

    #[test]
    fn paths_lead_to_their_fields() {
        check("$", &[], true);
        check("$.card.number", &["card", "number"], true);
        check("$.card.number", &["card"], false);
        check("$.card.number", &["card", "number", "x"], false);
        check("$['card'][\"a.b\"]", &["card", "a.b"], true);
        check("$.lines[*].price", &["lines", "7", "price"], true);
        check("$.lines[1]", &["lines", "1"], true);
        check("$.lines[1]", &["lines", "2"], false);
        check("$.*.id", &["any", "id"], true);
        check("$..password", &["password"], true);
        check("$..password", &["a", "0", "password"], true);
        check("$..password", &["a", "passwords"], false);
        check("$.a..b.c", &["a", "x", "b", "b", "c"], true);
        check("$.a..b.c", &["b", "c"], false);
        check("$..[0]", &["a", "0"], true);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "", "a", "$a", "$.", "$..", "$.a.", "$[", "$[]", "$[a]", "$['a'", "$['a'x]", "$.a[-1]",
        ] {
            assert_eq!(Path::parse(text), None, "{text}");
        }
    }
}
