"""Keeps a copy of the catalogue in SQLite: python copy_sqlite.py URL KEY FILE"""
import json
import sqlite3
import sys
import time

import requests

url, key, file = sys.argv[1:]
api = requests.Session()
api.headers["authorization"] = f"Bearer {key}"
db = sqlite3.connect(file, isolation_level=None, timeout=30)
db.executescript("""
    create table if not exists asset (partner text, id text, body text, primary key (partner, id));
    create table if not exists place (one integer primary key check (one = 1), cursor text);
""")


def export(partner=None):
    """Everything anew, or all of one partner, and the cursor to follow from. What is cut off changes nothing."""
    with api.get(f"{url}/api/export", params={"partner": partner}, stream=True, timeout=60) as answer:
        answer.raise_for_status()
        lines = answer.iter_lines()
        cursor = json.loads(next(lines))["cursor"]
        db.execute("delete from asset where ?1 is null or partner = ?1", (partner,))
        for line in lines:
            kind = json.loads(line)["type"]
            if kind == "asset":  # SQLite takes the asset out of the line: its numbers keep all their digits
                db.execute("""insert into asset select a->>'partner', a->>'id', a
                              from (select ? -> 'asset' as a)""", (line.decode(),))
            elif kind == "end":
                return cursor
    raise requests.ConnectionError("the export was cut off")


def follow(cursor):
    """The next changes, once there are any. Each bears its whole asset as it is now, null once it is gone."""
    wanted = {"since": cursor, "full": "true", "wait": 20, "limit": 1000}
    answer = api.get(f"{url}/api/changes", params=wanted, timeout=60)
    if answer.status_code == 410:  # changes after the cursor are gone
        return export()
    answer.raise_for_status()
    page = answer.json()  # an answer that was cut off within its head looks like an empty one
    db.execute("""insert or replace into asset select value->>'partner', value->>'id', value->'asset'
                  from json_each(?, '$.items') where value->'asset' is not null order by key""", (answer.content.decode(),))
    db.execute("delete from asset where body = 'null'")
    for change in page["items"]:
        if change["type"] in ("partner.removed", "partner.restored"):  # a mark of all its assets
            export(change["partner"])
    return page["next_cursor"]


while True:
    try:
        place = db.execute("select cursor from place").fetchone()
        db.execute("begin")  # the copy and the place that it has come to, together or not at all
        cursor = follow(place[0]) if place else export()
        db.execute("insert or replace into place values (1, ?)", (cursor,))
        db.execute("commit")
    except (requests.RequestException, ValueError, StopIteration):
        db.execute("rollback")
        time.sleep(0.2)
