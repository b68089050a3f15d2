//! Charts of how numbers went: which there are ([`catalogue`]), their columns out of the API's samples
//! ([`series`]), and how a page shows them: as a [`figure`] that scripts make more of, or as a [`spark`] in a row.

pub(crate) mod catalogue;
mod drawing;
mod figure;
pub(crate) mod range;
pub(crate) mod series;
mod unit;

pub(crate) use drawing::spark;
pub(crate) use figure::Figure;
pub(crate) use unit::Unit;
