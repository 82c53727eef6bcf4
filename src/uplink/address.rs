//! The broker's address as the lane file gives it, decoded once.

use std::fmt;
use std::str::FromStr;

/// Whether the connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Security {
    /// `mqtt://`
    Plain,
    /// `mqtts://`
    Tls,
}

/// `mqtt://host[:port]` or `mqtts://host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// Encrypted or not.
    pub security: Security,
    /// Name or address; an IPv6 address stands in brackets. With TLS, the broker's certificate must carry it.
    pub host: String,
    /// TCP port; 1883 or 8883 when the text names none.
    pub port: u16,
}

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressFault {
    /// Something else than `mqtt` or `mqtts` before `://`.
    Scheme(String),
    /// No host.
    Host,
    /// The text after the last colon is no port.
    Port(String),
    /// User, path or query, which this address does not have.
    Extra(String),
    /// TLS needs the name that the certificate carries, and an IPv6 address cannot be checked against it.
    TlsToIpv6,
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme(text) => {
                write!(f, "`{text}` does not begin with `mqtt://` or `mqtts://`; write `mqtts://host:8883`")
            }
            Self::Host => write!(f, "the broker's host is missing; write `mqtts://host:8883`"),
            Self::Port(text) => write!(f, "`{text}` is not a TCP port; expected 1 to 65535, or nothing"),
            Self::Extra(text) => write!(f, "`{text}` cannot stand in a broker's address; expected host and port alone"),
            Self::TlsToIpv6 => {
                write!(f, "mqtts needs the host name that the broker's certificate carries, not an IPv6 address")
            }
        }
    }
}

impl std::error::Error for AddressFault {}

impl FromStr for Address {
    type Err = AddressFault;

    fn from_str(text: &str) -> Result<Self, AddressFault> {
        let (security, rest, default_port) = if let Some(rest) = text.strip_prefix("mqtts://") {
            (Security::Tls, rest, 8883)
        } else if let Some(rest) = text.strip_prefix("mqtt://") {
            (Security::Plain, rest, 1883)
        } else {
            return Err(AddressFault::Scheme(text.to_owned()));
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if let Some(at) = rest.find(['@', '/', '?', '#', ' ']) {
            return Err(AddressFault::Extra(rest[at..].to_owned()));
        }
        let (host, port) = split_port(rest)?;
        let port = match port {
            None => default_port,
            Some(digits) => match digits.parse() {
                Ok(port) if port != 0 => port,
                Ok(_) | Err(_) => return Err(AddressFault::Port(digits.to_owned())),
            },
        };
        match (security, host) {
            (_, "" | "[]") => Err(AddressFault::Host),
            (Security::Tls, host) if host.starts_with('[') => Err(AddressFault::TlsToIpv6),
            (Security::Tls | Security::Plain, host) => Ok(Self { security, host: host.to_owned(), port }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.security {
            Security::Plain => "mqtt",
            Security::Tls => "mqtts",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

fn split_port(text: &str) -> Result<(&str, Option<&str>), AddressFault> {
    if text.starts_with('[') {
        let Some(end) = text.find(']') else { return Err(AddressFault::Host) };
        let (host, rest) = text.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(AddressFault::Port(rest.to_owned())),
        };
    }
    match text.split_once(':') {
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_a_host_and_maybe_a_port() {
        let cases = [
            ("mqtt://10.0.0.1", Security::Plain, "10.0.0.1", 1883),
            ("mqtts://eport.example", Security::Tls, "eport.example", 8883),
            ("mqtts://eport.example:18883/", Security::Tls, "eport.example", 18883),
            ("mqtt://[::1]:1884", Security::Plain, "[::1]", 1884),
            ("mqtt://[fe80::1]", Security::Plain, "[fe80::1]", 1883),
        ];
        for (text, security, host, port) in cases {
            assert_eq!(text.parse(), Ok(Address { security, host: host.to_owned(), port }), "{text}");
        }
    }

    #[test]
    fn a_wrong_address_is_refused_with_the_part_that_is_wrong() {
        let cases = [
            ("eport.example:1883", AddressFault::Scheme("eport.example:1883".into())),
            ("http://eport.example", AddressFault::Scheme("http://eport.example".into())),
            ("mqtt://", AddressFault::Host),
            ("mqtt://:1883", AddressFault::Host),
            ("mqtt://[::1", AddressFault::Host),
            ("mqtt://host:0", AddressFault::Port("0".into())),
            ("mqtt://host:70000", AddressFault::Port("70000".into())),
            ("mqtt://a:b:c", AddressFault::Port("b:c".into())),
            ("mqtt://user:secret@host", AddressFault::Extra("@host".into())),
            ("mqtt://host/path", AddressFault::Extra("/path".into())),
            ("mqtts://[::1]:8883", AddressFault::TlsToIpv6),
        ];
        for (text, fault) in cases {
            assert_eq!(text.parse::<Address>(), Err(fault), "{text}");
        }
    }
}
