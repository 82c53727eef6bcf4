//! A simulated device of any profile: it has exactly the addresses of the profile's points, and shows whatever value it
//! is told to, in the byte and word order of the profile.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, Request, Response, Simulator};
use crate::kind::Shape;
use crate::moment::Moment;
use crate::profile::{ByteOrder, DataType, Point, Profile, Register, Table, Truth, WordOrder};
use crate::reading::Value;

/// One unit that behaves as its profile says.
#[derive(Clone, Debug)]
pub struct Model {
    profile: Arc<Profile>,
    unit: u8,
    /// What each address holds; a bit is a word that is not 0.
    words: BTreeMap<(Table, u16), u16>,
    /// Addresses whose words no longer change, whatever is set or written.
    stuck: Vec<(Table, u16)>,
}

impl Model {
    /// A device of `profile` that answers as `unit`. Every point shows an unremarkable value: off, or the middle of its
    /// plausible range.
    pub fn new(profile: Arc<Profile>, unit: u8) -> Self {
        let mut model = Self { profile, unit, words: BTreeMap::new(), stuck: Vec::new() };
        let registers: Vec<Register> = model.profile.points.iter().filter_map(Point::register).copied().collect();
        for place in registers.iter().flat_map(places) {
            model.words.entry(place).or_insert(0);
        }
        if let Some(base) = model.profile.base {
            model.words.insert((base.table, base.address), 0);
        }
        if let Some(identify) = model.profile.identify.clone() {
            model.words.insert((identify.table, identify.address), identify.equals);
        }
        for index in 0..model.profile.points.len() {
            let point = &model.profile.points[index];
            let value = match (&point.range, point.allowed.first(), point.shape()) {
                (_, _, Shape::Bool) => Value::Bool(false),
                (_, Some(first), _) => Value::Int(*first),
                (Some(range), None, _) => Value::Float(f64::midpoint(*range.start(), *range.end())),
                (None, None, _) => continue,
            };
            // A value that does not fit leaves the point at 0, which is as unremarkable.
            let _ = model.set(index, &value);
        }
        model
    }

    /// Its profile.
    pub const fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// The unit id that it answers to.
    pub const fn unit(&self) -> u8 {
        self.unit
    }

    /// Makes the point show `value`.
    ///
    /// # Errors
    /// A sentence, when the point cannot hold the value.
    pub fn set(&mut self, index: usize, value: &Value) -> Result<(), String> {
        let point = self.profile.points[index].clone();
        let register = register(&point)?;
        let place = (register.table, register.address);
        if register.data != DataType::Bool {
            let size = value.as_f64().ok_or_else(|| format!("point `{}` is a number, not {value}", point.name))?;
            let bits = bits_of(&register, (size - point.offset) / point.scale)
                .ok_or_else(|| format!("point `{}`: {value} does not fit into its registers", point.name))?;
            self.hold(&register, bits);
            return Ok(());
        }
        let on = value.as_bool().ok_or_else(|| format!("point `{}` is on or off, not {value}", point.name))?;
        let on = on != point.inverted;
        let old = ordered(&register, self.at(place.0, place.1));
        let word = match register.truth {
            Some(Truth::Bit(bit)) if on => old | 1 << bit,
            Some(Truth::Bit(bit)) => old & !(1 << bit),
            Some(Truth::Equals { mask, value }) if on => old & !mask | value & mask,
            // Any other value of these bits means off.
            Some(Truth::Equals { mask, value }) => old & !mask | !value & mask,
            None => u16::from(on),
        };
        self.put(place, if register.table.is_bits() { word } else { ordered(&register, word) });
        Ok(())
    }

    /// Makes a floating-point point show NaN; any other one shows all bits set.
    ///
    /// # Errors
    /// A sentence, when the point is in no register.
    pub fn set_nan(&mut self, index: usize) -> Result<(), String> {
        let register = register(&self.profile.points[index])?;
        let bits = match register.data {
            DataType::F32 => u64::from(f32::NAN.to_bits()),
            DataType::F64 => f64::NAN.to_bits(),
            DataType::Bool
            | DataType::U8Low
            | DataType::U8High
            | DataType::U16
            | DataType::I16
            | DataType::U32
            | DataType::I32
            | DataType::U64
            | DataType::I64 => u64::MAX,
        };
        self.hold(&register, bits);
        Ok(())
    }

    /// Holds the point where it is, whatever is set or written.
    ///
    /// # Errors
    /// A sentence, when the point is in no register.
    pub fn stick(&mut self, index: usize) -> Result<(), String> {
        let register = register(&self.profile.points[index])?;
        self.stuck.extend(places(&register));
        Ok(())
    }

    /// Lets every point move again.
    pub fn free(&mut self) {
        self.stuck.clear();
    }

    /// Puts a word at any address, whether a point has it or not.
    pub fn put_word(&mut self, table: Table, address: u16, word: u16) {
        self.words.insert((table, address), word);
    }

    /// Moves everything in a table to other addresses: a device whose map is not the one of its profile.
    pub fn shift(&mut self, by: i16) {
        let moved = self.words.iter().map(|((table, at), word)| ((*table, at.saturating_add_signed(by)), *word));
        self.words = moved.collect();
    }

    /// Moves everything in `from` into `to`: a device whose table is not the one of its profile.
    pub fn retable(&mut self, from: Table, to: Table) {
        let retabled = |table: Table| if table == from { to } else { table };
        self.words = self.words.iter().map(|((table, at), word)| ((retabled(*table), *at), *word)).collect();
    }

    fn hold(&mut self, register: &Register, bits: u64) {
        let mut words: Vec<u16> = (0..4).map(|at| low(bits >> (48 - 16 * at))).collect();
        words.drain(..4 - usize::from(register.data.words()));
        if register.word_order == WordOrder::LowFirst {
            words.reverse();
        }
        for (at, word) in (register.address..).zip(words) {
            let old = ordered(register, self.at(register.table, at));
            let word = match (register.data, register.mask) {
                (DataType::U8Low, _) => old & 0xFF00 | word & 0xFF,
                (DataType::U8High, _) => old & 0xFF | word << 8,
                (DataType::U16, Some(mask)) => old & !low(mask) | word << mask.trailing_zeros() & low(mask),
                (_, _) => word,
            };
            self.put((register.table, at), ordered(register, word));
        }
    }

    fn at(&self, table: Table, address: u16) -> u16 {
        self.words.get(&(table, address)).copied().unwrap_or(0)
    }

    fn put(&mut self, place: (Table, u16), word: u16) {
        if !self.stuck.contains(&place) {
            self.words.insert(place, word);
        }
    }

    fn read(&self, table: Table, start: u16, count: u16) -> Option<Vec<u16>> {
        (0..count).map(|at| self.words.get(&(table, start.checked_add(at)?)).copied()).collect()
    }

    fn has(&self, table: Table) -> bool {
        self.words.range((table, 0)..=(table, u16::MAX)).next().is_some()
    }
}

impl Simulator for Model {
    fn answer(&mut self, _now: Moment, unit: u8, request: &Request) -> Option<Response> {
        if unit != self.unit {
            return None;
        }
        let illegal = |table| if self.has(table) { ILLEGAL_ADDRESS } else { ILLEGAL_FUNCTION };
        Some(match request {
            Request::Read { table, start, count } => match self.read(*table, *start, *count) {
                None => Response::Exception(illegal(*table)),
                Some(words) if table.is_bits() => Response::Bits(words.iter().map(|word| *word != 0).collect()),
                Some(words) => Response::Words(words),
            },
            Request::WriteCoils { start, bits } => {
                let words: Vec<u16> = bits.iter().map(|on| u16::from(*on)).collect();
                self.write(Table::Coil, *start, &words)
            }
            Request::WriteRegisters { start, words } => self.write(Table::Holding, *start, words),
        })
    }
}

impl Model {
    fn write(&mut self, table: Table, start: u16, words: &[u16]) -> Response {
        let count = u16::try_from(words.len()).unwrap_or(u16::MAX);
        if self.read(table, start, count).is_none() {
            return Response::Exception(ILLEGAL_ADDRESS);
        }
        (start..).zip(words).for_each(|(at, word)| self.put((table, at), *word));
        Response::Written
    }
}

fn register(point: &Point) -> Result<Register, String> {
    point.register().copied().ok_or_else(|| format!("point `{}` is in no register", point.name))
}

fn places(register: &Register) -> impl Iterator<Item = (Table, u16)> + use<> {
    let (table, from) = (register.table, register.address);
    (0..register.width()).map(move |at| (table, from.saturating_add(at)))
}

const fn ordered(register: &Register, word: u16) -> u16 {
    match register.byte_order {
        ByteOrder::Big => word,
        ByteOrder::Little => word.swap_bytes(),
    }
}

#[allow(clippy::cast_possible_truncation)] // picking bits apart is the point
const fn low(bits: u64) -> u16 {
    bits as u16
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // each cast is guarded by its range
fn bits_of(register: &Register, raw: f64) -> Option<u64> {
    let whole = raw.round();
    let fits = |low: f64, high: f64| (low..=high).contains(&whole);
    let int = || (whole as i64) as u64;
    match register.data {
        DataType::U8Low | DataType::U8High => fits(0.0, 255.0).then(int),
        DataType::U16 => fits(0.0, 65_535.0).then(int),
        DataType::I16 => fits(-32_768.0, 32_767.0).then(int),
        DataType::U32 => fits(0.0, 4_294_967_295.0).then(int),
        DataType::I32 => fits(-2_147_483_648.0, 2_147_483_647.0).then(int),
        DataType::U64 => fits(0.0, 9e15).then(int),
        DataType::I64 => fits(-9e15, 9e15).then(int),
        DataType::F32 => Some(u64::from((raw as f32).to_bits())),
        DataType::F64 => Some(raw.to_bits()),
        DataType::Bool => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Raw, decode};
    use crate::library::Library;
    use crate::reading::Quality;

    fn model(points: &str) -> Model {
        let text =
            format!("kind = \"io\"\nvendor = \"T\"\nmodel = \"T\"\nprotocol = \"modbus\"\nsource = \"test\"\n{points}");
        Model::new(Arc::new(Profile::parse("io/test", &text).expect("profile")), 1)
    }

    /// What the driver would make of the point.
    fn shown(model: &mut Model, index: usize) -> (Option<Value>, Quality) {
        let point = model.profile.points[index].clone();
        let register = *point.register().unwrap();
        let (start, count) = (register.address, register.width());
        let request = Request::Read { table: register.table, start, count };
        match model.answer(Moment::START, 1, &request) {
            Some(Response::Words(words)) => decode(&point, Raw::Words(&words)),
            Some(Response::Bits(bits)) => decode(&point, Raw::Bit(bits[0])),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_driver_reads_what_was_set_in_every_type_and_order() {
        for data in ["u16", "i16", "u32", "i32", "f32", "u64", "i64", "f64", "u8_low", "u8_high"] {
            for order in ["", "byte_order = \"little\"\n", "word_order = \"low-first\"\n"] {
                let wide = !matches!(data, "u16" | "i16" | "u8_low" | "u8_high");
                if !wide && order.starts_with("word") {
                    continue;
                }
                let mut model = model(&format!(
                    "[[point]]\nname = \"p\"\ntable = \"input\"\naddress = 3\ntype = \"{data}\"\nscale = 0.5\n{order}"
                ));
                model.set(0, &Value::Float(21.5)).unwrap();
                assert_eq!(shown(&mut model, 0).0, Some(Value::Float(21.5)), "{data} {order}");
            }
        }
    }

    #[test]
    fn bits_of_one_register_do_not_disturb_each_other() {
        let mut model = model(
            "[[point]]\nname = \"a\"\ntable = \"holding\"\naddress = 0\ntype = \"bool\"\nbit = 3\n\
             [[point]]\nname = \"b\"\ntable = \"holding\"\naddress = 0\ntype = \"bool\"\nbit = 9\ninverted = true\n",
        );
        for (a, b) in [(true, true), (false, true), (true, false)] {
            model.set(0, &Value::Bool(a)).unwrap();
            model.set(1, &Value::Bool(b)).unwrap();
            assert_eq!(shown(&mut model, 0).0, Some(Value::Bool(a)));
            assert_eq!(shown(&mut model, 1).0, Some(Value::Bool(b)));
        }
    }

    #[test]
    fn a_stuck_point_stays_a_nan_is_bad_and_an_address_without_a_point_is_refused() {
        let mut model = model("[[point]]\nname = \"t\"\ntable = \"input\"\naddress = 5\ntype = \"f32\"\n");
        model.set(0, &Value::Float(1.0)).unwrap();
        model.stick(0).unwrap();
        model.set(0, &Value::Float(2.0)).unwrap();
        assert_eq!(shown(&mut model, 0).0, Some(Value::Float(1.0)));
        model.free();
        model.set_nan(0).unwrap();
        assert!(matches!(shown(&mut model, 0), (None, Quality::Bad(_))));
        let read = |table, start| Request::Read { table, start, count: 1 };
        let refused = Some(Response::Exception(ILLEGAL_ADDRESS));
        assert_eq!(model.answer(Moment::START, 1, &read(Table::Input, 4)), refused);
        let unknown = Some(Response::Exception(ILLEGAL_FUNCTION));
        assert_eq!(model.answer(Moment::START, 1, &read(Table::Coil, 5)), unknown);
        assert_eq!(model.answer(Moment::START, 2, &read(Table::Input, 5)), None);
    }

    #[test]
    fn every_shipped_profile_makes_a_device_that_its_driver_reads_well() {
        let library = Library::shipped();
        for name in library.names() {
            let profile = library.get(name).unwrap().unwrap();
            if profile.stream.is_some() {
                continue; // what speaks in lines or frames has no registers
            }
            let mut model = Model::new(profile.clone(), 1);
            for (index, point) in profile.points.iter().enumerate().filter(|(_, point)| point.readable()) {
                let (value, quality) = shown(&mut model, index);
                assert!(value.is_some() && quality.is_good(), "{name} {}: {quality:?}", point.name);
            }
        }
    }
}
