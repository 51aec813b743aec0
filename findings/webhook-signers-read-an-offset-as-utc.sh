#!/usr/bin/env bash
# standardwebhooks 1.1.0 and svix 2.9.1 (PyPI), Webhook.sign, against standardwebhooks 1.1.1 (npm).
# The Python signers put UTC in the place of a datetime's own offset instead of converting: 13:00+01:00 is signed as 13:00Z, though
# it equals 12:00Z. A sender whose clock is aware of its zone thus signs another second than the one it sends in webhook-timestamp,
# and the receiver refuses what is sound. The npm signer takes the instant.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install standardwebhooks==1.1.0 svix==2.9.1
(cd "$folder" && npm --silent init -y >/dev/null && npm --silent install standardwebhooks@1.1.1 >/dev/null)
by_npm=$(cd "$folder" && node -e '
const { Webhook } = require("standardwebhooks");
console.log(new Webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").sign("msg_1", new Date("2026-11-28T13:00:00+01:00"), "{}"));')
BY_NPM=$by_npm "$folder/venv/bin/python" - <<'PY'
import os
from datetime import datetime, timedelta, timezone
from importlib.metadata import version
from standardwebhooks.webhooks import Webhook as Standard
from svix.webhooks import Webhook as Svix

assert (version("standardwebhooks"), version("svix")) == ("1.1.0", "2.9.1")
utc = datetime(2026, 11, 28, 12, tzinfo=timezone.utc)
there = utc.astimezone(timezone(timedelta(hours=1)))
assert utc == there
for signer in (Standard, Svix):
    hook = signer("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    sign = lambda at: hook.sign("msg_1", at, "{}")
    print(signer.__module__, sign(utc), sign(there), sign(utc + timedelta(hours=1)))
    assert sign(there) != sign(utc)
    assert sign(there) == sign(utc + timedelta(hours=1))
    assert sign(utc) == os.environ["BY_NPM"]
PY
