//! Portside: the edge controller of a shared inspection lane. README.md has the code map, the invariants and the
//! glossary.

#[cfg(feature = "embedded-broker")]
pub mod broker;
pub mod bundle;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod demo;
pub mod diagnose;
pub mod dicos;
pub mod field;
pub mod image;
pub mod journal;
pub mod lane;
pub mod notify;
pub mod people;
pub mod run;
pub mod screens;
pub mod simulate;
pub mod supervise;
pub mod thermal;
pub mod uplink;
