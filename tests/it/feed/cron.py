"""Slots of cron expressions by another program.

Reads a list of {expression, zone, from, slots}, prints for each {by_wall_clock, own}: the slots as the wall
clock shows them, each at its first showing, or at the change where it is never shown; and for expressions
with a fixed time of day, whose jobs cron runs once whatever is done to the clock, those of the program's own
rule, which is Debian's.
"""

import json
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from cronsim import CronSim


def offset(zone, instant):
    return datetime.fromtimestamp(instant, zone).utcoffset()


def instant_of(wall, zone):
    at = wall.replace(tzinfo=zone)  # fold=0: the first showing
    instant = int(at.astimezone(timezone.utc).timestamp())
    if datetime.fromtimestamp(instant, zone).replace(tzinfo=None, fold=0) == wall:
        return instant
    # never shown: the change lies somewhere before, within a day and a bit
    low, high = instant - 26 * 3600, instant + 1
    before = offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset(zone, middle) == before else (low, middle)
    return high


def by_wall_clock(expression, zone, start, number):
    wall = datetime.fromtimestamp(start, zone).replace(tzinfo=None, fold=0) - timedelta(days=1)
    slots = []
    for at in CronSim(expression, wall):
        slot = instant_of(at, zone)
        if slot > start and (not slots or slot > slots[-1]):
            slots.append(slot)
        if len(slots) == number:
            return slots


def own(expression, zone, start, number):
    minute, hour = expression.split()[:2]
    if minute.startswith("*") or hour.startswith("*") or zone.key == "UTC":
        return None
    slots = []
    for at in CronSim(expression, datetime.fromtimestamp(start, zone)):
        slot = int(at.astimezone(timezone.utc).timestamp())
        # it gives those that fall together into the change one by one
        if not slots or slot > slots[-1]:
            slots.append(slot)
        if len(slots) == number:
            return slots


answers = []
for asked in json.load(sys.stdin):
    of = asked["expression"], ZoneInfo(asked["zone"]), asked["from"], asked["slots"]
    answers.append({"by_wall_clock": by_wall_clock(*of), "own": own(*of)})
json.dump(answers, sys.stdout)
