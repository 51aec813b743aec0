#!/usr/bin/env bash
# pandas 3.1.1 (PyPI), DataFrame.to_json, `double_precision`.
# A feed exported with to_json states token prices between 1e-15 and 5e-11 as 0.0: the writer keeps ten digits *after the point*,
# not ten significant ones (6.208932128878e-10 has one left). Below 1e-15 it changes to an exponent and is exact again: 9e-16 is
# written whole, the ten-thousand times larger 6.2e-12 as zero. double_precision=15, the largest setting, writes both. The same
# number as a decimal.Decimal is written whole, but as a string: two columns of one frame give prices of two JSON types.
# For a receiver: a price of exactly zero in a feed may be a real one that was rounded away.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install pandas==3.1.1
"$folder/venv/bin/python" - <<'PY'
from decimal import Decimal
import pandas as pd

assert pd.__version__ == "3.1.1", pd.__version__
prices = [6.208932128878e-10, 6.2e-12, 9e-16]
plain = pd.DataFrame({"price": prices}).to_json(orient="records")
most = pd.DataFrame({"price": prices}).to_json(orient="records", double_precision=15)
exact = pd.DataFrame({"price": [Decimal("0.0000000000062")]}).to_json(orient="records")
print(plain, most, exact, sep="\n")
assert plain == '[{"price":0.0000000006},{"price":0.0},{"price":9e-16}]', plain
assert most == '[{"price":0.000000000620893},{"price":0.0000000000062},{"price":9e-16}]', most
assert exact == '[{"price":"0.0000000000062"}]', exact
PY
