"""As sign.mjs, with the libraries for Python; `cryptography` signs with ed25519, which the others cannot. Its
secret is the seed, and its headers name the public key."""

import base64
import datetime
import json
import sys

import standardwebhooks
import svix.webhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def by_class(hooks, house):
    def sign(order):
        at = datetime.datetime.fromtimestamp(order["at"], datetime.timezone.utc)
        signature = hooks(order["secret"]).sign(order["id"], at, order["body"])
        return headers(house, order, signature)

    return sign


def by_key(order):
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(order["secret"]))
    signed = f"{order['id']}.{order['at']}.{order['body']}".encode()
    signature = "v1a," + base64.b64encode(key.sign(signed)).decode()
    public = "whpk_" + base64.b64encode(key.public_key().public_bytes_raw()).decode()
    return headers("webhook", order, signature) | {"public": public}


def headers(house, order, signature):
    return {f"{house}-id": order["id"], f"{house}-timestamp": str(order["at"]), f"{house}-signature": signature}


LIBRARIES = {
    "standardwebhooks": by_class(standardwebhooks.Webhook, "webhook"),
    "svix": by_class(svix.webhooks.Webhook, "svix"),
    "cryptography": by_key,
}
print("\n" + json.dumps([LIBRARIES[order["library"]](order) for order in json.load(sys.stdin)]))
