// Signs with the libraries that senders use. Reads a list of {library, secret, id, at, body} as JSON, and
// prints the headers of each; `at` is in seconds since 1970.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(process.cwd(), "package.json"));
const load = async (name) => (await import(pathToFileURL(require.resolve(name)))).Webhook;

const houses = {
  standardwebhooks: [await load("standardwebhooks"), "webhook"],
  svix: [await load("svix"), "svix"],
};

const signed = JSON.parse(readFileSync(0, "utf8")).map(({ library, secret, id, at, body }) => {
  const [Webhook, house] = houses[library];
  return {
    [`${house}-id`]: id,
    [`${house}-timestamp`]: String(at),
    [`${house}-signature`]: new Webhook(secret).sign(id, new Date(at * 1000), body),
  };
});
process.stdout.write(`\n${JSON.stringify(signed)}\n`);
