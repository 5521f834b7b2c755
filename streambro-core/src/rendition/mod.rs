//! What has been encoded once and is copied ever after.

mod store;
