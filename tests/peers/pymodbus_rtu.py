"""Slaves on one serial bus spoken by pymodbus: `pymodbus_rtu.py PORT UNIT…`. Other units stay silent.

Register N of unit U holds U * 1000 + N. Prints READY, and every coil that is written.
"""

import asyncio
import sys

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

WRITE_COIL = 5


def slave(unit: int) -> SimDevice:
    async def watch(function_code, start_address, address, count, current_registers, set_values):
        if function_code == WRITE_COIL and set_values is not None:
            print("WRITE", unit, address, int(set_values[0]), flush=True)

    registers = [unit * 1000 + address for address in range(200)]
    return SimDevice(
        id=unit,
        simdata=(
            [SimData(0, values=[False] * 16, datatype=DataType.BITS)],
            [SimData(0, values=[False] * 16, datatype=DataType.BITS)],
            [SimData(0, values=registers, datatype=DataType.REGISTERS)],
            [SimData(0, values=registers, datatype=DataType.REGISTERS)],
        ),
        action=watch,
    )


async def main() -> None:
    port, units = sys.argv[1], [int(word) for word in sys.argv[2:]]
    server = ModbusSerialServer(
        [slave(unit) for unit in units],
        framer=FramerType.RTU,
        port=port,
        baudrate=19200,
        # pymodbus answers for units that it does not have.
        trace_packet=lambda sending, data: data if not sending or data[0] in units else b"",
    )
    await server.serve_forever(background=True)
    print("READY", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
