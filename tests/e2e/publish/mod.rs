//! Publishing to servers that are not ours: what arrives, what is refused, what is kept secret.

mod canary;
mod certificates;
mod clear;
mod desk;
mod faces;
mod film;
mod journal;
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
