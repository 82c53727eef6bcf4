//! FLIR's file format inside its JPEGs: a directory of records. Read are the counts, the camera and the marked places.
//!
//! ```text
//!   00 "FFF" 00   14 version (4), 100 to 199   18 directory's place (4)   1c its entries (4)
//!   entry, 32 bytes:  00 type (2)  02 subtype (2)  0c place (4)  10 length (4)
//!   type 1   counts:  00 bytes a count = 2   02 width   04 height   20 counts, plain or a PNG
//!   type 32  camera:  00 = 2   20… what it was told   58… Planck   70… air   308… Planck   d4 model   104 serial
//!   type 33  places:  0c… each: 00 length   04 bytes of numbers   06 bytes of label   0a tool   24 numbers, label
//! ```
//! Facts from ExifTool's `FLIR.pm` (Phil Harvey, Tomas, Jens Duttke) and from files of two cameras. The directory is
//! big-endian or little-endian, which its version tells; each record has an order of its own, which its first number, a
//! 2, tells. **The counts of a PNG inside are little-endian though PNG is big-endian**, so that every reader of PNG
//! exchanges their bytes. A thermal picture is smooth and one with exchanged bytes is noise: that decides.

use super::super::picture::{Form, Picture, Unreadable, decode};
use super::{counts, frame, never, short};
use crate::thermal::radiance::{Air, Planck, Radiometry, Scale, Scene, ZERO_CELSIUS};
use crate::thermal::{Frame, Imager, SIDE_LIMIT, SPOTS_LIMIT, Spot};

const ENTRY: usize = 32;
/// Cameras write 14.
const ENTRIES_LIMIT: u32 = 1_024;
const COUNTS: u16 = 1;
const CAMERA: u16 = 32;
const PLACES: u16 = 33;
/// Tool of a marked place that is a point.
const POINT: u16 = 1;

/// Reads the joined thermal part.
pub(super) fn read(fff: &[u8]) -> Result<Frame, Unreadable> {
    let records = directory(fff)?;
    let record = |kind| records.iter().find(|(found, _)| *found == kind).map(|(_, record)| *record);
    let (width, height, counts) = pixels(record(COUNTS).ok_or_else(|| never("it has no record of counts"))?)?;
    let camera =
        Fields::of(record(CAMERA).ok_or_else(|| never("it does not say which camera took it"))?, "camera record")?;
    let radiometry = radiometry(&camera)?;
    radiometry
        .check()
        .map_err(|wrong| Unreadable::Never(format!("its camera's numbers cannot be used: {}", wrong.0)))?;
    let mut spots = record(PLACES).map(spots).unwrap_or_default();
    spots.retain(|spot| spot.x < u32::from(width) && spot.y < u32::from(height));
    let imager = Imager {
        width: width.into(),
        height: height.into(),
        model: camera.text(0xd4, 32),
        serial: camera.text(0x104, 16),
        scale: Scale::Planck(radiometry),
        spots,
    };
    frame(imager, counts)
}

type Record<'a> = (u16, &'a [u8]);

fn directory(fff: &[u8]) -> Result<Vec<Record<'_>>, Unreadable> {
    if !fff.starts_with(b"FFF\0") {
        return Err(never("its thermal part is of no form that is known: expected FFF"));
    }
    let header = |order| Fields { bytes: fff, order, what: "thermal part" };
    let versions = [Order::Big, Order::Little].map(|order| (order, header(order).long(0x14)));
    let order = versions.into_iter().find(|(_, version)| version.as_ref().is_ok_and(|at| (100..200).contains(at)));
    let fields = header(order.ok_or_else(|| never("its thermal part has a version that is not known"))?.0);
    let (place, entries) = (fields.long(0x18)?, fields.long(0x1c)?);
    if entries > ENTRIES_LIMIT {
        return Err(never(format!("it claims {entries} thermal records, expected {ENTRIES_LIMIT} at most")));
    }
    let entry = |number: u32| {
        let at = place as usize + number as usize * ENTRY;
        let (kind, start, length) = (fields.word(at)?, fields.long(at + 12)? as usize, fields.long(at + 16)? as usize);
        let record = fff.get(start..).and_then(|rest| rest.get(..length));
        // Unused entries are zero; what nobody reads may lie anywhere.
        match (kind, record) {
            (COUNTS | CAMERA | PLACES, None) => Err(never("a thermal record of it lies beyond its end")),
            (_, record) => Ok((kind, record.unwrap_or_default())),
        }
    };
    (0..entries).map(entry).collect()
}

/// Width, height and counts.
fn pixels(record: &[u8]) -> Result<(u16, u16, Vec<u16>), Unreadable> {
    let fields = Fields::of(record, "record of counts")?;
    let (width, height) = (fields.word(2)?, fields.word(4)?);
    let sides = 1..=SIDE_LIMIT;
    if !sides.contains(&u32::from(width)) || !sides.contains(&u32::from(height)) {
        return Err(never(format!("it claims {width} x {height} pixels, expected 1 to {SIDE_LIMIT} a side")));
    }
    let data = record.get(0x20..).ok_or_else(|| short("record of counts"))?;
    if data.starts_with(b"\x89PNG") {
        return Ok((width, height, png(data, width)?));
    }
    let size = 2 * usize::from(width) * usize::from(height);
    let data = data.get(..size).ok_or_else(|| short("record of counts"))?;
    Ok((width, height, data.as_chunks().0.iter().map(|pair| fields.order.word(*pair)).collect()))
}

fn png(data: &[u8], width: u16) -> Result<Vec<u16>, Unreadable> {
    const END: &[u8] = b"IEND\xae\x42\x60\x82";
    let end = data.windows(END.len()).rposition(|window| window == END).map(|at| at + END.len());
    let picture: Picture = match end.map(|end| decode(&data[..end], None)) {
        Some(Ok(picture)) => picture,
        Some(Err(Unreadable::Never(why) | Unreadable::Incomplete(why))) => {
            return Err(Unreadable::Never(format!("the PNG of its counts cannot be read: {why}")));
        }
        None => return Err(short("PNG of counts")),
    };
    if picture.header.form != Form::Raw || picture.header.width != u32::from(width) {
        return Err(never("the PNG of its counts is not 16-bit grey of the size it claims"));
    }
    let as_png_says = counts(&picture);
    let exchanged: Vec<u16> = as_png_says.iter().map(|count| count.swap_bytes()).collect();
    let width = usize::from(width);
    Ok(if roughness(&as_png_says, width) < roughness(&exchanged, width) { as_png_says } else { exchanged })
}

/// How much neighbours in a row differ, all together.
fn roughness(counts: &[u16], width: usize) -> u64 {
    let step = |pair: &[u16]| u64::from(pair[0].abs_diff(pair[1]));
    counts.chunks(width.max(1)).flat_map(|row| row.windows(2)).map(step).sum()
}

fn radiometry(camera: &Fields<'_>) -> Result<Radiometry, Unreadable> {
    let celsius = |at| camera.float(at).map(|kelvin| kelvin - ZERO_CELSIUS);
    Ok(Radiometry {
        planck: Planck {
            r1: camera.float(0x58)?,
            b: camera.float(0x5c)?,
            f: camera.float(0x60)?,
            o: f64::from(camera.long(0x308)?.cast_signed()),
            r2: camera.float(0x30c)?,
        },
        air: Air {
            alpha1: camera.float(0x70)?,
            alpha2: camera.float(0x74)?,
            beta1: camera.float(0x78)?,
            beta2: camera.float(0x7c)?,
            x: camera.float(0x80)?,
        },
        scene: Scene {
            emissivity: camera.float(0x20)?,
            distance: camera.float(0x24)?,
            reflected: celsius(0x28)?,
            air: celsius(0x2c)?,
            window: celsius(0x30)?,
            transmission: camera.float(0x34)?,
            humidity: camera.float(0x3c)?,
        },
    })
}

/// Points that were marked. What cannot be read of them is left out: they are no part of the measurement.
fn spots(record: &[u8]) -> Vec<Spot> {
    let mut spots = Vec::new();
    let mut at = 12;
    while spots.len() < SPOTS_LIMIT {
        let Some((length, spot)) = place(record, at) else { break };
        at += length;
        spots.extend(spot);
    }
    spots
}

/// The length of the place at `at`, and the point if it is one.
fn place(record: &[u8], at: usize) -> Option<(usize, Option<Spot>)> {
    let order = Fields::of(record, "").map_or(Order::Little, |fields| fields.order);
    let fields = Fields { bytes: record.get(at..)?, order, what: "record of places" };
    let word = |at| fields.word(at).ok();
    let length = usize::from(word(0)?);
    if length < 0x24 {
        return None;
    }
    let (numbers, label) = (usize::from(word(4)?), usize::from(word(6)?));
    let spot = || {
        let label = fields.bytes.get(0x24 + numbers..)?.get(..label)?;
        let units: Vec<u16> = label.as_chunks().0.iter().map(|pair| order.word(*pair)).collect();
        let label = String::from_utf16_lossy(&units).chars().filter(|c| !c.is_control()).take(32).collect();
        Some(Spot { x: word(0x24)?.into(), y: word(0x26)?.into(), label })
    };
    Some((length, (word(10)? == POINT && numbers >= 4).then(spot).flatten()))
}

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

impl Order {
    const fn word(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Big => u16::from_be_bytes(bytes),
            Self::Little => u16::from_le_bytes(bytes),
        }
    }
}

/// Numbers at their places in a record.
struct Fields<'a> {
    bytes: &'a [u8],
    order: Order,
    what: &'static str,
}

impl<'a> Fields<'a> {
    /// In the order that its first number tells.
    fn of(bytes: &'a [u8], what: &'static str) -> Result<Self, Unreadable> {
        let order = match bytes.first_chunk() {
            Some([2, 0]) => Order::Little,
            Some([0, 2]) => Order::Big,
            // A record of places begins with a 1.
            Some([1, 0]) if what.is_empty() => Order::Little,
            Some([0, 1]) if what.is_empty() => Order::Big,
            Some(_) | None => return Err(Unreadable::Never(format!("its {what} does not begin with a 2"))),
        };
        Ok(Self { bytes, order, what })
    }

    fn chunk<const N: usize>(&self, at: usize) -> Result<[u8; N], Unreadable> {
        let found = self.bytes.get(at..).and_then(<[u8]>::first_chunk);
        found.copied().ok_or_else(|| short(self.what))
    }

    fn word(&self, at: usize) -> Result<u16, Unreadable> {
        self.chunk(at).map(|bytes| self.order.word(bytes))
    }

    fn long(&self, at: usize) -> Result<u32, Unreadable> {
        let bytes = self.chunk(at)?;
        Ok(match self.order {
            Order::Big => u32::from_be_bytes(bytes),
            Order::Little => u32::from_le_bytes(bytes),
        })
    }

    fn float(&self, at: usize) -> Result<f64, Unreadable> {
        self.long(at).map(|bits| f32::from_bits(bits).into())
    }

    /// What a person can read there.
    fn text(&self, at: usize, length: usize) -> Option<String> {
        let bytes = self.bytes.get(at..)?.get(..length)?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(length);
        let text: String = String::from_utf8_lossy(&bytes[..end]).trim().chars().filter(|c| !c.is_control()).collect();
        // Phones with a camera of FLIR write an asterisk for a name they do not have.
        (!text.is_empty() && text != "*").then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::read as read_file;
    use super::super::segments::tests::jpeg;
    use super::*;

    /// A file of a camera that measures in `order`, with 4 x 3 counts given as `data`.
    fn file(order: Order, data: &[u8]) -> Vec<u8> {
        let word = |value: u16| if order == Order::Big { value.to_be_bytes() } else { value.to_le_bytes() };
        let float = |value: f32| if order == Order::Big { value.to_be_bytes() } else { value.to_le_bytes() };
        let mut counts = vec![0; 0x20];
        for (at, value) in [(0, 2), (2, 4), (4, 3)] {
            counts[at..at + 2].copy_from_slice(&word(value));
        }
        counts.extend(data);
        let mut camera = vec![0; 0x400];
        camera[..2].copy_from_slice(&word(2));
        for (at, value) in [
            (0x20, 0.95),
            (0x24, 2.0),
            (0x28, 294.14),
            (0x2c, 287.14),
            (0x30, 292.14),
            (0x34, 0.98),
            (0x3c, 0.49),
            (0x58, 14_866.514),
            (0x5c, 1_395.7),
            (0x60, 1.0),
            (0x70, 0.006_569),
            (0x74, 0.012_62),
            (0x78, -0.002_276),
            (0x7c, -0.006_67),
            (0x80, 1.9),
            (0x30c, 0.011_086_479),
        ] {
            camera[at..at + 4].copy_from_slice(&float(value));
        }
        let offset = -5_859i32;
        let offset = if order == Order::Big { offset.to_be_bytes() } else { offset.to_le_bytes() };
        camera[0x308..0x30c].copy_from_slice(&offset);
        camera[0xd4..0xdd].copy_from_slice(b"FLIR E40\0");
        let mut places = vec![0; 12];
        places[..2].copy_from_slice(&word(1));
        for (x, y) in [(1u16, 2u16), (900, 2)] {
            let mut place = vec![0; 0x2c];
            for (at, value) in [(0, 0x2c), (4, 4), (6, 4), (10, POINT), (0x24, x), (0x26, y), (0x28, 0x41)] {
                place[at..at + 2].copy_from_slice(&word(value));
            }
            places.extend(place);
        }
        fff(&[(CAMERA, &camera), (COUNTS, &counts), (PLACES, &places), (77, b"what nobody reads")])
    }

    fn fff(records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; 0x40 + records.len() * ENTRY];
        bytes[..4].copy_from_slice(b"FFF\0");
        for (at, value) in [(0x14, 100), (0x18, 0x40), (0x1c, u32::try_from(records.len()).unwrap())] {
            bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
        }
        for (number, (kind, record)) in records.iter().enumerate() {
            let (at, start) = (0x40 + number * ENTRY, u32::try_from(bytes.len()).unwrap());
            bytes[at..at + 2].copy_from_slice(&kind.to_be_bytes());
            bytes[at + 12..at + 16].copy_from_slice(&start.to_be_bytes());
            bytes[at + 16..at + 20].copy_from_slice(&u32::try_from(record.len()).unwrap().to_be_bytes());
            bytes.extend(*record);
        }
        bytes
    }

    const SCENE: [u16; 12] =
        [17_059, 17_100, 17_947, 18_266, 17_059, 17_100, 17_947, 18_266, 17_059, 17_100, 17_947, 18_266];

    fn little() -> Vec<u8> {
        SCENE.iter().flat_map(|count| count.to_le_bytes()).collect()
    }

    /// A PNG whose samples have these bytes.
    fn png_of(bytes: &[u8]) -> Vec<u8> {
        let samples: Vec<u16> = bytes.as_chunks().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
        let mut png = Cursor::new(Vec::new());
        let picture = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(4, 3, samples).unwrap();
        image::DynamicImage::ImageLuma16(picture).write_to(&mut png, image::ImageFormat::Png).unwrap();
        png.into_inner()
    }

    #[test]
    fn counts_camera_and_marked_places_are_read_in_either_order() {
        let big: Vec<u8> = SCENE.iter().flat_map(|count| count.to_be_bytes()).collect();
        for bytes in [file(Order::Little, &little()), file(Order::Big, &big)] {
            let frame = read(&bytes).unwrap();
            assert_eq!(frame.counts, SCENE);
            assert_eq!(frame.imager.model.as_deref(), Some("FLIR E40"));
            let spot = Spot { x: 1, y: 2, label: "A".to_owned() };
            assert_eq!(frame.imager.spots, [spot], "and the one outside of the picture is left out");
            let warmest = frame.thermogram().unwrap().warmest().unwrap();
            assert!((warmest.celsius - 24.70).abs() < 0.02, "{warmest:?}");
        }
    }

    #[test]
    fn the_counts_of_a_png_are_read_in_the_order_in_which_they_make_a_picture() {
        let trap = png_of(&little());
        let big: Vec<u8> = SCENE.iter().flat_map(|count| count.to_be_bytes()).collect();
        for data in [trap, [png_of(&big), vec![0, 7, 7]].concat()] {
            assert_eq!(read(&file(Order::Little, &data)).unwrap().counts, SCENE);
        }
    }

    #[test]
    fn the_whole_way_from_a_jpeg_is_the_same() {
        let fff = file(Order::Little, &little());
        let (first, second) = fff.split_at(1_000);
        assert_eq!(read_file(&jpeg(&[(0, 1, first), (1, 1, second)])).unwrap().counts, SCENE);
    }

    #[test]
    fn every_cut_is_refused() {
        let whole = file(Order::Little, &little());
        let used = whole.len() - b"what nobody reads".len();
        for cut in 0..used - 200 {
            assert!(read(&whole[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn what_a_record_claims_is_bounded_before_it_is_believed() {
        let sound = file(Order::Little, &little());
        let counts = 0x40 + 4 * ENTRY + 0x400;
        for (what, at, lie) in [
            ("a directory of four milliards of records", 0x1c, &[0xff; 4][..]),
            ("a directory outside", 0x18, &[0xff; 4]),
            ("a camera outside", 0x40 + 12, &[0xff; 4]),
            ("a picture of 65,535 x 65,535", counts + 2, &[0xff; 4]),
            ("many rows more than there are", counts + 4, &[200, 0]),
            ("no emissivity", 0x40 + 4 * ENTRY + 0x20, &[0; 4]),
            ("an emissivity that is no number", 0x40 + 4 * ENTRY + 0x20, &[0xff; 4]),
            ("a version of the future", 0x14, &[0, 0, 9, 9]),
        ] {
            let mut bytes = sound.clone();
            bytes[at..at + lie.len()].copy_from_slice(lie);
            assert!(matches!(read(&bytes), Err(Unreadable::Never(_))), "{what}");
        }
    }
}
