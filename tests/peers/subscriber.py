"""A centre in small: subscribes to one lane, and believes nothing.

Reads every record with the CloudEvents SDK, and proves order, completeness and integrity with `sequence`, `prev` and
plain SHA-256. Shares no line with the lane.

    python subscriber.py --host 127.0.0.1 --port 1883 --root eport/v1/CNTYN/G03 --count 100 --timeout 30 --out records.jsonl

Prints `ready` once it is subscribed, at each SIGUSR1 the number of different records so far, and at its end one line of JSON that says what it saw. Exit status: 0 when
`--count` records came (with `--count 0`: when the time was up or SIGTERM came) and every one was proved; 1 when
something was wrong; 2 when the call was wrong or the broker was not there.
"""

import argparse
import hashlib
import json
import signal
import sys
import threading
import time

import paho.mqtt.client as mqtt
from cloudevents.core.formats.json import JSONFormat
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

CONTENT_TYPE = "application/cloudevents+json"
NOTHING_BEFORE = "0" * 64


class Ledger:
    """What was received, and what is wrong with it."""

    def __init__(self, root, any_start):
        self.root = root
        self.any_start = any_start
        self.lines = []
        self.hash_of_id = {}
        self.last = {}  # (epoch, stream) -> (sequence, hash)
        self.records = {}  # stream -> number of different records
        self.duplicates = 0
        self.faults = []

    def take(self, topic, payload, properties, retained):
        """One message under `stream/`. True when it carried a record not seen before."""
        content_type = getattr(properties, "ContentType", None)
        if content_type != CONTENT_TYPE:
            self.faults.append(f"{topic}: content type {content_type!r}, expected {CONTENT_TYPE!r}")
        if retained:
            self.faults.append(f"{topic}: a record was retained")
        try:
            event = JSONFormat().read(None, payload)
        except Exception as fault:  # whatever the SDK raises, the record is not a CloudEvent
            self.faults.append(f"{topic}: not a CloudEvent: {fault}: {payload[:200]!r}")
            return False
        stream, epoch = event.get_extension("stream"), event.get_extension("epoch")
        sequence, prev = event.get_extension("sequence"), event.get_extension("prev")
        port, lane = self.root.split("/")[2:4]
        for what, found, expected in [
            ("topic", topic, f"{self.root}/stream/{stream}"),
            ("id", event.get_id(), f"{epoch}.{stream}.{sequence}"),
            ("source", event.get_source(), f"/{port}/{lane}/{stream}"),
            ("length of sequence", len(str(sequence)), 20),
        ]:
            if found != expected:
                self.faults.append(f"{topic}: {what} is {found!r}, expected {expected!r}")
        return self.chain(stream, epoch, int(sequence), prev, event.get_id(), payload)

    def chain(self, stream, epoch, sequence, prev, identity, payload):
        digest = hashlib.sha256(payload).hexdigest()
        if identity in self.hash_of_id:
            self.duplicates += 1
            if self.hash_of_id[identity] != digest:
                self.faults.append(f"{identity}: came twice with different bytes")
            return False
        self.hash_of_id[identity] = digest
        known = self.last.get((epoch, stream))
        if known is None:
            known = (sequence - 1, prev) if self.any_start else (0, NOTHING_BEFORE)
        if sequence != known[0] + 1:
            self.faults.append(f"{identity}: came after sequence {known[0]}")
        elif prev != known[1]:
            self.faults.append(f"{identity}: prev is {prev}, the record before has {known[1]}")
        self.last[(epoch, stream)] = (sequence, digest)
        self.records[stream] = self.records.get(stream, 0) + 1
        self.lines.append(payload)
        return True


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--root", required=True, help="eport/v1/PORT/LANE")
    parser.add_argument("--count", type=int, default=0, help="end after this many different records; 0: at --timeout")
    parser.add_argument("--timeout", type=float, default=60, help="seconds")
    parser.add_argument("--out", help="file for the records, one a line, exact bytes")
    parser.add_argument("--client-id", default="centre")
    parser.add_argument("--persistent", action="store_true", help="the broker keeps our session while we are away")
    parser.add_argument("--any-start", action="store_true", help="a stream may begin with any sequence")
    parser.add_argument("--ca")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    return parser.parse_args()


def main():
    args = arguments()
    ledger = Ledger(args.root, args.any_start)
    status = []
    enough = threading.Event()
    ready = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: enough.set())
    signal.signal(signal.SIGUSR1, lambda *_: print(len(ledger.lines), flush=True))

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=args.client_id, protocol=mqtt.MQTTv5)
    if args.ca:
        client.tls_set(ca_certs=args.ca, certfile=args.cert, keyfile=args.key)
    client.reconnect_delay_set(1, 1)

    def on_connect(client, _data, _flags, reason, _properties):
        if not reason.is_failure:
            client.subscribe([(f"{args.root}/stream/#", mqtt.SubscribeOptions(qos=1)),
                              (f"{args.root}/status", mqtt.SubscribeOptions(qos=1))])

    def on_subscribe(_client, _data, _mid, reasons, _properties):
        if any(reason.is_failure for reason in reasons):
            ledger.faults.append(f"the broker refused the subscription: {reasons}")
            enough.set()
        if not ready.is_set():
            ready.set()
            print("ready", flush=True)

    def on_message(_client, _data, message):
        if message.topic == f"{args.root}/status":
            status.append(json.loads(message.payload) | {"retained": bool(message.retain)})
        elif ledger.take(message.topic, message.payload, message.properties, message.retain):
            if args.count and len(ledger.lines) >= args.count:
                enough.set()

    client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600 if args.persistent else 0
    try:
        client.connect(args.host, args.port, keepalive=10, clean_start=not args.persistent, properties=properties)
    except OSError as fault:
        print(f"{args.host}:{args.port}: {fault}", file=sys.stderr)
        return 2
    client.loop_start()
    in_time = enough.wait(args.timeout)
    if in_time and not ledger.faults:
        time.sleep(0.2)  # a record too many would come right behind
    client.disconnect()
    client.loop_stop()

    if args.count and len(ledger.lines) != args.count:
        ledger.faults.append(f"{len(ledger.lines)} records came, expected {args.count}")
    if args.out:
        with open(args.out, "wb") as out:
            out.writelines(line + b"\n" for line in ledger.lines)
    print(json.dumps({
        "records": len(ledger.lines),
        "duplicates": ledger.duplicates,
        "streams": ledger.records,
        "status": status,
        "faults": len(ledger.faults),
        "first_faults": ledger.faults[:20],
    }), flush=True)
    return 1 if ledger.faults else 0


if __name__ == "__main__":
    sys.exit(main())
