#!/usr/bin/env bash
# pycountry 26.2.16, Babel 2.19.0 (PyPI), currency-codes 2.2.0 (npm).
# "Is this an ISO 4217 code?" has three answers. currency-codes carries the list of June 2024: it lacks XCG, the Caribbean guilder
# of 2025. pycountry carries the current list alone: BGN and ANG, which ended in 2025 and 2026, are unknown, so that last year's
# price of a Bulgarian bond is refused. Babel never forgets: HRK, SLL and ZWL still pass. Of the five codes below the three agree
# on none.
# For a receiver: a code that has ended is still right for a price as of before its end.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip -q install pycountry==26.2.16 Babel==2.19.0
npm init -y >/dev/null
npm install --silent --no-fund --no-audit currency-codes@2.2.0
python=$(venv/bin/python - <<'PY'
import pycountry
from babel.core import Locale
names = Locale("en").currencies
for code in ["BGN", "ANG", "XCG", "HRK", "ZWL"]:
    print(code, pycountry.currencies.get(alpha_3=code) is not None, code in names)
PY
)
node=$(node -e 'const cc = require("currency-codes");
for (const code of ["BGN", "ANG", "XCG", "HRK", "ZWL"]) console.log(cc.code(code) !== undefined);')
seen=$(paste -d' ' <(echo "$python") <(echo "$node") | sed 's/True/true/g; s/False/false/g')
echo "code pycountry Babel currency-codes"; echo "$seen"
[ "$seen" = "BGN false true true
ANG false true true
XCG true true false
HRK false true false
ZWL false true false" ]
