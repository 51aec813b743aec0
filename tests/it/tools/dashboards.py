"""Reads dashboards by the types of Grafana's own SDK and writes them back: names what is lost, changed, or of another kind.

usage: dashboards.py FILE...; a line for each fault; the last line says how many panels were read.
"""
import enum
import json
import sys
import types
import typing

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def differences(before, after, at=""):
    """Where what was written back is not what was read."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            if key not in after:
                yield f"{at}/{key}: is not known"
            elif key not in before:
                yield f"{at}/{key}: is lacking"
            else:
                yield from differences(before[key], after[key], f"{at}/{key}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after)):
            yield from differences(one, other, f"{at}/{place}")
    elif before != after:
        yield f"{at}: {before!r} became {after!r}"


def fits(value, hint):
    """Whether a value is of the kind that the SDK declares."""
    origin, choices = typing.get_origin(hint), typing.get_args(hint)
    if hint in (typing.Any, object):
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, choice) for choice in choices)
    if origin is typing.Literal:
        return value in choices
    if origin is list:
        return isinstance(value, list) and all(fits(one, choices[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(one, choices[1]) for one in value.values())
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return value in [member.value for member in hint]
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def misfits(value, at=""):
    """Members of other kinds than the SDK declares, in all that it has read."""
    if isinstance(value, list):
        for place, one in enumerate(value):
            yield from misfits(one, f"{at}/{place}")
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from misfits(one, f"{at}/{key}")
    elif hasattr(value, "to_json"):
        hints = typing.get_type_hints(type(value))
        for name, one in vars(value).items():
            if name in hints and not fits(one, hints[name]):
                yield f"{at}/{name}: {one!r} is of another kind"
            yield from misfits(one, f"{at}/{name}")


def main():
    register_default_plugins()
    panels = 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            before = json.load(file)
        read = Dashboard.from_json(before)
        after = json.loads(json.dumps(read, cls=JSONEncoder))
        for fault in [*differences(before, after), *misfits(read)]:
            print(f"{path}: {fault}")
        panels += len(read.panels)
    print(f"{panels} panels")


if __name__ == "__main__":
    main()
