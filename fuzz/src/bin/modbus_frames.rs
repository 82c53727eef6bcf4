//! Whatever bytes come after a request, and whatever reaches a simulated device: told apart, never a panic; an answer
//! lies within the input, and a request that is understood can be sent and received again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portside_devices::modbus::{Asked, Framing, Heard, Received, hear, receive, request};
use portside_devices::profile::Table;
use portside_devices::simulate::Request;

fuzz_target!(|input: (bool, u8, u16, u16, Vec<u8>)| {
    let (tcp, table, start, count, bytes) = input;
    let framing = if tcp { Framing::Tcp } else { Framing::Rtu };
    let table = [Table::Coil, Table::Discrete, Table::Holding, Table::Input][usize::from(table % 4)];
    let asked = Asked::new(0, 1, Request::Read { table, start, count });
    if let Heard::Answer { extra, .. } = hear(framing, &asked, &bytes) {
        assert!(extra < bytes.len());
    }
    if let Received::Asked(asked, length) = receive(framing, &bytes) {
        assert!(length <= bytes.len());
        let again = request(framing, &asked);
        assert_eq!(receive(framing, &again), Received::Asked(asked, again.len()));
    }
});
