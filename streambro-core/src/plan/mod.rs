//! What a stream will take. Pure: facts in, figures out.

mod cost;
mod facts;

pub(crate) use cost::{Cost, demand};
pub(crate) use facts::Facts;
