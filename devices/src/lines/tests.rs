//! Lines of a small detector, byte for byte.

use super::*;

fn frame() -> Frame {
    Frame { kind: FrameKind::Data, counter: 0x0102, view: 1, samples: vec![1, 2, 3, 0xA01, 0xA02, 0xA03] }
}

/// Bytes 0 to 7: sync, counter with its low byte first, view 2 (the second), kind, length 22.
const HEAD: [u8; 8] = [0xA5, 0x5A, 0x02, 0x01, 0x02, 0x00, 0x00, 0x16];

#[test]
fn a_frame_lies_on_the_wire_as_the_profile_says() {
    let bytes = small().write(&frame());
    assert_eq!(bytes[..8], HEAD);
    assert_eq!(bytes[8..20], [1, 0, 2, 0, 3, 0, 0x01, 0x0A, 0x02, 0x0A, 0x03, 0x0A]);
    assert_eq!(bytes[20..], crate::stream::Sum::Crc16Ccitt.of(&bytes[2..20]));
    assert_eq!(small().read(&bytes), Ok(frame()));
}

#[test]
fn two_energies_are_put_in_order_however_they_lie() {
    let table = [
        (Arrangement::LowThenHigh, [1, 2, 3, 11, 12, 13]),
        (Arrangement::HighThenLow, [11, 12, 13, 1, 2, 3]),
        (Arrangement::PixelLowFirst, [1, 11, 2, 12, 3, 13]),
        (Arrangement::PixelHighFirst, [11, 1, 12, 2, 13, 3]),
    ];
    for (arrangement, lying) in table {
        let detector = Detector { arrangement, ..small() };
        let said = Frame { samples: vec![1, 2, 3, 11, 12, 13], ..frame() };
        let bytes = detector.write(&said);
        let on_wire: Vec<u8> = bytes[8..20].iter().copied().step_by(2).collect();
        assert_eq!(on_wire, lying, "{arrangement:?}");
        assert_eq!(detector.read(&bytes), Ok(said));
    }
}

#[test]
fn samples_are_taken_out_of_the_bits_that_carry_them() {
    let table = [
        (Sample { bits: 12, bytes: 2, order: Order::Little, align: Align::Low }, vec![0x34, 0x02], 0x234),
        (Sample { bits: 12, bytes: 2, order: Order::Big, align: Align::High }, vec![0x23, 0x4F], 0x234),
        (Sample { bits: 14, bytes: 2, order: Order::Big, align: Align::Low }, vec![0x3F, 0xFF], 0x3FFF),
        (Sample { bits: 16, bytes: 2, order: Order::Little, align: Align::Low }, vec![0xFE, 0xFF], 0xFFFE),
        (Sample { bits: 8, bytes: 1, order: Order::Big, align: Align::Low }, vec![0x7F], 0x7F),
    ];
    for (sample, bytes, value) in table {
        assert_eq!(sample.read(&bytes), value, "{sample:?}");
        let mut written = Vec::new();
        sample.write(value, &mut written);
        assert_eq!(sample.read(&written), value);
    }
}

#[test]
fn every_lie_of_a_frame_is_found() {
    let detector = Detector { checksum: None, trailer: 2, end: vec![0x0D, 0x0A], ..small() };
    let good = detector.write(&frame());
    assert_eq!(detector.read(&good), Ok(frame()));
    let lying = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        detector.read(&bytes).unwrap_err()
    };
    assert_eq!(lying(7, 0x17), Damage::Length);
    assert_eq!(lying(21, 0x0B), Damage::End);
    assert_eq!(lying(4, 0), Damage::View);
    assert_eq!(lying(4, 3), Damage::View);
    assert_eq!(lying(5, 3), Damage::Kind);
    assert_eq!(lying(9, 0x10), Damage::Sample);
    let counted = Detector { counter: Counter { wraps: 0x100, ..detector.counter }, ..detector.clone() };
    assert_eq!(counted.read(&good), Err(Damage::Counter));
    let mut disturbed = small().write(&frame());
    disturbed[8] ^= 1;
    assert_eq!(small().read(&disturbed), Err(Damage::Checksum));
}

#[test]
fn a_field_of_some_bits_leaves_the_others_alone() {
    let field = Field { at: 1, size: 2, order: Order::Big, mask: 0x0FF0 };
    let mut bytes = [0xFF; 4];
    field.write(0x12, &mut bytes);
    assert_eq!(bytes, [0xFF, 0xF1, 0x2F, 0xFF]);
    assert_eq!(field.read(&bytes), Some(0x12));
    assert_eq!(field.read(&bytes[..2]), None);
}
