#!/usr/bin/env python3
"""Proves a Portside journal, sharing no code with the daemon that wrote it.

    portside_verify.py STORE            a store's folder (docs/evidence-log.md)
    portside_verify.py RECORDS.jsonl    records as the centre received them, one a line

Prints a JSON report. Exit status: 0 whole, 1 not as it was written, 2 it cannot be read at all.
Python 3.9 or later, standard library only.
"""
import hashlib
import json
import os
import re
import struct
import sys

STREAMS = {"alarm": 1, "inspection": 2, "device": 3, "telemetry": 4, "audit": 5}
ZERO = "0" * 64
FRAME = bytes([0xF5]) + b"PJ" + bytes([0xFF])
RECORD_LIMIT = 262_144
FIRST = 64
EVIDENCE = ("sha256", "sidecar", "presentation")
FIELDS = {"specversion", "id", "source", "type", "subject", "time", "sequence", "stream", "epoch", "prev"}


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = crc_table()


def crc32c(*parts):
    crc, table = 0xFFFFFFFF, CRC_TABLE
    for part in parts:
        for byte in part:
            crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def once(pairs):
    """A JSON object that says nothing twice: of two values, two programs may read a different one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def read_json(data):
    return json.loads(data.decode("utf-8"), object_pairs_hook=once)


class Proof:
    def __init__(self, lane):
        self.lane = lane
        self.tips, self.hashes, self.named = {}, {}, {}
        self.problems, self.notes, self.counts = [], [], {}

    def problem(self, where, what):
        self.problems.append(f"{where}: {what}")

    def record(self, where, data, header=None):
        try:
            record = read_json(data)
            self.form(record)
        except (ValueError, KeyError, TypeError) as error:
            return self.problem(where, f"not a record: {error}")
        stream, sequence = record["stream"], int(record["sequence"])
        if header is not None and header != (STREAMS.get(stream, 6), sequence):
            self.problem(where, "the frame around it is another record's")
        last, prev = self.tips.get(stream, (0, ZERO))
        name = f"{where}: {stream} {sequence}"
        if sequence <= last:
            self.problem(name, f"it stands after record {last}")
        elif sequence > last + 1:
            self.problem(name, f"records {last + 1} to {sequence - 1} before it are missing")
        elif record["prev"] != prev:
            self.problem(name, f"`prev` is not the hash of record {last}: one of the two was altered")
        digest = hashlib.sha256(data).hexdigest()
        self.tips[stream] = (max(last, sequence), digest)
        self.hashes[stream, sequence] = digest
        self.counts[stream] = self.counts.get(stream, 0) + 1
        self.evidence_in(record.get("data"), name)

    def form(self, record):
        """Every rule of the record's form that ties one field to another."""
        missing = FIELDS - record.keys()
        if missing:
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        if record["specversion"] != "1.0" or ("data" in record) == ("data_base64" in record):
            raise ValueError("it is not a CloudEvent 1.0 with either `data` or `data_base64`")
        stream, epoch, sequence = record["stream"], record["epoch"], record["sequence"]
        if stream not in STREAMS and not re.fullmatch(r"agency-[A-Za-z0-9-]+", stream):
            raise ValueError(f"no stream is called {stream!r}")
        if not re.fullmatch(r"[0-9]{20}", sequence) or int(sequence) == 0:
            raise ValueError(f"sequence {sequence!r}")
        if not re.fullmatch(r"[0-9a-f]{64}", record["prev"]):
            raise ValueError(f"prev {record['prev']!r}")
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", record["time"]):
            raise ValueError(f"time {record['time']!r}")
        if not record["type"].startswith("portside."):
            raise ValueError(f"type {record['type']!r}")
        if record["id"] != f"{epoch}.{stream}.{sequence}":
            raise ValueError("`id` is not made of its epoch, stream and sequence")
        if self.lane is None:
            parts = record["source"].split("/")
            if len(parts) != 4:
                raise ValueError(f"source {record['source']!r}")
            self.lane = {"port": parts[1], "lane": parts[2], "epoch": epoch}
        expected = f"/{self.lane['port']}/{self.lane['lane']}/{stream}"
        if record["source"] != expected or epoch != self.lane["epoch"]:
            raise ValueError(f"it belongs to {record['source']} {epoch}")

    def evidence_in(self, value, name):
        if isinstance(value, dict):
            for key in EVIDENCE:
                if isinstance(value.get(key), str):
                    self.named.setdefault(value[key], name)
            for inner in value.values():
                self.evidence_in(inner, name)
        elif isinstance(value, list):
            for inner in value:
                self.evidence_in(inner, name)

    def report(self):
        lane = self.lane or {}
        streams = {
            stream: {"records": self.counts[stream], "newest": newest, "hash": digest}
            for stream, (newest, digest) in sorted(self.tips.items())
        }
        return {
            "port": lane.get("port"), "lane": lane.get("lane"), "epoch": lane.get("epoch"), "streams": streams,
            "evidence": len(self.named), "notes": self.notes, "problems": self.problems,
        }


def frame_at(data, at):
    """The frame that begins at `at`: its end, header and record; None where none does."""
    if data[at:at + 4] != FRAME or at + 32 > len(data):
        return None
    length, crc = struct.unpack_from("<II", data, at + 4)
    end = at + 32 + length
    if length > RECORD_LIMIT or end > len(data):
        return None
    if crc != crc32c(data[at + 4:at + 8], data[at + 12:at + 32], data[at + 32:end]):
        return None
    tag, sequence, durable = data[at + 12], *struct.unpack_from("<QQ", data, at + 16)
    return end, (tag, sequence), durable, data[at + 32:end]


def pieces(data):
    """Frames and holes of a segment, in order: (at, end, frame or None)."""
    at, used = FIRST, len(data.rstrip(b"\0"))
    while at < used:
        frame = frame_at(data, at)
        if frame:
            end = frame[0]
            yield at, end, frame
            padded = (end + 7) // 8 * 8
            if data[end:padded].strip(b"\0"):
                yield end, padded, None
            at = padded
            continue
        following = at + 8
        while following < used and not frame_at(data, following):
            following = data.find(FRAME, following + 1)
            following = used if following < 0 else (following + 7) // 8 * 8
        yield at, min(following, used), None
        at = following


def header_is_right(data, number, epoch):
    head = data[:FIRST]
    expected = b"PSLOG01\n" + struct.pack("<II", 1, number) + bytes.fromhex(epoch.replace("-", ""))
    expected += bytes(60 - len(expected))
    return head == expected + struct.pack("<I", crc32c(expected))


def read_head(data):
    """The later readable slot, and whether the other one cannot be read though something stands there."""
    slots, damaged = [], False
    for at in (0, 4096):
        slot = data[at:at + 4096]
        try:
            length, crc = struct.unpack_from("<II", slot, 8)
            if slot[:8] != b"PSHEAD1\n" or crc != crc32c(slot[:12], slot[16:]):
                raise ValueError("checksum")
            slots.append(read_json(slot[16:16 + length]))
        except (ValueError, struct.error):
            damaged |= bool(slot.strip(b"\0"))
    return max(slots, key=lambda slot: slot["turn"], default=None), damaged


def verify_log(store, proof, head):
    log = os.path.join(store, "log")
    segments = {}
    for name in sorted(os.listdir(log)):
        if re.fullmatch(r"[0-9]{8}\.log", name):
            with open(os.path.join(log, name), "rb") as file:
                segments[int(name[:8])] = file.read()
    cut = {number: list(pieces(data)) for number, data in segments.items()}
    filled = [number for number, found in cut.items() if any(frame for _, _, frame in found)]
    last = max(filled, default=1)
    end = (last, FIRST)
    known = max([head["durable"] if head else 0]
                + [frame[2] for found in cut.values() for _, _, frame in found if frame])
    torn = None
    for number in range(1, last + 1):
        where = f"log/{number:08}.log"
        if number not in segments:
            proof.problem(where, "the segment file is missing")
            continue
        if not header_is_right(segments[number], number, proof.lane["epoch"]):
            proof.problem(where, "the segment's header is not that of this journal")
        for at, stop, frame in cut[number]:
            if frame:
                proof.record(f"{where}:{at}", frame[3], frame[1])
                end = (number, (stop + 7) // 8 * 8)
            elif number == last and (number << 32 | at) >= known:
                torn = f"{where}:{at}"
                break
            else:
                proof.problem(f"{where}:{at}", f"{stop - at} bytes cannot be read: the checksum does not fit")
        if torn:
            break
    for number in segments:
        if number > last and cut[number]:
            torn = torn or f"log/{number:08}.log:{cut[number][0][0]}"
    return end[0] << 32 | end[1], torn


def verify_store(store):
    with open(os.path.join(store, "lane"), "rb") as file:
        lane = read_json(file.read())
    if lane.get("form") != 1 or not all(isinstance(lane.get(key), str) for key in ("port", "lane", "epoch")):
        raise ValueError("the file `lane` names no journal of form 1")
    proof = Proof(lane)
    head, damaged = None, False
    try:
        with open(os.path.join(store, "head"), "rb") as file:
            head, damaged = read_head(file.read())
    except FileNotFoundError:
        pass
    if head is None:
        proof.problem("head", "it is missing or cannot be read, so that records may be missing at the log's end")
    elif head["epoch"] != lane["epoch"]:
        proof.problem("head", f"it belongs to another journal, epoch {head['epoch']}")
        head = None
    if damaged:
        proof.notes.append("one half of the head file cannot be read; the other is whole")
    end, torn = verify_log(store, proof, head)
    compare(proof, head)
    if torn and head and head["closed"] and not damaged and head["durable"] == end:
        proof.problem(torn, "bytes after the end of a journal that was closed in order")
    elif torn:
        proof.notes.append(f"{torn}: an unfinished commit, of which nothing was acknowledged")
    check_evidence(store, proof)
    return proof.report()


def compare(proof, head):
    for stream, sequence, digest, _ceiling in head["tips"] if head else []:
        last = proof.tips.get(stream, (0, ZERO))[0]
        if sequence > last:
            proof.problem(f"{stream} {sequence}", f"records {last + 1} to {sequence} are missing at the end")
        elif sequence and proof.hashes.get((stream, sequence), digest) != digest:
            proof.problem(f"{stream} {sequence}", "it is not the record that the head file knows")


def check_evidence(store, proof):
    for digest, name in sorted(proof.named.items()):
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            proof.problem(name, f"{digest!r} names no evidence")
            continue
        found = hashlib.sha256()
        try:
            with open(os.path.join(store, "evidence", digest[:2], digest), "rb") as file:
                for chunk in iter(lambda: file.read(1 << 20), b""):
                    found.update(chunk)
        except OSError:
            proof.problem(name, f"evidence is missing, hash {digest}")
            continue
        if found.hexdigest() != digest:
            proof.problem(name, f"evidence was altered: the file named {digest} has hash {found.hexdigest()}")


def verify_lines(path):
    proof = Proof(None)
    with open(path, "rb") as file:
        for number, line in enumerate(file.read().split(b"\n"), 1):
            if line:
                proof.record(f"line {number}", line)
    proof.notes.append("records alone: what evidence they name was not looked at, and what comes after them is not known")
    return proof.report()


def verify(path):
    return verify_store(path) if os.path.isdir(path) else verify_lines(path)


def main(arguments):
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    try:
        report = verify(arguments[0])
    except (OSError, ValueError) as error:
        print(f"portside_verify: {arguments[0]}: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report, indent=2, ensure_ascii=False))
    return 1 if report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
