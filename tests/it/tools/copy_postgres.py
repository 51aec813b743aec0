"""Keeps a copy of the catalogue in PostgreSQL: python copy_postgres.py URL KEY CONNECTION"""
import json
import sys
import time

import psycopg
import requests

url, key, connection = sys.argv[1:]
api = requests.Session()
api.headers["authorization"] = f"Bearer {key}"
# json, not jsonb, keeps each number as it is written, and takes every text that JSON allows
TABLES = """
    create table if not exists asset (partner text, id text, body json, primary key (partner, id));
    create table if not exists place (one integer primary key check (one = 1), cursor text);
    create temporary table line (body json);
"""


def export(db, partner=None):
    """Everything anew, or all of one partner, and the cursor to follow from. What is cut off changes nothing."""
    with api.get(f"{url}/api/export", params={"partner": partner}, stream=True, timeout=60) as answer:
        answer.raise_for_status()
        lines = answer.iter_lines()
        cursor = json.loads(next(lines))["cursor"]
        db.execute("delete from line")
        with db.cursor().copy("copy line from stdin") as copy:
            for line in lines:
                json.loads(line)  # one that was cut off is none
                copy.write_row((line.decode(),))
    if not db.execute("select 1 from line where body->>'type' = 'end'").fetchone():
        raise requests.ConnectionError("the export was cut off")
    db.execute("delete from asset where %(of)s::text is null or partner = %(of)s", {"of": partner})
    db.execute("""insert into asset select a->>'partner', a->>'id', a
                  from (select body->'asset' as a from line where body->>'type' = 'asset') as given""")
    return cursor


def follow(db, cursor):
    """The next changes, once there are any. Each bears its whole asset as it is now, null once it is gone."""
    wanted = {"since": cursor, "full": "true", "wait": 20, "limit": 1000}
    answer = api.get(f"{url}/api/changes", params=wanted, timeout=60)
    if answer.status_code == 410:  # changes after the cursor are gone
        return export(db)
    answer.raise_for_status()
    page = answer.json()  # an answer that was cut off within its head looks like an empty one
    db.execute("""insert into asset select distinct on (1, 2) c->>'partner', c->>'id', c->'asset'
                  from json_array_elements(%s::json->'items') with ordinality as item(c, n)
                  where c->'asset' is not null order by 1, 2, n desc
                  on conflict (partner, id) do update set body = excluded.body""", (answer.content.decode(),))
    db.execute("delete from asset where body::text = 'null'")
    for change in page["items"]:
        if change["type"] in ("partner.removed", "partner.restored"):  # a mark of all its assets
            export(db, change["partner"])
    return page["next_cursor"]


while True:
    try:
        with psycopg.connect(connection, autocommit=True) as db:
            db.execute(TABLES)
            while True:
                place = db.execute("select cursor from place").fetchone()
                with db.transaction():  # the copy and the place that it has come to, together or not at all
                    cursor = follow(db, place[0]) if place else export(db)
                    db.execute("""insert into place values (1, %s)
                                  on conflict (one) do update set cursor = excluded.cursor""", (cursor,))
    except (psycopg.OperationalError, requests.RequestException, ValueError, StopIteration):
        time.sleep(0.2)
