//! DICOM's run-length coding (PS3.5 annex G): one PackBits segment for each byte of each sample.

/// Decodes one frame of `pixels` pixels into `planes` byte planes, the high byte of each sample first.
///
/// # Errors
/// What does not fit, in words.
pub(super) fn decode(frame: &[u8], pixels: usize, planes: usize) -> Result<Vec<Vec<u8>>, String> {
    let word = |index: usize| -> Option<usize> {
        let bytes = frame.get(4 * index..4 * index + 4)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    let count = word(0).ok_or("the run-length header is cut")?;
    if count != planes || planes > 15 {
        return Err(format!("{count} run-length segments, expected {planes}"));
    }
    (0..planes)
        .map(|plane| {
            let from = word(plane + 1).ok_or("the run-length header is cut")?;
            let to = if plane + 1 < planes { word(plane + 2).unwrap_or(0) } else { frame.len() };
            let segment = frame.get(from..to).ok_or("a run-length segment lies outside its frame")?;
            unpack(segment, pixels)
        })
        .collect()
}

fn unpack(mut segment: &[u8], pixels: usize) -> Result<Vec<u8>, String> {
    let mut plane = Vec::with_capacity(pixels);
    while plane.len() < pixels {
        let (&control, rest) = segment.split_first().ok_or("a run-length segment ends too early")?;
        segment = rest;
        match i8::from_le_bytes([control]) {
            -128 => {}
            literal @ 0.. => {
                let length = usize::from(literal.unsigned_abs()) + 1;
                plane.extend(segment.get(..length).ok_or("a run-length segment ends too early")?);
                segment = &segment[length..];
            }
            repeat => {
                let (&byte, rest) = segment.split_first().ok_or("a run-length segment ends too early")?;
                segment = rest;
                plane.resize(plane.len() + usize::from(repeat.unsigned_abs()) + 1, byte);
            }
        }
    }
    if plane.len() > pixels {
        return Err("a run goes beyond the picture".to_owned());
    }
    Ok(plane)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offsets 64 and 68; literal of two bytes, then a run of three (-2) and one literal.
    fn frame() -> Vec<u8> {
        let mut frame = vec![0; 64];
        (frame[0], frame[4], frame[8]) = (2, 64, 68);
        frame.extend([1, 10, 11, 0x80]);
        frame.extend([0xff, 7]);
        frame
    }

    #[test]
    fn literals_and_runs_fill_each_plane() {
        assert_eq!(decode(&frame(), 2, 2), Ok(vec![vec![10, 11], vec![7, 7]]));
    }

    #[test]
    fn what_is_cut_runs_over_or_has_other_planes_is_refused() {
        assert!(decode(&frame()[..66], 2, 2).is_err());
        assert!(decode(&frame(), 3, 2).is_err());
        assert!(decode(&frame(), 1, 2).is_err());
        assert!(decode(&frame(), 2, 1).is_err());
        assert!(decode(&[], 1, 1).is_err());
    }
}
