//! Where a device or the broker is reached: `modbus://10.0.0.20:502/1`, `mqtts://eport.example:8883`.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::codes::{self, Code};
use super::faults::nearest;
use super::serial::Settings;
use super::value::{Flaw, TextValue, inline_text};

/// A device's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// `modbus://HOST:PORT/UNIT`
    ModbusTcp { host: Host, port: u16, unit: u8 },
    /// `modbus+rtu://HOST:PORT/UNIT`: a gateway that passes on what a serial bus carries.
    ModbusGateway { host: Host, port: u16, unit: u8 },
    /// `modbus://BUS/UNIT`
    ModbusBus { bus: String, unit: u8 },
    /// `serial://PATH?baud=9600&…`: a port with one device on it; with `unit` it speaks Modbus.
    Serial { path: PathBuf, settings: Settings, unit: Option<u8> },
    /// `serial://BUS`, `serial://BUS?unit=2`: a device on a [bus.NAME] that does not speak Modbus, alone or one of several.
    SerialBus { bus: String, unit: Option<u8> },
    /// `tcp://HOST:PORT`: a device that does not speak Modbus.
    Tcp { host: Host, port: u16 },
    /// `rtsp://HOST[:PORT]/PATH`
    Rtsp(Rtsp),
    /// `v4l2:///dev/v4l/by-id/…`
    V4l2(PathBuf),
    /// `file:///FOLDER`, `file:///CLIP`
    File(PathBuf),
}

/// Where a camera's stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rtsp {
    pub(super) host: Host,
    pub(super) port: u16,
    /// Path and query, from the `/` on.
    pub(super) path: String,
}

impl std::fmt::Display for Rtsp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port, path } = self;
        if host.0.contains(':') {
            write!(f, "rtsp://[{}]:{port}{path}", host.0)
        } else {
            write!(f, "rtsp://{}:{port}{path}", host.0)
        }
    }
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

impl TextValue for Host {
    const WHAT: &str = "a host name or IP address";

    fn parse(text: &str) -> Result<Self, Flaw> {
        let bare = text.parse::<Ipv6Addr>().map(|address| Self(address.to_string().into()));
        bare.ok().or_else(|| Self::parse(text)).ok_or_else(|| {
            Flaw::new(codes::BAD_NAME, format!("`{text}` is not a host name or IP address"))
                .help("write the name alone, as it stands in the browser's address bar: without https:// and port")
        })
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9.:\\[\\]-]{1,253}$" })
    }
}

super::value::inline_text!(Host);

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

const SCHEMES: &[&str] = &["modbus", "modbus+rtu", "serial", "tcp", "rtsp", "v4l2", "file"];

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
            "modbus+rtu" => gateway(rest),
            "serial" => serial(rest),
            "tcp" => tcp(rest),
            "rtsp" => rtsp(rest),
            "v4l2" => v4l2(rest),
            "file" => file(rest),
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
            "pattern": "^(modbus(\\+rtu)?://(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?/[0-9]{1,3}|serial://.+|tcp://.+:[0-9]{1,5}/?|rtsp://[^@]+|v4l2:///dev/.+|file:///.+)$",
        })
    }
}

fn modbus(rest: &str) -> Result<Address, Flaw> {
    let (place, unit) = place_and_unit(rest)?;
    let (host, port) = host_and_port(place, codes::BAD_ADDRESS).map_err(|flaw| bad(flaw.label))?;
    match port {
        // 255 is for devices on TCP that have no unit id of their own.
        Some(port) if unit == "255" => Ok(Address::ModbusTcp { host, port, unit: 255 }),
        Some(port) => Ok(Address::ModbusTcp { host, port, unit: bus_unit(unit).map_err(or_255)? }),
        // Neither a name with dots nor an IPv6 address can be a bus.
        None if place.contains(['.', '[']) => Err(Flaw::new(codes::BAD_ADDRESS, "the port is missing behind the host")
            .help(format!("write \"modbus://{place}:502/{unit}\""))),
        None => Ok(Address::ModbusBus { bus: place.to_owned(), unit: bus_unit(unit)? }),
    }
}

fn gateway(rest: &str) -> Result<Address, Flaw> {
    let help = "write \"modbus+rtu://10.0.0.20:4001/3\": the gateway's host and port, and the unit id on its bus";
    let (place, unit) = place_and_unit(rest).map_err(|flaw| flaw.help(help))?;
    let (host, port) = host_and_port(place, codes::BAD_ADDRESS).map_err(|flaw| flaw.help(help))?;
    let port = port.ok_or_else(|| Flaw::new(codes::BAD_ADDRESS, "the port is missing behind the host").help(help))?;
    Ok(Address::ModbusGateway { host, port, unit: bus_unit(unit)? })
}

fn place_and_unit(rest: &str) -> Result<(&str, &str), Flaw> {
    rest.rsplit_once('/').ok_or_else(|| bad("the unit id is missing behind the host"))
}

/// A unit id on a serial bus: 0 is a broadcast, 248 and above are reserved.
pub(super) fn bus_unit(text: &str) -> Result<u8, Flaw> {
    match text.parse::<u8>() {
        Ok(number @ 1..=247) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
        Ok(_) | Err(_) => {
            let why = if text == "0" { " (0 is a broadcast, which nobody answers)" } else { "" };
            let label = format!("unit `{text}` is not a number from 1 to 247{why}");
            Err(Flaw::new(codes::BAD_ADDRESS, label).help("write the unit id that is set on the device: \"…/1\""))
        }
    }
}

fn or_255(flaw: Flaw) -> Flaw {
    Flaw { label: flaw.label + ", or 255", ..flaw }
}

fn serial(rest: &str) -> Result<Address, Flaw> {
    let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
    let help = "write \"serial:///dev/serial/by-id/…?baud=9600\", or the name of a [bus.NAME]: \"serial://pair1\"";
    let flaw = |label: &str| Flaw::new(codes::BAD_ADDRESS, label).help(help);
    if place.starts_with('/') && place.len() > 1 && !place.chars().any(char::is_control) {
        let (settings, unit) = match query {
            Some(query) => Settings::query(query)?,
            None => (Settings::default(), None),
        };
        return Ok(Address::Serial { path: PathBuf::from(place), settings, unit });
    }
    let named = !place.is_empty() && place.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match query {
        None if named => Ok(Address::SerialBus { bus: place.to_owned(), unit: None }),
        Some(query) if named => match query.strip_prefix("unit=").map(str::parse) {
            Some(Ok(unit @ 1..=247)) => Ok(Address::SerialBus { bus: place.to_owned(), unit: Some(unit) }),
            Some(Ok(_) | Err(_)) => Err(flaw("the unit is a number from 1 to 247")),
            None => Err(flaw("the settings of a bus stand in its [bus.NAME], expected its name, and ?unit= at most")),
        },
        Some(_) | None => Err(flaw("expected the port's path from the root on, or the name of a bus")),
    }
}

fn tcp(rest: &str) -> Result<Address, Flaw> {
    let help = "write \"tcp://10.0.0.40:4001\": host and port";
    match host_and_port(rest.strip_suffix('/').unwrap_or(rest), codes::BAD_ADDRESS).map_err(|flaw| flaw.help(help))? {
        (host, Some(port)) => Ok(Address::Tcp { host, port }),
        (_, None) => Err(Flaw::new(codes::BAD_ADDRESS, "the port is missing behind the host").help(help)),
    }
}

fn rtsp(rest: &str) -> Result<Address, Flaw> {
    let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
    if place.contains('@') {
        return Err(Flaw::new(codes::SECRET, "no user or password belongs into the address")
            .help("give the camera a user for the lane alone, and keep its password in a file"));
    }
    let help = "write \"rtsp://10.0.0.30:554/stream1\"";
    let (host, port) = host_and_port(place, codes::BAD_ADDRESS).map_err(|flaw| flaw.help(help))?;
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(
            Flaw::new(codes::BAD_ADDRESS, "blanks and other signs have to be written as %20 and so on").help(help)
        );
    }
    Ok(Address::Rtsp(Rtsp { host, port: port.unwrap_or(554), path: format!("/{path}") }))
}

fn v4l2(rest: &str) -> Result<Address, Flaw> {
    if rest.strip_prefix("/dev/").is_some_and(|name| !name.is_empty() && !name.chars().any(char::is_control)) {
        return Ok(Address::V4l2(PathBuf::from(rest)));
    }
    Err(Flaw::new(codes::BAD_ADDRESS, "expected the camera's path below /dev/")
        .help("write \"v4l2:///dev/v4l/by-id/…\", with three slashes"))
}

fn file(rest: &str) -> Result<Address, Flaw> {
    if rest.starts_with('/') && rest.len() > 1 && !rest.chars().any(char::is_control) {
        return Ok(Address::File(PathBuf::from(rest)));
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
    use crate::config::choice::ParityBit;
    use crate::config::serial::Baud;

    fn host(text: &str) -> Host {
        Host(text.into())
    }

    #[test]
    fn addresses_are_read_once_into_what_they_mean() {
        let tcp = |name, port, unit| Address::ModbusTcp { host: host(name), port, unit };
        let serial = |path: &str, settings, unit| Address::Serial { path: path.into(), settings, unit };
        let rtsp = |name, port, path: &str| Address::Rtsp(Rtsp { host: host(name), port, path: path.to_owned() });
        let table = [
            ("modbus://10.0.0.20:502/1", tcp("10.0.0.20", 502, 1)),
            ("modbus://Relay-7.lane.example:1502/247", tcp("relay-7.lane.example", 1502, 247)),
            ("modbus://[fe80::1]:502/255", tcp("fe80::1", 502, 255)),
            ("modbus://pair1/3", Address::ModbusBus { bus: "pair1".to_owned(), unit: 3 }),
            ("modbus+rtu://gw7:4001/3", Address::ModbusGateway { host: host("gw7"), port: 4001, unit: 3 }),
            ("serial:///dev/ttyUSB0", serial("/dev/ttyUSB0", Settings::default(), None)),
            (
                "serial:///dev/ttyS1?baud=1200&parity=even&unit=3",
                serial(
                    "/dev/ttyS1",
                    Settings { baud: Baud(1_200), parity: ParityBit::Even, ..Settings::default() },
                    Some(3),
                ),
            ),
            ("serial://pair1", Address::SerialBus { bus: "pair1".to_owned(), unit: None }),
            ("serial://pair1?unit=2", Address::SerialBus { bus: "pair1".to_owned(), unit: Some(2) }),
            ("tcp://10.0.0.40:4001", Address::Tcp { host: host("10.0.0.40"), port: 4001 }),
            ("file:///srv/xray", Address::File("/srv/xray".into())),
            ("rtsp://10.0.0.30/1?a=b", rtsp("10.0.0.30", 554, "/1?a=b")),
            ("rtsp://[fe80::1]:8554", rtsp("fe80::1", 8554, "/")),
            ("v4l2:///dev/v4l/by-id/usb-1", Address::V4l2("/dev/v4l/by-id/usb-1".into())),
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
            "modbus://pair1/255",
            "modbus://pair1/0",
            "modbus+rtu://10.0.0.20/1",
            "modbus+rtu://10.0.0.20:4001/255",
            "serial://",
            "serial:///",
            "serial://dev/ttyUSB0",
            "serial://pair1?baud=9600",
            "serial:///dev/ttyUSB0?baud=9601",
            "tcp://10.0.0.40",
            "tcp://10.0.0.40:4001/x",
            "rtsp://10.0.0.30/a b",
            "v4l2:///video0",
            "v4l2://dev/video0",
            "file://srv/xray",
            "file:///",
            "modbsu://h:502/1",
        ] {
            assert_eq!(Address::parse(text).err().map(|flaw| flaw.code.0), Some("E0112"), "{text}");
        }
    }

    #[test]
    fn a_camera_address_carries_no_password() {
        assert_eq!(Address::parse("rtsp://lane:geheim@10.0.0.30/1").err().map(|flaw| flaw.code.0), Some("E0111"));
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
