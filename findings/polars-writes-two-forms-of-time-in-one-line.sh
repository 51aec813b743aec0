#!/usr/bin/env bash
# polars 2.1.0 (PyPI), DataFrame.write_ndjson.
# In one and the same line a time with a zone is written with a T and an offset, and one without a zone with a space:
# {"as_of":"2026-11-24T03:10:00.500+00:00","updated_at":"2026-11-24 03:10:00.500"}. One format string for the feed cannot
# read both, the number of digits of the fraction follows the value, and the column that lost its zone looks like another format rather than like a time that lacks its offset.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install polars==2.1.0
"$folder/venv/bin/python" - <<'PY'
import datetime, polars

assert polars.__version__ == "2.1.0", polars.__version__
time = datetime.datetime(2026, 11, 24, 3, 10, 0, 500_000, tzinfo=datetime.timezone.utc)
line = polars.DataFrame({"as_of": [time], "updated_at": [time.replace(tzinfo=None)]}).write_ndjson()
print(line, end="")
assert line == '{"as_of":"2026-11-24T03:10:00.500+00:00","updated_at":"2026-11-24 03:10:00.500"}\n', line
PY
