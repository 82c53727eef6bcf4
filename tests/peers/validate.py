"""Validates TOML files against a JSON Schema with programs that share no code with portside.

    validate.py SCHEMA.json FILE.toml...

Each file must be accepted as it is, and refused as soon as any of its tables gets a key that no schema knows.
"""

import copy
import json
import sys
import tomllib

import jsonschema


# Tables whose keys are names that a profile gives itself: of points, of a frame's fields.
OPEN = {"set", "values", "invalid", "fields"}


def tables(value, name=None):
    """Every table with fixed keys below and including `value`."""
    if isinstance(value, dict):
        if name not in OPEN:
            yield value
        for key, inner in value.items():
            yield from tables(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from tables(inner)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    failed = False
    for path in sys.argv[2:]:
        with open(path, "rb") as file:
            document = tomllib.load(file)
        errors = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(document)]
        for index in range(len(list(tables(document)))):
            damaged = copy.deepcopy(document)
            list(tables(damaged))[index]["no_such_key"] = 1
            if validator.is_valid(damaged):
                errors.append(f"table {index} takes an unknown key")
        failed = failed or bool(errors)
        print("\n".join([f"bad {path}", *errors]) if errors else f"ok {path}")
    sys.exit(1 if failed else 0)


main()
