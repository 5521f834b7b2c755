//! MP4 and QuickTime (ISO/IEC 14496-12, -14, -15): everything that copying needs, and a named reason for the rest.
//!
//! Tables stay in the file. [`open`](open::open) walks each once; a cursor then keeps one small [`Place`](lane::Place)
//! per track.

pub(crate) mod atoms;
pub(crate) mod edits;
pub(crate) mod entries;
pub(crate) mod fragments;
pub(crate) mod lane;
pub(crate) mod open;
pub(crate) mod scan;
pub(crate) mod tables;
pub(crate) mod track;
