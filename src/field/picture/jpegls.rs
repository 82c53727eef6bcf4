//! JPEG-LS (ITU-T T.87) as DICOM carries it: one component, lossless or near-lossless, 2 to 16 bits.
//!
//! Written here because no crate reads it without C++: section and variable names are the standard's, so that the two
//! can be read side by side.

/// A decoded component.
#[derive(Debug)]
pub(super) struct Component {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) bits: u8,
    pub(super) samples: Vec<u16>,
}

/// Decodes a code stream whose picture must have `expected` pixels across and down.
///
/// # Errors
/// What does not fit, in words.
pub(super) fn decode(bytes: &[u8], expected: (u32, u32)) -> Result<Component, String> {
    let frame = Frame::read(bytes)?;
    if (frame.width, frame.height) != expected {
        return Err(format!(
            "the JPEG-LS frame has {} x {} pixels, expected {} x {}",
            frame.width, frame.height, expected.0, expected.1
        ));
    }
    let samples = Scan::new(&frame).read(&mut Bits::new(frame.data), frame.width as usize, frame.height as usize)?;
    Ok(Component { width: frame.width, height: frame.height, bits: frame.bits, samples })
}

const CUT: &str = "the JPEG-LS data end too early";

/// What stands before the coded samples (annex C).
struct Frame<'a> {
    width: u32,
    height: u32,
    bits: u8,
    near: i32,
    preset: [i32; 5],
    data: &'a [u8],
}

impl<'a> Frame<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut rest = bytes.strip_prefix(&[0xff, 0xd8]).ok_or("the JPEG-LS data have no beginning")?;
        let (mut size, mut preset) = (None, [0; 5]);
        loop {
            let (marker, body, after) = segment(rest)?;
            rest = after;
            match (marker, body) {
                (0xf7, &[bits @ 2..=16, h1, h0, w1, w0, 1, ..]) => {
                    let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
                    size = Some((u32::from(width), u32::from(height), bits));
                }
                (0xf7, _) => return Err("a JPEG-LS frame of several components or of no depth we know".to_owned()),
                (0xf8, [1, numbers @ ..]) if numbers.len() == 10 => {
                    for (number, bytes) in preset.iter_mut().zip(numbers.chunks(2)) {
                        *number = i32::from(u16::from_be_bytes([bytes[0], bytes[1]]));
                    }
                }
                (0xf8, _) => return Err("a JPEG-LS mapping table, which grey pictures do not have".to_owned()),
                (0xdd, [0, 0] | [0, 0, 0] | [0, 0, 0, 0]) | (0xe0..=0xef | 0xfe, _) => {}
                (0xda, &[1, _, 0, near, 0, 0]) => {
                    let (width, height, bits) = size.ok_or("a JPEG-LS scan without a frame")?;
                    let frame = Self { width, height, bits, near: i32::from(near), preset, data: rest };
                    return if frame.is_sound() {
                        Ok(frame)
                    } else {
                        Err("JPEG-LS parameters out of range".to_owned())
                    };
                }
                (marker, _) => return Err(format!("JPEG-LS marker {marker:#04x} with parameters we do not read")),
            }
        }
    }
}

impl Frame<'_> {
    /// Ranges of C.2.3 and C.2.4.1.1; zero means the default.
    fn is_sound(&self) -> bool {
        let most = (1 << self.bits) - 1;
        let [maxval, .., reset] = self.preset;
        let maxval_or_most = if maxval == 0 { most } else { maxval };
        maxval_or_most <= most
            && self.near <= maxval_or_most / 2
            && (reset == 0 || (3..=most.max(255)).contains(&reset))
    }
}

fn segment(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), String> {
    match bytes {
        [0xff, marker, high, low, ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let body = bytes.get(4..2 + length).ok_or(CUT)?;
            Ok((*marker, body, &bytes[2 + length..]))
        }
        [0xff, ..] | [] => Err(CUT.to_owned()),
        _ => Err("the JPEG-LS data have no marker where one must stand".to_owned()),
    }
}

/// Bits of the scan: after a byte 0xFF the next one carries seven (A.1), and a marker ends them.
struct Bits<'a> {
    bytes: &'a [u8],
    held: u32,
    count: u32,
    after_ff: bool,
}

impl<'a> Bits<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, held: 0, count: 0, after_ff: false }
    }

    fn bit(&mut self) -> Result<u32, String> {
        if self.count == 0 {
            let (&byte, rest) = self.bytes.split_first().ok_or(CUT)?;
            if self.after_ff && byte >= 0x80 {
                return Err(CUT.to_owned());
            }
            self.count = if self.after_ff { 7 } else { 8 };
            (self.held, self.bytes, self.after_ff) = (u32::from(byte), rest, byte == 0xff);
        }
        self.count -= 1;
        Ok(self.held >> self.count & 1)
    }

    fn bits(&mut self, count: u32) -> Result<i32, String> {
        (0..count).try_fold(0, |value, _| Ok(value << 1 | self.bit()?.cast_signed()))
    }

    /// Limited-length Golomb code (A.5.3).
    fn golomb(&mut self, k: u32, limit: u32, qbpp: u32) -> Result<i32, String> {
        let mut zeros = 0;
        while self.bit()? == 0 {
            zeros += 1;
            if zeros > limit {
                return Err("a JPEG-LS code longer than its limit".to_owned());
            }
        }
        if zeros + qbpp + 1 < limit {
            return Ok(zeros.cast_signed() << k | self.bits(k)?);
        }
        Ok(self.bits(qbpp)? + 1)
    }
}

/// Code orders of run lengths (table in A.2.1).
const J: [u32; 32] =
    [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// A context's statistics.
#[derive(Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

/// Variables of the scan (A.2.1).
struct Scan {
    maxval: i32,
    near: i32,
    range: i32,
    qbpp: u32,
    limit: u32,
    thresholds: [i32; 3],
    reset: i32,
    regular: [Context; 365],
    /// Run interruption; `b` counts negative errors.
    interrupted: [Context; 2],
    run_index: usize,
}

impl Scan {
    fn new(frame: &Frame<'_>) -> Self {
        let [maxval, t1, t2, t3, reset] = frame.preset;
        let maxval = if maxval == 0 { (1 << frame.bits) - 1 } else { maxval };
        let near = frame.near;
        let range = (maxval + 2 * near) / (2 * near + 1) + 1;
        let log2 = |number: i32| i32::BITS - (number - 1).leading_zeros();
        let bpp = log2(maxval + 1).max(2);
        let start = Context { a: ((range + 32) / 64).max(2), b: 0, c: 0, n: 1 };
        let defaults = thresholds(maxval, near);
        let or = |given: i32, default: i32| if given == 0 { default } else { given };
        Self {
            maxval,
            near,
            range,
            qbpp: log2(range),
            limit: 2 * (bpp + bpp.max(8)),
            thresholds: [or(t1, defaults[0]), or(t2, defaults[1]), or(t3, defaults[2])],
            reset: or(reset, 64),
            regular: [start; 365],
            interrupted: [start; 2],
            run_index: 0,
        }
    }

    fn read(&mut self, bits: &mut Bits<'_>, width: usize, height: usize) -> Result<Vec<u16>, String> {
        // One sample of padding on either side (A.2.1): left is the sample above the first, right that above the last.
        let (mut above, mut line) = (vec![0; width + 2], vec![0; width + 2]);
        let mut samples = Vec::with_capacity(width * height);
        for _ in 0..height {
            (above[width + 1], line[0]) = (above[width], above[1]);
            let mut x = 1;
            while x <= width {
                let (ra, rb, rc, rd) = (line[x - 1], above[x], above[x - 1], above[x + 1]);
                let gradients: [i32; 3] = [rd - rb, rb - rc, rc - ra];
                if gradients.iter().all(|gradient| gradient.abs() <= self.near) {
                    x = self.run(bits, &above, &mut line, x)?;
                } else {
                    line[x] = self.regular(bits, gradients, (ra, rb, rc))?;
                    x += 1;
                }
            }
            // Every sample is clamped to MAXVAL, of at most 16 bits.
            samples.extend(line[1..=width].iter().map(|sample| *sample as u16));
            std::mem::swap(&mut above, &mut line);
        }
        Ok(samples)
    }

    /// A.4 to A.6.
    fn regular(
        &mut self,
        bits: &mut Bits<'_>,
        gradients: [i32; 3],
        (ra, rb, rc): (i32, i32, i32),
    ) -> Result<i32, String> {
        let [q1, q2, q3] = gradients.map(|gradient| self.quantize(gradient));
        let q = 81 * q1 + 9 * q2 + q3;
        let sign = q.signum();
        let mut context = self.regular[q.unsigned_abs() as usize];
        let median = if rc >= ra.max(rb) {
            ra.min(rb)
        } else if rc <= ra.min(rb) {
            ra.max(rb)
        } else {
            ra + rb - rc
        };
        let px = (median + sign * context.c).clamp(0, self.maxval);
        let k = order(context.n, context.a)?;
        let mapped = possible(bits.golomb(k, self.limit, self.qbpp)?, self.range)?;
        let turned = self.near == 0 && k == 0 && 2 * context.b <= -context.n;
        let error = match (mapped & 1 == 1, turned) {
            (true, true) => mapped >> 1,
            (false, true) => -(mapped >> 1) - 1,
            (false, false) => mapped >> 1,
            (true, false) => -((mapped + 1) >> 1),
        };
        context.learn(error, self.near, self.reset);
        self.regular[q.unsigned_abs() as usize] = context;
        Ok(self.reconstruct(px, sign * error))
    }

    /// A.7: as many samples as the left one, then one that differs. Gives the place behind them.
    fn run(&mut self, bits: &mut Bits<'_>, above: &[i32], line: &mut [i32], mut x: usize) -> Result<usize, String> {
        let (ra, width) = (line[x - 1], line.len() - 2);
        while bits.bit()? == 1 {
            let full = 1 << J[self.run_index];
            let count = (width + 1 - x).min(full);
            line[x..x + count].fill(ra);
            x += count;
            if count == full && self.run_index < 31 {
                self.run_index += 1;
            }
            if x > width {
                return Ok(x);
            }
        }
        let count = bits.bits(J[self.run_index])?.unsigned_abs() as usize;
        if x + count > width {
            return Err("a JPEG-LS run goes beyond its line".to_owned());
        }
        line[x..x + count].fill(ra);
        x += count;
        line[x] = self.interruption(bits, ra, above[x])?;
        self.run_index = self.run_index.saturating_sub(1);
        Ok(x + 1)
    }

    /// A.7.2.
    fn interruption(&mut self, bits: &mut Bits<'_>, ra: i32, rb: i32) -> Result<i32, String> {
        let same = (ra - rb).abs() <= self.near;
        let (ri_type, px) = if same { (1, ra) } else { (0, rb) };
        let sign = if !same && ra > rb { -1 } else { 1 };
        let context = &mut self.interrupted[usize::from(same)];
        let k = order(context.n, if same { context.a + (context.n >> 1) } else { context.a })?;
        let mapped = possible(bits.golomb(k, self.limit - J[self.run_index] - 1, self.qbpp)?, self.range)?;
        let (odd, magnitude) = ((mapped + ri_type) & 1 == 1, (mapped + ri_type + 1) >> 1);
        let error = if (k != 0 || 2 * context.b >= context.n) == odd { -magnitude } else { magnitude };
        context.b += i32::from(error < 0);
        context.a = context.a.saturating_add((mapped + 1 - ri_type) >> 1);
        if context.n == self.reset {
            (context.a, context.b, context.n) = (context.a >> 1, context.b >> 1, context.n >> 1);
        }
        context.n += 1;
        Ok(self.reconstruct(px, sign * error))
    }

    const fn quantize(&self, gradient: i32) -> i32 {
        let [t1, t2, t3] = self.thresholds;
        let size = gradient.abs();
        let step = if size >= t3 {
            4
        } else if size >= t2 {
            3
        } else if size >= t1 {
            2
        } else {
            (size > self.near) as i32
        };
        step * gradient.signum()
    }

    /// A.4.5, the wrapping of errors undone.
    fn reconstruct(&self, px: i32, error: i32) -> i32 {
        let step = 2 * self.near + 1;
        let value = px + error * step;
        let value = if value < -self.near {
            value + self.range * step
        } else if value > self.maxval + self.near {
            value - self.range * step
        } else {
            value
        };
        value.clamp(0, self.maxval)
    }
}

impl Context {
    /// A.6.
    fn learn(&mut self, error: i32, near: i32, reset: i32) {
        self.b += error * (2 * near + 1);
        self.a = self.a.saturating_add(error.abs());
        if self.n == reset {
            (self.a, self.b, self.n) = (self.a >> 1, self.b >> 1, self.n >> 1);
        }
        self.n += 1;
        if self.b <= -self.n {
            self.b = (self.b + self.n).max(1 - self.n);
            self.c = (self.c - 1).max(-128);
        } else if self.b > 0 {
            self.b = (self.b - self.n).min(0);
            self.c = (self.c + 1).min(127);
        }
    }
}

/// A mapped error that a picture of this range can have.
fn possible(mapped: i32, range: i32) -> Result<i32, String> {
    if mapped <= range + 1 { Ok(mapped) } else { Err("a JPEG-LS error larger than any sample".to_owned()) }
}

/// The Golomb parameter (A.5.1). A stream that drives it further than any sample is wide is broken.
fn order(n: i32, a: i32) -> Result<u32, String> {
    (0..=16)
        .find(|k| i64::from(n) << k >= i64::from(a))
        .ok_or_else(|| "JPEG-LS statistics that no picture has".to_owned())
}

/// Default thresholds (C.2.4.1.1.1).
fn thresholds(maxval: i32, near: i32) -> [i32; 3] {
    let clamp = |value: i32, least: i32| if value > maxval || value < least { least } else { value };
    let [basic1, basic2, basic3] = if maxval >= 128 {
        let factor = (maxval.min(4095) + 128) / 256;
        [factor + 2, factor * 4 + 3, factor * 17 + 4]
    } else {
        let factor = 256 / (maxval + 1);
        [(3 / factor).max(2), (7 / factor).max(3), (21 / factor).max(4)]
    };
    let t1 = clamp(basic1 + 3 * near, near + 1);
    let t2 = clamp(basic2 + 5 * near, t1);
    [t1, t2, clamp(basic3 + 7 * near, t2)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    }

    /// The example of annex H.3.
    const H3: &str = "ff d8 ff f7 00 0b 08 00 04 00 04 01 01 11 00 ff da 00 08 01 01 00 00 00 00 c0 00 00 6c 80 20 8e \
        01 c0 00 00 57 40 00 00 6e e6 00 00 01 bc 18 00 00 05 d8 00 00 91 60 ff d9";

    /// 6 x 4 pixels of 16 bits with a run and preset thresholds, written by CharLS.
    const DEEP: &str = "ff d8 ff f7 00 0b 10 00 04 00 06 01 01 11 00 ff f8 00 0d 01 ff ff 00 12 00 43 01 14 00 40 ff da \
        00 08 01 01 00 00 00 00 40 d8 0f 0d 64 bd 27 bc ad 81 fe 15 21 b2 08 ec 65 80 23 94 00 60 06 00 60 79 95 c0 00 \
        00 00 01 c3 80 20 b9 3a 52 ec 66 d4 4f b7 80 ff d9";

    /// The same with NEAR = 2, and what CharLS reads from it.
    const NEAR: &str = "ff d8 ff f7 00 0b 10 00 04 00 06 01 01 11 00 ff f8 00 0d 01 ff ff 00 18 00 4d 01 22 00 40 ff da \
        00 08 01 01 00 02 00 00 40 60 31 71 d9 cf 0a b5 cc 43 95 c6 c0 89 07 92 00 80 20 30 12 22 00 00 00 04 d8 0b 58 \
        08 f8 0f 19 2a 4a fa ff d9";

    #[test]
    fn the_standards_example_comes_out_as_printed_there() {
        let picture = decode(&bytes(H3), (4, 4)).unwrap();
        assert_eq!(picture.bits, 8);
        let expected = [0, 0, 90, 74, 68, 50, 43, 205, 64, 145, 145, 145, 100, 145, 145, 145];
        assert_eq!(picture.samples, expected);
    }

    /// 40 x 3 pixels of 7 with one 9 in the second row, written by CharLS: nearly all of it is one run.
    const FLAT: &str = "ff d8 ff f7 00 0b 08 00 03 00 28 01 01 11 00 ff da 00 08 01 01 00 00 00 00 0b 2b ff 7f ff 7f f9 ff 71 b4 fe ff d9";

    #[test]
    fn long_runs_across_lines_come_out_as_they_went_in() {
        let mut expected = [7; 120];
        expected[70] = 9;
        assert_eq!(decode(&bytes(FLAT), (40, 3)).unwrap().samples, expected);
    }

    #[test]
    fn sixteen_bits_with_runs_come_out_as_they_went_in() {
        let expected = [
            7, 11, 39, 115, 263, 507, 871, 1379, 2055, 2923, 4007, 5331, 4000, 4000, 4000, 4000, 4000, 4000, 23335,
            27443, 32007, 37051, 42599, 48675,
        ];
        assert_eq!(decode(&bytes(DEEP), (6, 4)).unwrap().samples, expected);
    }

    #[test]
    fn a_near_lossless_picture_comes_out_as_another_decoder_reads_it() {
        let expected = [
            5, 10, 41, 116, 261, 507, 870, 1380, 2055, 2925, 4005, 5330, 4000, 4001, 4002, 3998, 4000, 4000, 23335,
            27445, 32005, 37051, 42597, 48674,
        ];
        assert_eq!(decode(&bytes(NEAR), (6, 4)).unwrap().samples, expected);
    }

    #[test]
    fn another_size_and_every_cut_are_refused() {
        assert!(decode(&bytes(H3), (4, 5)).is_err());
        let whole = bytes(DEEP);
        for cut in 0..whole.len() - 3 {
            assert!(decode(&whole[..cut], (6, 4)).is_err(), "cut at {cut}");
        }
    }
}
