//! Peers, clips and fault injection for the end-to-end tests.
