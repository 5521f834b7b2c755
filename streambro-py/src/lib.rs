//! The native module of the Python package. Empty until its classes land; see `streambro-core` for the library.
