"""A gate's I/O module spoken by pymodbus: prints its port, opens when it is told to, encodes numbers by `struct`."""

import asyncio
import struct

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

OPEN = 0
READ_DISCRETE, WRITE_COIL = 2, 5
OPENED_BIT, CLOSED_BIT = 1, 2

opened = False


def words(layout: str, *values: float) -> list[int]:
    data = struct.pack(layout, *values)
    return list(struct.unpack(f">{len(data) // 2}H", data))


async def gate(function_code, start_address, address, count, current_registers, set_values):
    """The arm goes up once the open relay is energised; the inputs show it."""
    global opened
    if function_code == WRITE_COIL and set_values is not None:
        print("WRITE", address, int(set_values[0]), flush=True)
        opened = opened or (address == OPEN and bool(set_values[0]))
    if function_code == READ_DISCRETE:
        current_registers[0] = OPENED_BIT if opened else CLOSED_BIT


async def main() -> None:
    measured = words(">f", 21.5) + words(">i", -70000) + words(">h", -300) + words(">f", float("nan"))
    measured += words(">d", 1234.5) + list(reversed(words(">I", 3_000_000_000)))
    device = SimDevice(
        id=1,
        simdata=(
            [SimData(0, values=[False] * 16, datatype=DataType.BITS)],
            [SimData(0, values=[False] * 16, datatype=DataType.BITS)],
            [SimData(0, values=[0] * 200, datatype=DataType.REGISTERS)],
            [SimData(0, values=measured, datatype=DataType.REGISTERS)],
        ),
        action=gate,
    )
    server = ModbusTcpServer(device, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    print("PORT", server.transport.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
