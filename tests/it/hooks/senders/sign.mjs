// Signs bodies with the libraries that senders and receivers of such calls use. Reads a list of
// {library, secret, id, body} as JSON, and prints the headers of each; what a library signs it also verifies.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.cwd(), "package.json"));
const load = (name) => import(pathToFileURL(require.resolve(name)));

async function standardwebhooks({ secret, id, body }) {
  const { Webhook } = await load("standardwebhooks");
  const hook = new Webhook(secret);
  const at = new Date();
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": hook.sign(id, at, body),
  };
  hook.verify(body, headers);
  return headers;
}

async function stripe({ secret, body }) {
  const { default: Stripe } = await load("stripe");
  const signature = Stripe.webhooks.generateTestHeaderString({ payload: body, secret });
  Stripe.webhooks.constructEvent(body, signature, secret);
  return { "stripe-signature": signature };
}

async function shopify({ secret, id, body }) {
  await load("@shopify/shopify-api/adapters/node");
  const { shopifyApi, LogSeverity } = await load("@shopify/shopify-api");
  const { createSHA256HMAC, HashFormat } = await load("@shopify/shopify-api/runtime");
  const headers = {
    "x-shopify-topic": "products/update",
    "x-shopify-hmac-sha256": await createSHA256HMAC(secret, body, HashFormat.Base64),
    "x-shopify-shop-domain": "acme.myshopify.com",
    "x-shopify-api-version": "2025-10",
    "x-shopify-webhook-id": id,
  };
  const api = shopifyApi({
    apiKey: "key", apiSecretKey: secret, scopes: [], hostName: "shop.example", apiVersion: "2025-10",
    isEmbeddedApp: false, logger: { level: LogSeverity.Error },
  });
  const checked = await api.webhooks.validate({ rawBody: body, rawRequest: { headers } });
  if (!checked.valid) throw new Error(`not valid: ${checked.reason}`);
  return headers;
}

const libraries = { standardwebhooks, stripe, shopify };
const signed = [];
for (const order of JSON.parse(readFileSync(0, "utf8"))) {
  signed.push(await libraries[order.library](order));
}
process.stdout.write(`\n${JSON.stringify(signed)}\n`);
