//! One file a verb.

pub mod check;
pub mod init;
pub mod schema;
