//! The TOML a technician writes, made into types that cannot be wrong, every fault with its place.
