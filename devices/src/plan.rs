//! Which blocks to read for a device's points, and what a cycle of them costs on a link.

use std::time::Duration;

use crate::profile::{PollClass, Profile, Register, Table};

/// Most registers that one answer can carry (Modbus application protocol 1.1b3, 6.3).
pub const REGISTERS_MAX: u16 = 125;
/// Most bits that one answer can carry (Modbus application protocol 1.1b3, 6.1).
pub const BITS_MAX: u16 = 2000;

/// One read request and the points that its answer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Which table.
    pub table: Table,
    /// First address.
    pub start: u16,
    /// Registers or bits.
    pub count: u16,
    /// How often.
    pub class: PollClass,
    /// Places in [`Profile::points`], by rising address.
    pub points: Vec<usize>,
}

/// The reads that cover every readable point of a profile, each point in exactly one of them: by table and class, by
/// rising address.
///
/// Neighbours share a block when no more than [`Profile::gap`] unwanted addresses lie between them: many devices
/// answer an exception to a read that touches an address they do not have.
pub fn plan(profile: &Profile) -> Vec<Block> {
    let mut order: Vec<Wanted> = (0..profile.points.len()).filter_map(|index| wanted(profile, index)).collect();
    order.sort_by_key(|wanted| (wanted.class, wanted.register.table, wanted.register.address, wanted.index));
    let mut blocks: Vec<Block> = Vec::new();
    for Wanted { index, class, register } in order {
        match blocks.last_mut().filter(|block| joins(block, profile.gap, class, register)) {
            Some(block) => {
                block.count = block.count.max(register.address - block.start + register.width());
                block.points.push(index);
            }
            None => blocks.push(Block {
                table: register.table,
                start: register.address,
                count: register.width(),
                class,
                points: vec![index],
            }),
        }
    }
    blocks
}

/// A point to be read.
struct Wanted<'p> {
    index: usize,
    class: PollClass,
    register: &'p Register,
}

fn wanted(profile: &Profile, index: usize) -> Option<Wanted<'_>> {
    let point = &profile.points[index];
    let register = point.register().filter(|_| point.readable())?;
    Some(Wanted { index, class: point.poll, register })
}

fn joins(block: &Block, gap: u16, class: PollClass, register: &Register) -> bool {
    let most = u32::from(if register.table.is_bits() { BITS_MAX } else { REGISTERS_MAX });
    let (start, end) = (u32::from(block.start), u32::from(block.start) + u32::from(block.count));
    let (from, to) = (u32::from(register.address), u32::from(register.address) + u32::from(register.width()));
    block.class == class && block.table == register.table && from <= end + u32::from(gap) && to.max(end) - start <= most
}

/// How fast a link is, as far as a plan has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// TCP: one round trip a request.
    Tcp {
        /// Request sent until answer there.
        round_trip: Duration,
    },
    /// A serial bus: bytes take time, and so does the device before it answers.
    Serial {
        /// What one character takes.
        character: Duration,
        /// Silence between two telegrams.
        gap: Duration,
        /// What a device takes before its answer begins.
        turnaround: Duration,
    },
}

impl Speed {
    /// A module on the lane's own network; 5 ms is what slow I/O modules take, a good one takes 1 ms.
    pub const TCP: Self = Self::Tcp { round_trip: Duration::from_millis(5) };

    /// A serial bus of 11-bit characters with devices that answer within 10 ms.
    pub fn serial(baud: u32) -> Self {
        let character = character(baud, 11);
        Self::Serial { character, gap: silence(baud, character), turnaround: Duration::from_millis(10) }
    }

    /// How long `characters` are on their way; nothing on TCP, where the round trip has it.
    pub fn transmission(self, characters: u32) -> Duration {
        match self {
            Self::Tcp { .. } => Duration::ZERO,
            Self::Serial { character, .. } => character * characters,
        }
    }
}

/// What one read costs.
pub fn read_cost(block: &Block, speed: Speed) -> Duration {
    match speed {
        Speed::Tcp { round_trip } => round_trip,
        Speed::Serial { gap, turnaround, .. } => {
            let data =
                if block.table.is_bits() { u32::from(block.count.div_ceil(8)) } else { u32::from(block.count) * 2 };
            // Request: unit, function, address, count, CRC. Answer: unit, function, length, data, CRC.
            turnaround + speed.transmission(8 + 5 + data) + gap * 2
        }
    }
}

/// What a character of so many bits takes, start and stop bits counted.
pub fn character(baud: u32, bits: u32) -> Duration {
    Duration::from_nanos(u64::from(bits) * 1_000_000_000 / u64::from(baud.max(1)))
}

/// The gap between frames: 3.5 characters, and 1.75 ms above 19,200 Bd (Modbus over serial line 1.02, 2.5.1.1).
pub fn silence(baud: u32, character: Duration) -> Duration {
    if baud > 19_200 { Duration::from_micros(1_750) } else { character * 7 / 2 }
}

/// What one cycle of all reads of `class` costs.
pub fn cycle_cost(blocks: &[Block], class: PollClass, speed: Speed) -> Duration {
    blocks.iter().filter(|block| block.class == class).map(|block| read_cost(block, speed)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn profile(gap: u16, points: &[(&str, u16, &str, &str)]) -> Profile {
        let mut text = format!(
            "kind = \"io\"\nvendor = \"T\"\nmodel = \"T\"\nprotocol = \"modbus\"\nsource = \"test\"\ngap = {gap}\n"
        );
        for (index, (table, address, data, poll)) in points.iter().enumerate() {
            text += &format!("[[point]]\nname = \"p{index}\"\ntable = \"{table}\"\naddress = {address}\n");
            text += &format!("type = \"{data}\"\npoll = \"{poll}\"\n");
        }
        Profile::parse("io/test", &text).expect("profile")
    }

    #[test]
    fn neighbours_share_a_read_and_strangers_do_not() {
        let profile = profile(
            2,
            &[
                ("holding", 10, "u16", "normal"),
                ("holding", 0, "u32", "normal"),
                ("holding", 4, "u16", "normal"),
                ("input", 1, "u16", "normal"),
                ("holding", 5, "u16", "fast"),
            ],
        );
        let shapes: Vec<_> =
            plan(&profile).into_iter().map(|block| (block.table, block.start, block.count, block.points)).collect();
        assert_eq!(
            shapes,
            [
                (Table::Holding, 5, 1, vec![4]),
                (Table::Holding, 0, 5, vec![1, 2]),
                (Table::Holding, 10, 1, vec![0]),
                (Table::Input, 1, 1, vec![3]),
            ]
        );
    }

    #[test]
    fn a_read_never_exceeds_what_an_answer_can_carry() {
        let points: Vec<_> = (0..130).map(|index| ("holding", index, "u16", "normal")).collect();
        let counts: Vec<_> = plan(&profile(0, &points)).iter().map(|block| block.count).collect();
        assert_eq!(counts, [125, 5]);
    }

    #[test]
    fn a_serial_cycle_is_counted_in_characters_gaps_and_turnaround() {
        let blocks = plan(&profile(0, &[("holding", 0, "u16", "fast")]));
        // 15 characters of 11 bits at 9600 Bd are 17.19 ms, two gaps of 3.5 characters 8.02 ms, turnaround 10 ms.
        let cost = cycle_cost(&blocks, PollClass::Fast, Speed::serial(9600));
        assert_eq!(cost.as_micros(), 35_208);
        assert_eq!(cycle_cost(&blocks, PollClass::Slow, Speed::serial(9600)), Duration::ZERO);
        assert_eq!(cycle_cost(&blocks, PollClass::Fast, Speed::TCP).as_millis(), 5);
    }

    proptest! {
        #[test]
        fn every_readable_point_lies_in_exactly_one_read_that_fits(
            places in proptest::collection::vec((0_usize..4, 0_u16..3000, 0_usize..3), 1..60),
            gap in 0_u16..64,
        ) {
            let tables = [("coil", "bool"), ("discrete", "bool"), ("holding", "u32"), ("input", "f64")];
            let points: Vec<_> = places
                .iter()
                .map(|(table, address, poll)| (tables[*table].0, *address, tables[*table].1, ["fast", "normal", "slow"][*poll]))
                .collect();
            let profile = profile(gap, &points);
            let blocks = plan(&profile);
            let mut seen = vec![0; profile.points.len()];
            for block in &blocks {
                let most = if block.table.is_bits() { BITS_MAX } else { REGISTERS_MAX };
                prop_assert!(block.count <= most);
                for index in &block.points {
                    let point = &profile.points[*index];
                    seen[*index] += 1;
                    let place = point.register().unwrap();
                    prop_assert!(place.table == block.table && point.poll == block.class);
                    prop_assert!(block.start <= place.address);
                    prop_assert!(place.address + place.width() <= block.start + block.count);
                }
            }
            prop_assert!(seen.iter().all(|times| *times == 1));
        }
    }
}
