"""A gate's I/O module spoken by pymodbus: eight relays and eight inputs, as `barrier/generic-relay` has them.

Prints `PORT n` once it listens and `WRITE coil 0|1` for each coil that is written, in order. A line of eight digits on
standard input (`01100000`: closed, approach) sets the inputs; `READS` is answered with how often they were read.
Ends when standard input ends.
"""

import asyncio
import sys

from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

READ_DISCRETE, WRITE_COIL, WRITE_COILS = 2, 5, 15

inputs = 0b10  # the arm is seen closed
reads = 0


async def board(function_code, _start, address, _count, current_registers, set_values):
    global reads
    if function_code == READ_DISCRETE:
        reads += 1
        current_registers[0] = inputs
    if function_code in (WRITE_COIL, WRITE_COILS) and set_values is not None:
        for place, value in enumerate(set_values):
            print("WRITE", address + place, int(value), flush=True)


async def main():
    global inputs
    bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    registers = [SimData(0, values=[0] * 8, datatype=DataType.REGISTERS)]
    device = SimDevice(id=1, simdata=(bits, list(bits), registers, list(registers)), action=board)
    server = ModbusTcpServer(device, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    print("PORT", server.transport.sockets[0].getsockname()[1], flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip() == "READS":
            print("READS", reads, flush=True)
        else:
            inputs = sum(1 << place for place, digit in enumerate(line.strip()) if digit == "1")


asyncio.run(main())
