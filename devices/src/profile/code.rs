//! The stable codes of profile faults, each with the text that explains it.

/// Syntax.
pub(super) const SYNTAX: &str = "E0301";
/// Unknown key.
pub(super) const UNKNOWN_KEY: &str = "E0302";
/// Missing key.
pub(super) const MISSING_KEY: &str = "E0303";
/// Wrong type.
pub(super) const WRONG_TYPE: &str = "E0304";
/// A word that is none of the closed list.
pub(super) const UNKNOWN_WORD: &str = "E0305";
/// Out of bounds.
pub(super) const OUT_OF_BOUNDS: &str = "E0306";
/// One name twice.
pub(super) const TWICE: &str = "E0307";
/// A required standard point is missing.
pub(super) const MISSING_POINT: &str = "E0308";
/// A name that the kind does not know.
pub(super) const UNKNOWN_POINT: &str = "E0309";
/// A point that would start a beam.
pub(super) const EXPOSE: &str = "E0310";
/// A standard point with the wrong direction or type.
pub(super) const WRONG_POINT: &str = "E0311";
/// Keys that cannot stand together.
pub(super) const CONTRADICTION: &str = "E0312";
/// `closes` missing or out of place.
pub(super) const CLOSES: &str = "E0313";
/// An output without its pulse, a held close without its watchdog.
pub(super) const UNBOUNDED: &str = "E0314";
/// A test block that fails or names nothing.
pub(super) const TEST: &str = "E0315";
/// Kind and folder differ.
pub(super) const WRONG_FOLDER: &str = "E0316";
/// Two writable points in one place.
pub(super) const OVERLAP: &str = "E0317";
/// An output that only a person may switch.
pub(super) const PERSONS_ACT: &str = "E0318";

/// A pattern or template that cannot be read.
pub(super) const PATTERN: &str = "E0319";
/// A field, record or request that does not exist.
pub(super) const UNKNOWN_NAME: &str = "E0320";
/// Lines or frames that could not be told apart, requests that could not be answered.
pub(super) const FRAMING: &str = "E0321";

/// Every code of this crate with its explanation, for `portside check --explain`.
pub const EXPLANATIONS: &[(&str, &str)] = &[
    (SYNTAX, "The profile is not valid TOML. The label says what the parser expected at that place."),
    (
        UNKNOWN_KEY,
        "A key that no table of a profile knows. Unknown keys are refused, because a misspelt key would otherwise be \
         silently left out: a misspelt `inverted` turns a photocell around.",
    ),
    (MISSING_KEY, "A key that this table needs is not there."),
    (
        WRONG_TYPE,
        "The value has another type than the key needs. Durations are texts with a unit, such as \"500 ms\" or \
         \"2 s\"; addresses and raw words are integers, which may be written in hexadecimal (0x1580).",
    ),
    (UNKNOWN_WORD, "The value must be one word of a closed list; the label shows the list."),
    (
        OUT_OF_BOUNDS,
        "The number lies outside of what the protocol can carry: addresses are 0 to 65535 as they stand in the \
         request (a reference number such as 40001 is address 0 of table `holding`), bits of a register 0 to 15.",
    ),
    (TWICE, "Two points of one profile have the same name. A name is how the lane file and the records call a point."),
    (
        MISSING_POINT,
        "Every kind has standard points, and this profile lacks one that its kind requires. A barrier without its two \
         limit switches cannot be known to be open or closed, so it is refused rather than guessed at.",
    ),
    (
        UNKNOWN_POINT,
        "Each kind but `io` has a fixed table of standard points. Spare terminals of its module may be named di1, do1, ai1, ao1 \
         and so on, or aux_… for anything else; every other name is most likely a misspelt standard point.",
    ),
    (
        EXPOSE,
        "No profile may describe a point that starts an X-ray beam: the machine's own controls do that, and this \
         program has no way to ask for it.",
    ),
    (
        WRONG_POINT,
        "A standard point has a fixed direction and type: outputs must be writable, inputs readable, contacts boolean.",
    ),
    (
        CONTRADICTION,
        "Two keys of this point cannot stand together, for example `bit` on a coil, or `access = \"write\"` on a table \
         that Modbus can only read.",
    ),
    (
        CLOSES,
        "A barrier must say how it closes: `held` (while the request is renewed), `pulse` (on one pulse) or `own` (by \
         itself; it is never asked to). Other kinds do not close.",
    ),
    (
        UNBOUNDED,
        "An output that moves the arm must end by itself. With `closes = \"pulse\"` open, stop and close need `pulse` \
         (or are command words with `on` and without `off`); with `closes = \"held\"` the module needs a `watchdog` of \
         at most 500 ms that drops the request when renewals cease.",
    ),
    (
        TEST,
        "A `[[test]]` block gives raw bits or words and the value that must come out of them. It came out otherwise.",
    ),
    (WRONG_FOLDER, "The folder of a profile is its kind: barrier/… holds profiles with `kind = \"barrier\"`."),
    (
        OVERLAP,
        "Two writable points stand in the same place and nothing tells their values apart, so writing one changes the \
         other. Command words (`on`) may share a register when every word differs.",
    ),
    (
        PERSONS_ACT,
        "An X-ray machine and a belt may be stopped and a beam switched off (`belt_stop`, `beam_off`), and nothing else: \
         belts are run and beams started by a person at the machine, so its profile has no other output, not even a \
         spare one. Measuring devices have no outputs at all: zeroing a scale or muting an alarm is a person's act.",
    ),
    (
        PATTERN,
        "A pattern of a line (`GB,{left:int},{right:int}`) or a template of what is sent (`T{value}`) cannot be read. \
         Fields stand in braces as {name:type} or {name:type:width}; types are int, number, hex, bits, byte and text. \
         In a template stand {unit}, {value} and checksums such as {xor8@1}. A brace itself is written twice.",
    ),
    (
        UNKNOWN_NAME,
        "A point speaks of a field that no record has, a request of a record that does not exist, or a record of a \
         point that does not exist.",
    ),
    (
        FRAMING,
        "Lines or frames as described here could not be told apart on the wire, or a request could never be answered: \
         a frame needs `start` and a length, unless it is the answer to a request and its record has a `length`; a \
         polled device needs a `[[request]]` for every record. Lines of an X-ray detector need `sync` bytes, a `view` \
         field where there are several views, and a `kind` field where dark and white lines come flagged.",
    ),
];
