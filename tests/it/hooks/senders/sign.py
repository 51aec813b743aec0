"""As sign.mjs, with the libraries for Python."""

import datetime
import json
import sys

import standardwebhooks
import stripe


def standard(order):
    hook = standardwebhooks.Webhook(order["secret"])
    at = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    headers = {
        "webhook-id": order["id"],
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": hook.sign(order["id"], at, order["body"]),
    }
    hook.verify(order["body"], headers)
    return headers


def of_stripe(order):
    header = stripe.WebhookSignature.generate_signature_header(order["body"], order["secret"])
    stripe.Webhook.construct_event(order["body"], header, order["secret"])
    return {"stripe-signature": header}


LIBRARIES = {"standardwebhooks": standard, "stripe": of_stripe}
orders = json.load(sys.stdin)
print("\n" + json.dumps([LIBRARIES[order["library"]](order) for order in orders]))
