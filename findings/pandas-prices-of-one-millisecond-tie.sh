#!/usr/bin/env bash
# pandas 3.1.1 (PyPI), DataFrame.to_json of times.
# pandas 3 stores times in microseconds, yet to_json cuts them to milliseconds, as numbers and with date_format="iso" alike:
# two quotes 400 microseconds apart are published with one and the same as_of, so that a receiver who orders prices by it sees
# a tie. Only date_unit="us" keeps the order; date_format="iso" alone does not.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install pandas==3.1.1
"$folder/venv/bin/python" -W ignore - <<'PY'
import json
import pandas as pd

assert pd.__version__ == "3.1.1", pd.__version__
times = pd.to_datetime(["2026-11-24T03:10:00.123100Z", "2026-11-24T03:10:00.123500Z"])
frame = pd.DataFrame({"as_of": times})
assert str(frame.dtypes["as_of"]) == "datetime64[us, UTC]", frame.dtypes
for options, distinct in [({}, 1), ({"date_format": "iso"}, 1), ({"date_format": "iso", "date_unit": "us"}, 2)]:
    text = frame.to_json(orient="records", **options)
    print(options, text)
    assert len({row["as_of"] for row in json.loads(text)}) == distinct, text
PY
