//! Files that are broken, hostile or very long, and names that are meant for somebody else.

#[cfg(test)]
mod gate;
mod hostile;
mod long;
#[cfg(test)]
mod names;
#[cfg(test)]
mod trap;
