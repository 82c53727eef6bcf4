//! Where a device or the broker is reached: `modbus://10.0.0.20:502/1`, `mqtts://eport.example:8883`.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::codes::{self, Code};
use super::faults::nearest;
use super::value::{Flaw, TextValue, inline_text};

/// A device's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `modbus://HOST:PORT/UNIT`
    ModbusTcp { host: Host, port: u16, unit: u8 },
    /// `modbus://BUS/UNIT`
    ModbusBus { bus: String, unit: u8 },
    /// `serial://DEVICE…`
    Serial { port: String },
    /// `file:///FOLDER`
    Folder(PathBuf),
    /// A scheme that later versions speak.
    Later(&'static str),
}

/// A broker's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broker {
    pub(super) tls: bool,
    pub(super) host: Host,
    pub(super) port: u16,
}

/// A host name in lower case or an IP address, without brackets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Host(pub(super) Arc<str>);

impl Host {
    /// Reads a name of letters, digits, `-` and `.`, an IPv4 address, or an IPv6 address in brackets.
    fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Self(address.to_string().into()));
        }
        let label = |part: &str| {
            !part.is_empty()
                && part.len() <= 63
                && !part.starts_with('-')
                && !part.ends_with('-')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let good = if numeric { text.parse::<std::net::Ipv4Addr>().is_ok() } else { text.split('.').all(label) };
        (good && text.len() <= 253).then(|| Self(text.to_lowercase().into()))
    }

    /// True for this machine itself.
    pub(super) fn is_local(&self) -> bool {
        &*self.0 == "localhost" || self.0.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Splits `HOST:PORT`; the port is `None` where there is no colon behind the host.
fn host_and_port(text: &str, code: Code) -> Result<(Host, Option<u16>), Flaw> {
    let bare = text.ends_with(']') || !text.contains(':');
    let (host, port) =
        if bare { (text, None) } else { text.rsplit_once(':').map_or((text, None), |(h, p)| (h, Some(p))) };
    let host =
        Host::parse(host).ok_or_else(|| Flaw::new(code, format!("`{host}` is not a host name or IP address")))?;
    let Some(port) = port else { return Ok((host, None)) };
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => Ok((host, Some(number))),
        Ok(_) | Err(_) => Err(Flaw::new(code, format!("port `{port}` is not a number from 1 to 65535"))),
    }
}

const SCHEMES: &[&str] = &["modbus", "serial", "file", "tcp", "rtsp"];

fn bad(label: impl Into<String>) -> Flaw {
    Flaw::new(codes::BAD_ADDRESS, label).help("write \"modbus://10.0.0.20:502/1\": host, port and unit id")
}

impl TextValue for Address {
    const WHAT: &str = "a device address";

    fn parse(text: &str) -> Result<Self, Flaw> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(bad("expected scheme://…"));
        };
        match scheme {
            "modbus" => modbus(rest),
            "serial" => serial(rest),
            "file" => folder(rest),
            "tcp" => Ok(Self::Later("tcp")),
            "rtsp" => Ok(Self::Later("rtsp")),
            other => Err(match nearest(other, SCHEMES.iter().copied()) {
                Some(near) => Flaw::new(codes::BAD_ADDRESS, format!("unknown scheme `{other}`"))
                    .help(format!("did you mean `{near}://`?")),
                None => bad(format!("unknown scheme `{other}`")),
            }),
        }
    }

    fn schema() -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(modbus://(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?/[0-9]{1,3}|serial://.+|tcp://.+|rtsp://.+|file:///.*)$",
        })
    }
}

fn modbus(rest: &str) -> Result<Address, Flaw> {
    let Some((place, unit)) = rest.rsplit_once('/') else {
        return Err(bad("the unit id is missing behind the host"));
    };
    let unit = match unit.parse::<u8>() {
        Ok(number @ (1..=247 | 255)) if unit.bytes().all(|byte| byte.is_ascii_digit()) => number,
        Ok(_) | Err(_) => return Err(bad(format!("unit `{unit}` is not a number from 1 to 247, or 255"))),
    };
    let (host, port) = host_and_port(place, codes::BAD_ADDRESS).map_err(|flaw| bad(flaw.label))?;
    match port {
        Some(port) => Ok(Address::ModbusTcp { host, port, unit }),
        // Neither a name with dots nor an IPv6 address can be a bus.
        None if place.contains(['.', '[']) => Err(Flaw::new(codes::BAD_ADDRESS, "the port is missing behind the host")
            .help(format!("write \"modbus://{place}:502/{unit}\""))),
        None => Ok(Address::ModbusBus { bus: place.to_owned(), unit }),
    }
}

fn serial(rest: &str) -> Result<Address, Flaw> {
    let port = rest.split_once('?').map_or(rest, |(port, _)| port);
    if port.starts_with('/') {
        return Ok(Address::Serial { port: port.to_owned() });
    }
    Err(Flaw::new(codes::BAD_ADDRESS, "expected the port's path")
        .help("write \"serial:///dev/serial/by-id/…?baud=9600\""))
}

fn folder(rest: &str) -> Result<Address, Flaw> {
    if rest.starts_with('/') && rest.len() > 1 && !rest.chars().any(char::is_control) {
        return Ok(Address::Folder(PathBuf::from(rest)));
    }
    Err(Flaw::new(codes::BAD_ADDRESS, "expected a folder from the root on")
        .help("write \"file:///srv/xray/out\", with three slashes"))
}

impl TextValue for Broker {
    const WHAT: &str = "a broker's address";

    fn parse(text: &str) -> Result<Self, Flaw> {
        let help = "write \"mqtts://HOST:8883\"";
        let flaw = |label: String| Flaw::new(codes::BAD_URL, label).help(help);
        let (tls, rest) = match text.split_once("://") {
            Some(("mqtt", rest)) => (false, rest),
            Some(("mqtts", rest)) => (true, rest),
            Some((other, _)) => return Err(flaw(format!("unknown scheme `{other}`, expected mqtts or mqtt"))),
            None => return Err(flaw("expected mqtts://HOST:PORT".to_owned())),
        };
        if rest.contains('@') {
            return Err(Flaw::new(codes::SECRET, "no user or password belongs into the address")
                .help("the lane proves itself with `cert` and `key` of [uplink]"));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains('/') {
            return Err(flaw("there is something behind the port".to_owned()));
        }
        let (host, port) = host_and_port(rest, codes::BAD_URL).map_err(|wrong| flaw(wrong.label))?;
        Ok(Self { tls, host, port: port.unwrap_or(if tls { 8883 } else { 1883 }) })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^mqtts?://[^/@]+/?$" })
    }
}

inline_text!(Address, Broker);

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        Host(text.into())
    }

    #[test]
    fn addresses_are_read_once_into_what_they_mean() {
        let tcp = |name, port, unit| Address::ModbusTcp { host: host(name), port, unit };
        let table = [
            ("modbus://10.0.0.20:502/1", tcp("10.0.0.20", 502, 1)),
            ("modbus://Relay-7.lane.example:1502/247", tcp("relay-7.lane.example", 1502, 247)),
            ("modbus://[fe80::1]:502/255", tcp("fe80::1", 502, 255)),
            ("modbus://pair1/3", Address::ModbusBus { bus: "pair1".to_owned(), unit: 3 }),
            ("serial:///dev/ttyUSB0?baud=9600", Address::Serial { port: "/dev/ttyUSB0".to_owned() }),
            ("file:///srv/xray", Address::Folder("/srv/xray".into())),
            ("rtsp://10.0.0.30/1", Address::Later("rtsp")),
        ];
        for (text, address) in table {
            assert_eq!(Address::parse(text).ok(), Some(address), "{text}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in [
            "",
            "10.0.0.20",
            "modbus://",
            "modbus:///1",
            "modbus://10.0.0.20/1",
            "modbus://10.0.0.20:502",
            "modbus://10.0.0.20:502/0",
            "modbus://10.0.0.20:502/248",
            "modbus://10.0.0.20:502/+1",
            "modbus://10.0.0.20:0/1",
            "modbus://10.0.0.20:65536/1",
            "modbus://10.0.0.256:502/1",
            "modbus://a b:502/1",
            "modbus://u@h:502/1",
            "modbus://[fe80::1:502/1",
            "serial://ttyUSB0",
            "file://srv/xray",
            "file:///",
            "modbsu://h:502/1",
        ] {
            assert_eq!(Address::parse(text).err().map(|flaw| flaw.code.0), Some("E0112"), "{text}");
        }
    }

    #[test]
    fn brokers_have_a_host_and_no_secret() {
        let broker = |tls, name, port| Broker { tls, host: host(name), port };
        assert_eq!(Broker::parse("mqtts://eport.example:8883").ok(), Some(broker(true, "eport.example", 8883)));
        assert_eq!(Broker::parse("mqtt://127.0.0.1").ok(), Some(broker(false, "127.0.0.1", 1883)));
        assert_eq!(Broker::parse("mqtts://[::1]/").ok(), Some(broker(true, "::1", 8883)));
        for (text, code) in [
            ("http://eport.example", "E0113"),
            ("eport.example:8883", "E0113"),
            ("mqtts://", "E0113"),
            ("mqtts://h/x", "E0113"),
            ("mqtts://h:99999", "E0113"),
            ("mqtts://lane:geheim@eport.example", "E0111"),
        ] {
            assert_eq!(Broker::parse(text).err().map(|flaw| flaw.code.0), Some(code), "{text}");
        }
    }
}
