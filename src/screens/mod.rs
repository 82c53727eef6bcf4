//! The pages for desks, lane and technicians.

pub mod certificate;
