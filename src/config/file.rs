//! The sections of a lane file as they are written. What they say of each other is judged in `settle/`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::Spanned;
use toml::de::DeValue;

use super::address::{Address, Broker, Host};
use super::choice::{
    BeltPlace, Decide, Decisive, DeviceKind, Direction, Mode, ParityBit, Place, Receipts, Role, Traffic,
};
use super::faults::{Faults, Placed};
use super::measure::{Count, Degrees, Metres, Pace, Percent};
use super::quantity::{Size, Span};
use super::serial::{Baud, DataBits, StopBits};
use super::table::{Key, Spot, TomlValue, table, wrong_type};
use super::value::{FilePath, Id, Listen, PointName, Recipient, Text, TextValue, Zone};

const SECOND: u64 = 1_000;
pub(super) const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

table! {
    /// One lane of a port, for the portside daemon: its devices, its agencies, its rules.
    LaneFile, "" {
        /// Which lane this is.
        required lane: LaneTable, like "[lane]";
        /// The agencies that share the lane, one [[agency]] each.
        required agency: Vec<Placed<AgencyTable>>, like "[[agency]]";
        /// Where records and evidence are kept.
        required store: StoreTable, like "[store]";
        /// The way to the central e-port. Without it the lane works alone and keeps everything.
        optional uplink: UplinkTable;
        /// Where the pages for desks, lane and technicians are served.
        optional screens: ScreensTable;
        /// Shared serial buses, one [bus.NAME] each.
        optional bus: Named<BusTable>;
        /// The devices, one [[device]] each.
        required device: Vec<Placed<DeviceTable>>, like "[[device]]";
        /// Where subjects are judged: an X-ray machine, if any, with its desks.
        required station: Vec<Placed<StationTable>>, like "[[station]]";
        /// How verdicts become a release.
        optional review: ReviewTable = "{}";
        /// The barrier and the sensors that guard it.
        optional gate: GateTable;
        /// The belt of a lane for baggage or parcels, instead of [gate].
        optional belt: BeltTable;
        /// How temperatures are measured, and which agency confirms them.
        optional temperature: TemperatureTable;
        /// The radiation portal in the lane, and which agency holds for it.
        optional radiation: RadiationTable;
        /// Device profiles of the site's own.
        optional profiles: ProfilesTable;
    }
}

table! {
    /// Which lane this is.
    LaneTable, "[lane]" {
        /// The port: its UN/LOCODE or its own code.
        required port: Id, like "\"CNTYN\"";
        /// The lane's id within the port.
        required id: Id, like "\"G03\"";
        /// The lane's name for people.
        required name: Text, like "\"货运卡口 3 号通道\"";
        /// What passes through: vehicle at a [gate], baggage or parcel on a [belt].
        required traffic: Traffic, like "\"vehicle\"";
        /// Which way subjects pass.
        required direction: Direction, like "\"entry\"";
        /// Normal or emergency.
        optional mode: Mode = "\"normal\"";
        /// The lane's time zone, for people; records are in UTC.
        required time_zone: Zone, like "\"Asia/Shanghai\"";
    }
}

table! {
    /// One agency that shares the lane.
    AgencyTable, "[[agency]]" {
        /// The agency's id.
        required id: Id, like "\"customs\"";
        /// The agency's name for people.
        required name: Text, like "\"海关\"";
        /// Public keys (age) that can open this agency's confidential records. Not in this version.
        optional seal_to: Vec<Placed<Recipient>> = "[]";
    }
}

table! {
    /// Where records and evidence are kept.
    StoreTable, "[store]" {
        /// The folder, on a local disk.
        required dir: FilePath, like "\"/var/lib/portside\"";
        /// How much it may take.
        optional limit: Size<100, 1_000_000_000> = "\"200 GB\"";
        /// How long closed and delivered inspections are kept; held ones are kept until they are closed.
        optional keep: Span<DAY, { 36_500 * DAY }> = "\"180 d\"";
    }
}

table! {
    /// The way to the central e-port.
    UplinkTable, "[uplink]" {
        /// The broker, MQTT 5: mqtts://HOST:PORT, or mqtt://HOST:PORT without protection.
        required url: Broker, like "\"mqtts://eport.example:8883\"";
        /// PEM file of the authority that signed the broker's certificate; required with mqtts.
        optional ca: FilePath, like "\"/etc/portside/ca.pem\"";
        /// PEM file with the lane's own certificate, for brokers that ask for one.
        optional cert: FilePath, like "\"/etc/portside/lane.pem\"";
        /// PEM file with the private key of `cert`; a path, never the key itself.
        optional key: FilePath, like "\"/run/credentials/portside@g03.service/lane.key\"";
        /// MQTT client id; if absent, made of port and lane.
        optional client_id: Id, like "\"portside-CNTYN-G03\"";
        /// How often an idle connection is tried.
        optional keepalive: Span<{ 5 * SECOND }, { 10 * MINUTE }> = "\"30 s\"";
        /// File with the keys whose signed requests and receipts count. Not in this version.
        optional trust: FilePath, like "\"/etc/portside/trust.toml\"";
        /// What makes a record no longer owed: the broker's acknowledgement (puback) or the centre's receipt (centre).
        required receipts: Receipts, like "\"puback\"";
    }
}

table! {
    /// Where the pages for desks, lane and technicians are served, over HTTPS.
    ScreensTable, "[screens]" {
        /// IP address and port of this machine.
        required listen: Listen, like "\"0.0.0.0:8443\"";
        /// PEM file with the certificate of the pages and its chain; if absent, the daemon makes one at its first start.
        optional cert: FilePath, like "\"/etc/portside/screens.pem\"";
        /// PEM file with the private key of `cert`; a path, never the key itself.
        optional key: FilePath, like "\"/etc/portside/screens.key\"";
        /// Names and addresses that browsers use for this machine; requests under any other are refused. If absent: its
        /// own name and addresses, and localhost.
        optional hosts: Vec<Placed<Host>>, like "[ \"lane-g03.port.example\" ]";
        /// A screen is locked when nobody has touched it for this long; its case is kept.
        optional lock_after: Span<{ 2 * MINUTE }, { 15 * MINUTE }> = "\"5 min\"";
        /// Folder of typical images that desks may compare with: each an X-ray file, named as the desks show it. If
        /// absent: `typical` in the store's folder.
        optional typical: FilePath, like "\"/etc/portside/typical\"";
        /// A session ends this long after the log-in.
        optional session: Span<{ 30 * MINUTE }, { 24 * HOUR }> = "\"8 h\"";
    }
}

table! {
    /// A shared serial bus (RS-485); its devices are at modbus://NAME/UNIT.
    BusTable, "[bus.NAME]" {
        /// The serial port, by its stable name.
        required port: FilePath, like "\"/dev/serial/by-id/usb-FTDI_FT232R\"";
        /// Bits per second.
        optional baud: Baud = "9600";
        /// Data bits of a character; Modbus needs 8.
        optional data_bits: DataBits = "8";
        /// The parity bit.
        optional parity: ParityBit = "\"none\"";
        /// Stop bits of a character.
        optional stop_bits: StopBits = "1";
        /// Silence between two telegrams; if absent, 3.5 characters, and 1.75 ms above 19,200 Bd.
        optional gap: Span<1, SECOND>, like "\"5 ms\"";
        /// How long nobody is asked after an answer that did not come, so that a late one is over by then.
        optional quiet: Span<0, { 5 * SECOND }> = "\"250 ms\"";
        /// What a device takes before its answer begins; the load of the bus is reckoned with it.
        optional turnaround: Span<0, { 5 * SECOND }> = "\"10 ms\"";
    }
}

table! {
    /// One device.
    DeviceTable, "[[device]]" {
        /// The device's id.
        required id: Id, like "\"arm\"";
        /// What it is for.
        required kind: DeviceKind, like "\"barrier\"";
        /// The device's name for people; if absent, its id.
        optional name: Text, like "\"栏杆机\"";
        /// The model, KIND/VENDOR-MODEL: shipped with portside or of the site's own. Not for cameras and folders.
        optional profile: ProfileName, like "\"barrier/generic-relay\"";
        /// modbus://HOST:PORT/UNIT, modbus://BUS/UNIT on a [bus.NAME], file:///FOLDER for an X-ray machine that drops
        /// pictures into a folder, or tcp://HOST:PORT for one that sends its lines.
        required address: Address, like "\"modbus://10.0.0.20:502/1\"";
        /// file:///FOLDER into which an X-ray machine drops its pictures whose control points are at `address`.
        optional images: Address, like "\"file:///srv/portside/xray\"";
        /// tcp://HOST:PORT at which the detector of an X-ray machine sends its lines whose control points are at `address`.
        optional lines: Address, like "\"tcp://10.0.0.40:4500\"";
        /// How those lines are framed, KIND/VENDOR-MODEL; with `lines`.
        optional detector: ProfileName, like "\"xray/generic-baggage-lines\"";
        /// How often the fast points are read; if absent, 100 ms. For a camera: how often a frame is taken; if absent, 200 ms.
        optional interval: Span<10, MINUTE>, like "\"100 ms\"";
        /// How long one answer may take; if absent, 250 ms.
        optional timeout: Span<10, { 5 * SECOND }>, like "\"250 ms\"";
        /// For a camera at rtsp://: file with its login, one line USER:PASSWORD; a path, never the login itself.
        optional credentials: FilePath, like "\"/etc/portside/cam1.login\"";
        /// For a camera: the instants of an inspection at which its picture is kept; if absent, all of them.
        optional snapshots: Vec<Placed<Decisive>>, like "[ \"arrival\", \"release\", \"alarm\" ]";
    }
}

table! {
    /// Where subjects are judged.
    StationTable, "[[station]]" {
        /// The station's id.
        required id: Id, like "\"xr1\"";
        /// The X-ray machine, a device of kind xray; if absent, the desks judge without a picture.
        optional xray: DeviceName, like "\"scanner\"";
        /// How long the desks wait for the picture after the subject is identified; none by then means hold.
        optional picture: Span<SECOND, { 10 * MINUTE }> = "\"60 s\"";
        /// The agencies' desks.
        required desks: Vec<Placed<DeskTable>>, like "[ { agency = \"customs\" } ]";
    }
}

table! {
    /// One agency's desk.
    DeskTable, "a desk" {
        /// The agency's id.
        required agency: AgencyName, like "\"customs\"";
        /// What its silence means.
        optional role: Role = "\"required\"";
    }
}

table! {
    /// How verdicts become a release.
    ReviewTable, "[review]" {
        /// Verdicts stay sealed until all required ones are in or time is up.
        optional blind: bool = "true";
        /// Then a missing verdict is `not_reviewed`, and the subject is held.
        optional timeout: Span<{ 5 * SECOND }, HOUR> = "\"90 s\"";
    }
}

table! {
    /// The barrier and the sensors that guard it.
    GateTable, "[gate]" {
        /// The arm: a device of kind barrier.
        required arm: DeviceName, like "\"arm\"";
        /// The longest regular travel of the arm from limit to limit.
        required travel: Span<500, MINUTE>, like "\"4 s\"";
        /// How long every guarding sensor must be clear without a break before the arm closes; at least 1.5 s.
        optional clear: Span<0, MINUTE> = "\"1.5 s\"";
        /// A subject without an identity for this long: the officers are asked, an alarm is raised.
        optional identify: Span<SECOND, { 10 * MINUTE }> = "\"20 s\"";
        /// A released subject that has not left after this long: alarm; the arm stays open.
        optional leave: Span<{ 5 * SECOND }, HOUR> = "\"60 s\"";
        /// A subject that left the approach without reaching the arm is gone after this long.
        optional gone: Span<SECOND, { 10 * MINUTE }> = "\"10 s\"";
        /// The presence sensors, one [[gate.sensor]] each.
        required sensor: Vec<Placed<SensorTable>>, like "[[gate.sensor]]";
    }
}

table! {
    /// One presence sensor.
    SensorTable, "[[gate.sensor]]" {
        /// The input, DEVICE.POINT; on means that something stands there.
        required point: PointName, like "\"arm.di3\"";
        /// The sensor's name for people.
        required name: Text, like "\"under the arm\"";
        /// Where it looks.
        required place: Place, like "\"under\"";
        /// It must be seen to change in every passage before the arm may close.
        optional proves: bool = "false";
    }
}

table! {
    /// A belt through an X-ray machine: where its light barriers stand, how fast it runs, who is led where. Only a person
    /// at the machine runs it; what this program may ask for is that it stops and that the beam ends.
    BeltTable, "[belt]" {
        /// What drives the belt: the X-ray machine (kind xray, with a profile) or a device of kind belt.
        required drive: DeviceName, like "\"scanner\"";
        /// How an unreleased subject is kept from the exit: the belt stops, or a diverter leads it to the examination.
        required decision: Decide, like "\"stop\"";
        /// The diverter, a device of kind diverter; with decision = "divert".
        optional diverter: DeviceName, like "\"diverter\"";
        /// From the entry sensor to the scan sensor.
        required scan: Metres<100, 20_000>, like "\"0.8 m\"";
        /// From the scan sensor to the X-ray source.
        required source: Metres<0, 5_000>, like "\"0.4 m\"";
        /// From the entry sensor to the decision sensor.
        required stop_at: Metres<200, 50_000>, like "\"3 m\"";
        /// From the entry sensor to the exit sensor.
        required exit: Metres<300, 80_000>, like "\"4.2 m\"";
        /// From the entry sensor to the examination sensor, where there is one; if absent, as far as the exit.
        optional examine: Metres<300, 80_000>, like "\"4.2 m\"";
        /// From the decision sensor to the first point that the diverter moves over.
        optional lead: Metres<50, 20_000>, like "\"0.6 m\"";
        /// Length of what the diverter moves over.
        optional blade: Metres<10, 5_000>, like "\"0.3 m\"";
        /// Longest regular travel of the diverter.
        optional travel: Span<50, { 10 * SECOND }>, like "\"800 ms\"";
        /// Speed of the belt.
        required speed: Pace<10, 3_000>, like "\"0.2 m/s\"";
        /// The true speed differs from that by no more.
        optional tolerance: Percent<0, 20> = "\"3 %\"";
        /// A clear stretch shorter than this belongs to the same subject; the X-ray machine cuts no finer.
        optional gap: Metres<5, 500> = "\"40 mm\"";
        /// Subjects nearer to each other than this may come in one picture: none of them is sure of it.
        optional cut: Metres<5, 1_000> = "\"100 mm\"";
        /// A shadow shorter than this is dust.
        optional dust: Metres<1, 200> = "\"15 mm\"";
        /// No subject is longer.
        optional longest: Metres<100, 5_000> = "\"1.2 m\"";
        /// A picture comes no earlier than this after its subject has left the source; 0 for a machine that sends lines.
        optional picture_after: Span<0, MINUTE> = "\"300 ms\"";
        /// And no later than this, as a rule.
        optional picture_within: Span<100, { 5 * MINUTE }> = "\"1.5 s\"";
        /// No picture comes later than this.
        optional picture_late: Span<100, { 10 * MINUTE }> = "\"3 s\"";
        /// File times of pictures may be wrong by this much.
        optional file_times: Span<0, MINUTE> = "\"2 s\"";
        /// Pictures of one subject.
        optional pictures: Count<1, 8> = "1";
        /// The belt stands within this time after it was told to stop.
        optional stops_within: Span<100, { 10 * SECOND }> = "\"2 s\"";
        /// Between scan and decision nobody can reach to the belt: it is in the tunnel or under a cover.
        optional enclosed: bool = "false";
        /// The light barriers, one [[belt.sensor]] each.
        required sensor: Vec<Placed<BeltSensorTable>>, like "[[belt.sensor]]";
    }
}

table! {
    /// One light barrier of a belt.
    BeltSensorTable, "[[belt.sensor]]" {
        /// The input, DEVICE.POINT; on means that something is there.
        required point: PointName, like "\"eyes.di1\"";
        /// The sensor's name for people.
        required name: Text, like "\"before the tunnel\"";
        /// Where it looks: entry, scan, decision, exit; examine, reach.
        required place: BeltPlace, like "\"scan\"";
    }
}

table! {
    /// How temperatures are measured, and which agency confirms them. Indicative only: what is not normal asks for a
    /// second measurement that a named officer types.
    TemperatureTable, "[temperature]" {
        /// The thermometer: a device of kind thermometer.
        required device: DeviceName, like "\"thermo\"";
        /// The agency whose result it is: it confirms, and it alone holds for it.
        required agency: AgencyName, like "\"ciq\"";
        /// Without a normal or confirmed result the agency holds the subject.
        optional required: bool = "true";
        /// From here on a temperature is elevated.
        required elevated: Degrees<30, 45>, like "\"37.3 °C\"";
        /// Standard deviations above those who passed of late from which on somebody stands out, and is elevated as well;
        /// without it only `elevated` counts.
        optional relative: Count<2, 10>, like "4";
        /// People that must have passed before `relative` counts.
        optional relative_people: Count<10, 500> = "30";
        /// How long those who passed count.
        optional relative_within: Span<MINUTE, DAY> = "\"4 h\"";
        /// The lowest that can be a person's: what is colder is the background.
        optional lowest: Degrees<20, 40> = "\"34 °C\"";
        /// The highest that can be a person's.
        optional highest: Degrees<38, 50> = "\"43 °C\"";
        /// The surroundings must be this warm.
        optional ambient_min: Degrees<0, 40>, like "\"16 °C\"";
        /// The surroundings must not be warmer.
        optional ambient_max: Degrees<10, 50>, like "\"32 °C\"";
        /// The subject must be this far away.
        optional distance_min: Metres<10, 10_000>, like "\"0.3 m\"";
        /// The subject must not be farther away.
        optional distance_max: Metres<10, 20_000>, like "\"0.8 m\"";
        /// Readings in a row that must agree.
        optional repeats: Count<1, 20> = "3";
        /// Agreeing readings differ by no more than this.
        optional spread: Degrees<0, 5> = "\"0.5 °C\"";
        /// A series that is not complete after this is invalid.
        optional within: Span<SECOND, MINUTE> = "\"10 s\"";
        /// What was measured is sealed for its agency; false writes it into records that every agency reads.
        optional seal: bool = "true";
    }
}

table! {
    /// The radiation portal in the lane. While a subject is in the lane, an alarm places a hold, which the agency lifts.
    RadiationTable, "[radiation]" {
        /// The portal: a device of kind radiation.
        required portal: DeviceName, like "\"rpm\"";
        /// The agency that holds for what it finds, and that alone lifts.
        required agency: AgencyName, like "\"customs\"";
        /// Without a passage that was seen from beginning to end and is clear the agency holds the subject.
        optional required: bool = "true";
    }
}

table! {
    /// Device profiles of the site's own.
    ProfilesTable, "[profiles]" {
        /// Folder with KIND/VENDOR-MODEL.toml files; they go before shipped ones of the same name.
        required dir: FilePath, like "\"/etc/portside/profiles\"";
    }
}

const HOMES: &[(&str, &[Key])] = &[
    (LaneTable::TITLE, LaneTable::KEYS),
    (AgencyTable::TITLE, AgencyTable::KEYS),
    (StoreTable::TITLE, StoreTable::KEYS),
    (UplinkTable::TITLE, UplinkTable::KEYS),
    (ScreensTable::TITLE, ScreensTable::KEYS),
    (BusTable::TITLE, BusTable::KEYS),
    (DeviceTable::TITLE, DeviceTable::KEYS),
    (StationTable::TITLE, StationTable::KEYS),
    (ReviewTable::TITLE, ReviewTable::KEYS),
    (GateTable::TITLE, GateTable::KEYS),
    (SensorTable::TITLE, SensorTable::KEYS),
    (BeltTable::TITLE, BeltTable::KEYS),
    (BeltSensorTable::TITLE, BeltSensorTable::KEYS),
    (TemperatureTable::TITLE, TemperatureTable::KEYS),
    (RadiationTable::TITLE, RadiationTable::KEYS),
];

/// The one section that has a key called `word`, if it is one alone.
pub(super) fn home_of(word: &str) -> Option<&'static str> {
    let mut homes = HOMES.iter().filter(|(_, keys)| keys.iter().any(|key| key.name == word));
    match (homes.next(), homes.next()) {
        (Some((title, _)), None) => Some(title),
        (Some(_) | None, _) => None,
    }
}

/// Tables that carry a name in their header: `[bus.pair1]`.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) Vec<(Placed<Id>, Placed<T>)>);

impl<T: TomlValue> TomlValue for Named<T> {
    fn read(value: &Spanned<DeValue<'_>>, spot: Spot<'_>, faults: &mut Faults) -> Option<Self> {
        let Some(table) = value.get_ref().as_table() else {
            wrong_type(value, spot, &format!("[{}.NAME] sections", spot.key), faults);
            return None;
        };
        let mut named = Vec::new();
        for (name, item) in table.iter() {
            let spot = Spot { key: name.get_ref(), table: spot.key };
            let text = Spanned::new(name.span(), DeValue::String(name.get_ref().clone()));
            let id = Id::read(&text, spot, faults);
            let read = T::read(item, spot, faults);
            if let (Some(id), Some(read)) = (id, read) {
                named.push((Placed::new(id, name.span()), Placed::new(read, item.span())));
            }
        }
        Some(Self(named))
    }
}

impl<T: TomlValue> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Named_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

/// A name that must be declared elsewhere; whether it is, is judged in `settle/`.
macro_rules! reference {
    ($($(#[doc = $doc:literal])* $name:ident, $what:literal, $pattern:literal;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(super) struct $name(pub(super) String);

        impl TextValue for $name {
            const WHAT: &str = $what;

            fn parse(text: &str) -> Result<Self, super::value::Flaw> {
                Ok(Self(text.to_owned()))
            }

            fn schema() -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }

        super::value::inline_text!($name);
    )*};
}

reference! {
    /// The id of a device.
    DeviceName, "a device's id", "^[A-Za-z0-9-]{1,40}$";
    /// The id of an agency.
    AgencyName, "an agency's id", "^[A-Za-z0-9-]{1,40}$";
    /// The name of a profile.
    ProfileName, "a profile's name", "^[a-z]+/[A-Za-z0-9._-]+$";
}
