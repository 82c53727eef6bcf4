//! A block of registers read in every way at once: for a device of which no map is known.

/// One register and what it may mean, alone and with the one behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Its address.
    pub address: u16,
    /// As it came.
    pub word: u16,
    /// Of two bytes: high first, low first.
    pub short: [u16; 2],
    /// With the next register, in [`ORDERS`]; `None` for the last one.
    pub long: Option<[u32; 4]>,
}

/// Names of the orders of four bytes: `AB CD` is how Modbus sends them.
pub const ORDERS: [&str; 4] = ["ABCD", "CDAB", "BADC", "DCBA"];

/// Every way to read `words`, the first of which is at `start`.
pub fn views(start: u16, words: &[u16]) -> Vec<View> {
    let pairs = words.iter().skip(1).map(Some).chain([None]);
    let view = |(at, (word, next)): (u16, (&u16, Option<&u16>))| View {
        address: start.saturating_add(at),
        word: *word,
        short: [*word, word.swap_bytes()],
        long: next.map(|next| {
            let long = |high: u16, low: u16| u32::from(high) << 16 | u32::from(low);
            let (a, b) = (*word, *next);
            [long(a, b), long(b, a), long(a.swap_bytes(), b.swap_bytes()), long(b.swap_bytes(), a.swap_bytes())]
        }),
    };
    (0..).zip(words.iter().zip(pairs)).map(view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_registers_are_shown_in_all_four_orders() {
        let views = views(10, &[0x41AC, 0x0102]);
        assert_eq!(views[0].short, [0x41AC, 0xAC41]);
        assert_eq!(views[0].long, Some([0x41AC_0102, 0x0102_41AC, 0xAC41_0201, 0x0201_AC41]));
        assert_eq!((views[1].address, views[1].long), (11, None));
    }
}
