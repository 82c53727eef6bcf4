//! Links: the only code that opens a device link. One task per link; devices on it take turns.
pub mod folder;
pub mod picture;
