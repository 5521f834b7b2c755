//! Files that are broken, hostile or very long.

mod hostile;
mod long;
