//! Many files on one unbroken connection, as real servers record them.

mod decoders;
mod edits;
mod hold;
mod joints;
mod layers;
mod made;
mod points;
mod show;
