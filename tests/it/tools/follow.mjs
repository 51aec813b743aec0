// Follows a change stream by a library, and prints each event as a line of JSON.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [library, url, key] = process.argv.slice(2);
const place = createRequire(join(process.cwd(), "package.json"));
const { EventSource, createEventSource } = await import(pathToFileURL(place.resolve(library)));
const headers = { Authorization: `Bearer ${key}` };
const say = (event, id, data) => console.log(JSON.stringify({ event, id, data: JSON.parse(data) }));

if (library === "eventsource") {
  const bearing = (to, init) => fetch(to, { ...init, headers: { ...init.headers, ...headers } });
  const source = new EventSource(url, { fetch: bearing });
  const changes = ["asset.created", "asset.updated", "asset.deleted", "price.updated", "partner.removed", "partner.restored"];
  for (const name of [...changes, "progress", "reset", "end"]) {
    source.addEventListener(name, (event) => say(event.type, event.lastEventId, event.data));
  }
} else {
  createEventSource({ url, headers, onMessage: ({ event, id, data }) => say(event, id, data) });
}
