//! Publishing to servers that are not ours: what arrives, what is refused, what is kept secret.

mod canary;
mod certificates;
mod clear;
pub(crate) mod desk;
mod faces;
pub(crate) mod film;
mod journal;
mod legs;
mod logs;
mod loops;
mod peers;
mod piped;
mod queue;
mod races;
mod refusals;
mod restart;
mod rotation;
mod several;
mod timestamps;
mod verbs;
