#!/usr/bin/env bash
# duckdb 2.0.1 (PyPI), to_json and COPY … (FORMAT json) of TIMESTAMPTZ; ciso8601 2.3.3.
# The same instant is written with the offset of the session's time zone, by hours alone where it has no minutes
# ("2026-11-24 03:10:00+00", "…22:10:00-05", but "…08:40:00+05:30"): no RFC 3339 in two of three zones, and the text of an
# unchanged feed changes with the machine that exports it. ciso8601 reads the form by its ISO parser and refuses it by its
# RFC 3339 parser.
# For a receiver that compares bodies by hash: the same data from another machine is a new body.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install duckdb==2.0.1 ciso8601==2.3.3
"$folder/venv/bin/python" - <<'PY'
import ciso8601, duckdb, json

assert duckdb.__version__ == "2.0.1", duckdb.__version__
wanted = {"UTC": "2026-11-24 03:10:00+00", "America/New_York": "2026-11-23 22:10:00-05", "Asia/Kolkata": "2026-11-24 08:40:00+05:30"}
instants = set()
for zone, text in wanted.items():
    duckdb.sql(f"set timezone = '{zone}'")
    [(row,)] = duckdb.sql("select to_json({'as_of': timestamptz '2026-11-24 03:10:00+00'})::varchar").fetchall()
    seen = json.loads(row)["as_of"]
    print(zone, seen)
    assert seen == text, (zone, seen)
    instants.add(ciso8601.parse_datetime(seen).timestamp())
    try:
        ciso8601.parse_rfc3339(seen)
        strict = True
    except ValueError:
        strict = False
    assert strict == (zone == "Asia/Kolkata"), (zone, strict)
assert len(instants) == 1
PY
