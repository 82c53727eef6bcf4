//! Every fault's stable code, with what `portside check --explain` says of it. Codes are never reused; those of
//! profiles (`E03…`) are kept beside the profile reader.

use portside_devices::profile::EXPLANATIONS;

use super::faults::nearest;

/// A code such as `E0104`: `E` faults stop the daemon from starting, `W` faults do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(pub(super) &'static str);

/// One code with its explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// `E0104`
    pub code: &'static str,
    /// A few words; empty for the codes of profiles, whose text says it.
    pub title: &'static str,
    /// Why it matters at the lane, and what to do.
    pub text: &'static str,
}

macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $text:literal;)*) => {
        $(#[doc = $title] pub(super) const $name: Code = Code($code);)*

        const CODES: &[Explanation] = &[$(Explanation { code: $code, title: $title, text: $text }),*];
    };
}

codes! {
    UNREADABLE = "E0101", "a file cannot be read",
        "The lane file, or a file or folder that it names for profiles, is not there, may not be read, or is not UTF-8 \
         text. Without it the daemon does not know which lane this is and does not start. Check the path, and that the \
         user who runs portside may read it (`sudo -u portside cat FILE`). If the text looks right but is not UTF-8, \
         the editor saved it as GBK or UTF-16: save it again as UTF-8.";
    SYNTAX = "E0102", "this is not TOML",
        "The text breaks the rules of TOML, so nothing behind this place can be trusted to mean what was intended. \
         Usual causes: a text without quotes (`id = G03` instead of `id = \"G03\"`), a quote that is not closed, a \
         quote, comma or bracket of a Chinese keyboard instead of the ASCII one, the same key or header twice. Mend the \
         first fault and check again: later ones may only follow from it.";
    UNKNOWN_KEY = "E0103", "unknown section or key",
        "No part of a lane file has this name. Unknown keys are refused, because a misspelt key would otherwise be left \
         out in silence and its default would rule the lane. In TOML a key belongs to the last [header] above it: a key \
         of [gate] that stands below [[gate.sensor]] is read as a key of that sensor.";
    MISSING = "E0104", "something required is missing",
        "The daemon needs this and guesses nothing: there is no safe default for it. Add it; `portside init gate DIR` \
         writes a complete file to compare with.";
    WRONG_TYPE = "E0105", "wrong type",
        "The value has another type than the key needs: a text stands in quotes, a number and true or false do not, a \
         list stands in [ ].";
    UNKNOWN_WORD = "E0106", "not one of the possible words",
        "This value must be one word of a closed list, which the label shows.";
    NO_UNIT = "E0107", "a number without its unit",
        "Durations and sizes carry their unit (\"4 s\", \"200 GB\"), because a 90 that one person means as seconds and \
         another as milliseconds has moved arms too early before. Times: ms, s, min, h, d. Sizes: MB, GB, TB, MiB, \
         GiB, TiB. One number and one unit: \"1.5 s\", not \"1 s 500 ms\".";
    OUT_OF_RANGE = "E0108", "out of the safe range",
        "The value is possible but not safe or not sensible: a timeout of 0 would never wait, one of a day would hide a \
         fault for a day. The label gives the range. If the site truly needs more, the range has to be discussed, not \
         worked around.";
    BAD_ID = "E0109", "not a usable id",
        "Ids become parts of MQTT topics, record sources and file names, so they have 1 to 40 letters, digits and `-` \
         (A-Z a-z 0-9 -). `all` and names that begin with `_` belong to the centre. For people there is `name`, which \
         may be Chinese.";
    DUPLICATE = "E0110", "one id twice",
        "Two things have the same id, so records could not tell which one they speak of. Rename one.";
    SECRET = "E0111", "a secret in the lane file",
        "The lane file is copied, mailed and kept in backups; a password or private key in it would be known to all who \
         ever see it. Put the secret into a file that only the daemon's user can read, or a systemd credential, and \
         name its path here. If the secret has been in the file already, replace it: it is no longer one.";
    BAD_ADDRESS = "E0112", "not a device address",
        "Addresses are `modbus://HOST:PORT/UNIT` for Modbus TCP (port 502 as a rule, unit 1 to 247, or 255 for devices \
         without a unit id of their own), `modbus://BUS/UNIT` for Modbus RTU on a [bus.BUS], \
         `modbus+rtu://HOST:PORT/UNIT` for a gateway that passes on a serial bus, `serial://PATH?baud=9600` for a device \
         alone on a port (with `&unit=1` if it speaks Modbus; data_bits, parity, stop_bits, gap, quiet and turnaround \
         as in a [bus.NAME]), `tcp://HOST:PORT`, `rtsp://HOST/PATH` for a camera and `file:///FOLDER` for an X-ray \
         machine that drops pictures into a folder. Unit 0 is a broadcast, which no device answers; 248 and above are \
         reserved.";
    BAD_URL = "E0113", "not a broker's address",
        "The uplink speaks MQTT 5 to `mqtt://HOST:PORT` or, protected, `mqtts://HOST:PORT` (as a rule port 8883). No \
         path, no user and no password belong into it.";
    BAD_TIME_ZONE = "E0114", "unknown time zone",
        "Records are in UTC; people's times at the lane need a time zone from the IANA list, such as \"Asia/Shanghai\". \
         Abbreviations such as CST are refused because they mean several zones.";
    BAD_LISTEN = "E0115", "not an address to listen on",
        "The pages are served at an IP address and port of this machine: \"0.0.0.0:8443\" for every network card, \
         \"127.0.0.1:8443\" for this machine alone, \"[::]:8443\" for IPv6.";
    BAD_RECIPIENT = "E0116", "not an age public key",
        "Confidential records are sealed to this key, and nobody could ever open what was sealed to a mistyped one. A \
         public key begins with `age1`, has 62 characters and a checksum, which was verified here. Copy it from \
         `age-keygen -y`. (AGE-SECRET-KEY-1… is the private key: it must never leave its agency.)";
    BAD_NAME = "E0117", "not a usable name or path",
        "Names and paths must not be empty and must not contain control characters, which could rewrite a terminal or a \
         log line.";
    NOT_HERE = "E0118", "not in this version",
        "What is asked for is planned but this version of portside does not do it. It is refused instead of being \
         ignored, so that nobody relies on it. The label says what works.";
    CLASH = "E0119", "keys that do not go together",
        "Two keys contradict each other, or one needs another that is missing. The label says which.";
    EMPTY = "E0120", "a required list is empty",
        "The list has to have at least one entry.";

    UNKNOWN_BUS = "E0201", "unknown bus",
        "The address names a serial bus for which there is no [bus.NAME] section. For Modbus TCP write the port as well: \
         modbus://10.0.0.20:502/1.";
    UNKNOWN_DEVICE = "E0202", "unknown device",
        "No [[device]] has this id, so the gate or the station would stand without it. Ids are compared letter by letter, \
         capitals count.";
    UNKNOWN_AGENCY = "E0203", "unknown agency",
        "A desk belongs to an agency that no [[agency]] section describes. A desk that nobody owns could never give its \
         verdict, and every subject would be held.";
    UNKNOWN_PROFILE = "E0204", "unknown profile",
        "Neither the binary nor the site's own folder ([profiles] dir) has a profile of this name. A profile's name is \
         KIND/VENDOR-MODEL, the path of its file below the folder without `.toml`.";
    UNKNOWN_POINT = "E0205", "unknown point",
        "The device's profile has no point of this name. `portside point list DEVICE` shows what it has.";
    SAME_PLACE = "E0206", "two devices at one place",
        "Two devices have the same address and unit id (or the same folder). Both would write the same outputs, each \
         unaware of the other, and the one's readings would be taken for the other's. If it is one module with an arm \
         and spare inputs, describe it once: a barrier's profile may have spare inputs (di3, di4, …).";
    SAME_PORT = "E0207", "a serial port used twice",
        "Two links open the same serial port, perhaps under two names (its number and its name below \
         /dev/serial/by-id); only one of them could, and telegrams of both would collide on the wire. Describe the port \
         once as a [bus.NAME] and put the devices on it: modbus://NAME/UNIT.";
    WRONG_KIND = "E0208", "a device of another kind",
        "The device, its profile and the place that uses it must agree on the kind: the gate's arm is a barrier, a \
         station's xray is an X-ray machine.";
    NO_SENSOR_POINT = "E0209", "not a point that can sense presence",
        "A presence sensor is a boolean input that the daemon reads: on means that something stands there. An output \
         says what was asked for, not what is there.";
    POINT_TWICE = "E0210", "one point as two sensors",
        "Two sensors read the same input. They would always agree, and a single stuck contact would count as two \
         witnesses that the way under the arm is clear.";
    UNGUARDED = "E0211", "nothing guards the arm",
        "A barrier without a sensor under the arm cannot know that a vehicle stands there, and would close on it. Wire \
         a loop or photocell under the arm and describe it as a [[gate.sensor]] with place = \"under\". portside is no \
         safety device: the barrier's own protection is needed as well.";
    NO_APPROACH = "E0212", "no sensor before the arm",
        "Without a sensor at the approach no subject is ever noticed, and no inspection ever begins. Describe one as a \
         [[gate.sensor]] with place = \"approach\". It must lie wholly outside of the arm's sweep, because it does not \
         guard it.";
    NO_PROOF = "E0213", "no guarding sensor has to prove itself",
        "A sensor stuck at \"clear\" looks exactly like a free lane. A sensor with proves = true must be seen to change \
         in every passage before the arm may close; at least one of those that guard the arm (under, beyond) needs it.";
    CLEAR_TOO_SHORT = "E0214", "the way counts as clear too soon",
        "The gap between a lorry and its trailer passes a photocell in about a second. Every guarding sensor must have \
         been clear without a break for at least 1.5 s before the arm is asked to close.";
    LOAD = "E0215", "a link cannot keep up",
        "Reading every device on this link once takes longer than the interval in which it should be done, so readings \
         would grow old and the arm would stand still for want of fresh ones. Lengthen `interval` of the devices that \
         can wait, split them over two links, or use a profile with fewer fast points. On a serial bus each read costs \
         its characters at the bus's speed (start, data, parity and stop bits), what the device takes before it answers \
         (`turnaround`) and two gaps: a higher `baud`, set in the devices too, helps most.";
    TOO_SLOW = "E0216", "the arm would be stopped too late",
        "When something moves under a closing arm, the request to close is withdrawn within one input poll plus 50 ms, \
         and that may be 150 ms at most: the arm's own limits and every guarding sensor must be read at least every \
         100 ms. Shorten the interval, or move the slow devices to another link. On a serial bus the telegrams that are \
         under way cannot be cut short, so the longest of them counts too: a higher `baud` helps.";
    NO_BELT_STOP = "E0231", "the belt cannot be stopped",
        "An unreleased subject is kept from the exit by stopping the belt, and whatever cannot be followed is stopped as \
         well. So what drives the belt needs the output `belt_stop`, with a `pulse` that ends by itself: only a person \
         at the machine starts the belt again, and a stop that stayed would not let that person.";
    NO_BARRIER = "E0232", "a light barrier is missing",
        "Which subject is where follows from light barriers at entry, scan, decision and exit. Without one of them a \
         picture could be taken for another subject's.";
    OPEN_BELT = "E0233", "hands reach to the belt unseen",
        "Light barriers cannot tell two bags of the same length from each other. Where somebody can exchange them between \
         the scan and the decision, one would leave on the other's picture. Cover that stretch and say `enclosed = true`, \
         or guard it with a light curtain at place `reach`: whatever is there while it is broken is examined.";
    DIVERTER_LATE = "E0234", "the diverter would turn too late",
        "Between the decision sensor and the diverter the release is put on record, the order goes to the device, and the \
         diverter turns. A subject that is there before would be led the wrong way; the belt would have to stop for each.";
    NO_REQUIRED_DESK = "E0217", "no required desk",
        "A release needs the verdict of every required desk. A station without one would release every subject without \
         a look: silence would be consent. Give at least one desk the role \"required\" (the default).";
    BAD_CERTIFICATE = "E0219", "a certificate that cannot be used",
        "The pages are served over HTTPS with the certificate and the private key that [screens] names: two files in PEM \
         (`-----BEGIN CERTIFICATE-----`, `-----BEGIN PRIVATE KEY-----`), the key not encrypted and the one of the first \
         certificate. With a file that is neither no browser could connect. `openssl x509 -in FILE -noout -text` shows a \
         certificate. Without `cert` and `key` the daemon makes a certificate of its own at its first start.";
    DESK_TWICE = "E0218", "two desks of one agency",
        "An agency has one desk at a station, and one verdict.";

    PUBACK = "W0101", "the broker's word counts as the centre's",
        "With receipts = \"puback\" a record counts as delivered once the broker has acknowledged it. A broker may \
         forget up to half an hour of what it acknowledged when it loses power. Use it only while the centre gives no \
         receipts of its own.";
    NOT_THERE_YET = "W0102", "a file or folder is not there",
        "The daemon starts without it and the lane works; but the uplink does not connect without its certificates, \
         no pages are served without theirs, no picture arrives in a folder that is not there, and \
         a camera without its login is lost. This is no error because the file may come later (a \
         systemd credential, a mounted share).";
    PLAIN_MQTT = "W0103", "the uplink is not protected",
        "With mqtt:// everyone on the way can read and change what the lane sends. Use mqtts:// with the centre's `ca`.";
    UNUSED = "W0104", "described but not used",
        "The device is polled and its readings are recorded, but neither the gate nor the station uses it. If that is \
         not what you meant, its id is missing in [gate] or [[station]].";
    NOT_YET = "W0105", "not done by this version",
        "The key is understood and kept for later, but this version does nothing with it.";
    OPEN_KEY = "W0106", "a secret that others can read",
        "Every user of this machine can read the file, and speak as this lane, pass for its pages or log in to its camera. Make it readable \
         for the daemon alone: `chmod 0400 FILE; chown portside FILE`.";
    IDLE_AGENCY = "W0107", "an agency without a desk",
        "The agency can place holds, but it is never asked for a verdict. If it should be, give it a desk at the \
         station.";
    IDLE_BUS = "W0108", "a bus without a device",
        "No address names this bus, so its port is not opened. Give its devices the address modbus://NAME/UNIT, or \
         remove the section.";
    CAMERA_NUMBER = "W0110", "a camera without a stable name",
        "/dev/video0 is whichever camera was found first: after a restart, or when a plug is pulled and put back, it may \
         be another one, and the pictures in the record would be of another place. The names below /dev/v4l/by-id/ carry \
         the camera's own serial number and stay. (Cameras without one: /dev/v4l/by-path/, the socket that it is plugged \
         into.)";
    PORT_NUMBER = "W0109", "a serial port without a stable name",
        "/dev/ttyUSB0 is whichever adapter was found first: after a restart, or when a plug is pulled and put back, it \
         may be another one, and the devices behind it others too. The names below /dev/serial/by-id/ carry the \
         adapter's own serial number and stay. (Adapters without a serial number: use /dev/serial/by-path/, which is \
         the socket that it is plugged into.)";
}

/// Every code, those of profiles included.
pub fn all() -> impl Iterator<Item = Explanation> {
    let profiles = EXPLANATIONS.iter().map(|(code, text)| Explanation { code, title: "", text });
    CODES.iter().copied().chain(profiles)
}

/// The explanation of `code`, in any case; or the nearest code there is.
pub fn explain(code: &str) -> Result<Explanation, Option<&'static str>> {
    let wanted = code.trim().to_uppercase();
    let found = all().find(|known| known.code == wanted);
    found.ok_or_else(|| nearest(&wanted, all().map(|known| known.code)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_used_once_and_explained() {
        let codes: Vec<_> = all().map(|known| known.code).collect();
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
        for known in all() {
            assert!(known.text.len() > 30 && known.text.ends_with(['.', ')']), "{}: {}", known.code, known.text);
        }
    }

    #[test]
    fn a_code_is_found_in_any_case_and_a_mistyped_one_is_guessed() {
        assert_eq!(explain(" e0211 ").unwrap().code, "E0211");
        assert_eq!(explain("E0301").unwrap().code, "E0301");
        assert_eq!(explain("EO211"), Err(Some("E0211")));
        assert_eq!(explain("hello"), Err(None));
    }
}
