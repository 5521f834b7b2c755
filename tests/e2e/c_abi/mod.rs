//! The C ABI, from programs in C and C++.

mod examples;
mod generated;
mod headers;
mod promises;
