//! A filter as text, understood.

use super::fields::subject;
use super::test::{Comparison, Literal, Test, number};
use super::{Subject, Term};
use crate::query::Pattern;

/// Terms of one filter,
const MAX_TERMS: usize = 32;
/// and bytes of its text.
const MAX_BYTES: usize = 4096;

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadFilter {
    /// It is too long.
    #[error("filter must have at most {MAX_BYTES} bytes and {MAX_TERMS} terms")]
    TooLong,
    /// A term makes no sense.
    #[error("filter term '{term}': {rule}")]
    Term {
        /// As it was written.
        term: String,
        /// What it ought to be.
        rule: String,
    },
}

/// The terms in `text`.
pub(super) fn terms(text: &str) -> Result<Vec<Term>, BadFilter> {
    if text.len() > MAX_BYTES {
        return Err(BadFilter::TooLong);
    }
    let mut reader = Reader { rest: text };
    let mut terms = Vec::new();
    loop {
        reader.rest = reader.rest.trim_start();
        if reader.rest.is_empty() {
            return Ok(terms);
        }
        if terms.len() == MAX_TERMS {
            return Err(BadFilter::TooLong);
        }
        let begin = reader.rest;
        let term = reader.term().map_err(|rule| {
            let length = begin.len() - reader.rest.len();
            let term = begin[..length].to_owned();
            BadFilter::Term { term, rule }
        });
        terms.push(term?);
    }
}

/// What is still to be understood.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// The next term. When it is none, what was read of it is what is wrong with it.
    fn term(&mut self) -> Result<Term, String> {
        let negated = self.is_negated();
        if negated {
            self.rest = &self.rest[1..];
        }
        let (subject, test) = match self.subject() {
            Some(subject) => (subject, self.test()?),
            None => (Subject::Name, Some(self.text_or_expression()?)),
        };
        Ok(match test {
            Some(test) => Term {
                negated,
                subject,
                test,
            },
            // No value is what has none.
            None => Term {
                negated: !negated,
                subject,
                test: Test::Present,
            },
        })
    }

    /// Names of connections have an arrow in them, with blanks around it: that is a word.
    fn is_negated(&self) -> bool {
        let term = self.rest.strip_prefix('-');
        term.is_some_and(|term| !term.is_empty() && !term.starts_with(is_blank_or_arrow))
    }

    /// A field and its colon. What can't be a field is a part of a name.
    fn subject(&mut self) -> Option<Subject> {
        let (name, rest) = self.rest.split_once(':')?;
        let subject = subject(name)?;
        self.rest = rest;
        Some(subject)
    }

    /// What follows a field; `None`: nothing.
    fn test(&mut self) -> Result<Option<Test>, String> {
        if let Some((comparison, rest)) = Comparison::split(self.rest) {
            self.rest = rest;
            let bound = number(self.word());
            let rule = "what follows <, <=, > or >= must be a number, such as 1000, 1.5k, 2M or 1G";
            return Ok(Some(Test::Compares(comparison, bound.ok_or(rule)?)));
        }
        if let Some(rest) = self.rest.strip_prefix('=') {
            self.rest = rest;
            return Ok(Some(Test::Is(Literal::new(self.text()?))));
        }
        if self.rest.is_empty() || self.rest.starts_with(char::is_whitespace) {
            return Ok(None);
        }
        if let Some(rest) = self.rest.strip_prefix('*')
            && (rest.is_empty() || rest.starts_with(char::is_whitespace))
        {
            self.rest = rest;
            return Ok(Some(Test::Present));
        }
        self.text_or_expression().map(Some)
    }

    /// A slash alone is text.
    fn text_or_expression(&mut self) -> Result<Test, String> {
        match self.rest.strip_prefix('/') {
            Some(rest) if !rest.is_empty() && !rest.starts_with(char::is_whitespace) => {
                self.expression().map(Test::Matches)
            }
            _ => self.text().map(Test::like),
        }
    }

    /// A regular expression ends with the first slash that no blank, but another term or nothing follows.
    fn expression(&mut self) -> Result<Pattern, String> {
        let inside = &self.rest[1..];
        let mut ends = inside.match_indices('/').map(|(end, _)| end);
        let end = ends.find(|end| {
            let after = &inside[end + 1..];
            after.is_empty() || after.starts_with(char::is_whitespace)
        });
        let Some(end) = end else {
            self.word();
            let rule =
                "a regular expression ends with a /; text that begins with one stands in quotes";
            return Err(rule.to_owned());
        };
        self.rest = &inside[end + 1..];
        Pattern::matching(&inside[..end]).map_err(|why| {
            let why = why.to_string();
            let why = why.lines().last().unwrap_or_default();
            format!("no regular expression: {why}")
        })
    }

    fn text(&mut self) -> Result<String, String> {
        match self.rest.strip_prefix('"') {
            Some(inside) => {
                self.rest = inside;
                self.quoted()
            }
            None => Ok(self.word().to_owned()),
        }
    }

    /// Up to the next quote.
    fn quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let mut characters = self.rest.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => {
                    self.rest = characters.as_str();
                    return self.ended().map(|()| text);
                }
                '\\' => match characters.next() {
                    Some(escaped @ ('"' | '\\')) => text.push(escaped),
                    other => text.extend(std::iter::once('\\').chain(other)),
                },
                other => text.push(other),
            }
        }
        self.rest = "";
        Err("it has a \" that no other one ends".to_owned())
    }

    /// Nothing is glued to what was quoted.
    fn ended(&mut self) -> Result<(), String> {
        match self.word() {
            "" => Ok(()),
            _ => Err("a blank must follow what stands in quotes".to_owned()),
        }
    }
}

impl<'a> Reader<'a> {
    /// Up to the next blank.
    fn word(&mut self) -> &'a str {
        let end = self.rest.find(char::is_whitespace);
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }
}

fn is_blank_or_arrow(character: char) -> bool {
    character.is_whitespace() || character == '>'
}
