//! The C ABI of streambro. Empty until its functions land; see `streambro-core` for the library.
