"""Flips every byte of a log once, up to the end of its last record, and prints where the verifier finds nothing wrong."""
import json
import os
import sys

sys.path.insert(0, sys.argv[1])
import portside_verify  # noqa: E402

store = sys.argv[2]
log = os.path.join(store, "log")
tried, unseen = 0, []
for name in sorted(os.listdir(log)):
    path = os.path.join(log, name)
    with open(path, "rb") as file:
        whole = file.read()
    used = len(whole.rstrip(b"\0"))
    if used <= portside_verify.FIRST:
        continue  # prepared for records to come
    for at in range(used):
        changed = bytearray(whole)
        changed[at] ^= 1 << (at % 8)
        with open(path, "wb") as file:
            file.write(changed)
        tried += 1
        try:
            if not portside_verify.verify(store)["problems"]:
                unseen.append([name, at])
        except (OSError, ValueError):
            pass  # refused as a whole is found as well
    with open(path, "wb") as file:
        file.write(whole)
print(json.dumps({"tried": tried, "unseen": unseen, "whole": portside_verify.verify(store)}))
