#!/usr/bin/env bash
# node 20.20.2 (npm package `node`), @dinero.js/currencies 2.0.0-alpha.14 with dinero.js 2.0.0-alpha.14, Babel 2.19.0 (PyPI).
# How many digits a currency's minor unit has is answered by two tables that disagree: dinero.js follows ISO 4217 (IQD 3, HUF 2,
# IDR 2), while Intl.NumberFormat of Node and Babel follow CLDR (IQD 0, HUF 0, IDR 0 in Node). A sender that asks Intl for the
# exponent and states prices in minor units is off by 1,000 for IQD and by 100 for fifteen more currencies, and a price of
# 1234.567 dinars that dinero holds exactly is shown as 1,235 by Intl.
# For a receiver: an amount in minor units needs its exponent stated, never one looked up by currency.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-fund --no-audit node@20.20.2 dinero.js@2.0.0-alpha.14 @dinero.js/currencies@2.0.0-alpha.14
cat >units.cjs <<'JS'
const assert = require('node:assert');
const currencies = require('@dinero.js/currencies');
const { dinero, toDecimal } = require('dinero.js');
assert.equal(process.version, 'v20.20.2');
const digits = (code) =>
  new Intl.NumberFormat('en', { style: 'currency', currency: code }).resolvedOptions().maximumFractionDigits;
const differing = Object.keys(currencies).filter(
  (code) => currencies[code].code === code && currencies[code].base === 10 && digits(code) !== currencies[code].exponent,
);
console.log(differing.map((code) => `${code}: ${currencies[code].exponent} against ${digits(code)}`).join('\n'));
for (const [code, iso, cldr] of [['IQD', 3, 0], ['HUF', 2, 0], ['IDR', 2, 0], ['LAK', 2, 0], ['COP', 2, 0]]) {
  assert.deepEqual([currencies[code].exponent, digits(code)], [iso, cldr], code);
}
assert.equal(toDecimal(dinero({ amount: 1234567, currency: currencies.IQD })), '1234.567');
const shown = new Intl.NumberFormat('en', { style: 'currency', currency: 'IQD' }).format(1234.567);
assert.equal(shown.replace(/\s/g, ' '), 'IQD 1,235');
JS
node_modules/.bin/node units.cjs
python3 -m venv venv
venv/bin/pip -q install Babel==2.19.0
venv/bin/python - <<'PY'
from babel.numbers import get_currency_precision
found = {code: get_currency_precision(code) for code in ["IQD", "LAK", "MMK", "CLF"]}
print("Babel:", found)
assert found == {"IQD": 0, "LAK": 0, "MMK": 0, "CLF": 4}, found
PY
