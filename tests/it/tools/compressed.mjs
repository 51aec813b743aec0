// Reads a list, an export and the first event of a stream by fetch, which accepts compressed answers by itself, and
// prints what came.
const [, url, key, since] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${key}` };
const coding = (answer) => answer.headers.get("content-encoding");

const list = await fetch(`${url}/api/assets?limit=200`, { headers });
const items = (await list.json()).items.length;
const exported = await fetch(`${url}/api/export`, { headers });
const lines = (await exported.text()).trim().split("\n");
const events = { ...headers, Accept: "text/event-stream" };
const stream = await fetch(`${url}/api/changes?since=${since}`, { headers: events });
let text = "";
const decoder = new TextDecoder();
for await (const chunk of stream.body) {
  text += decoder.decode(chunk, { stream: true });
  if (text.includes("event: asset.created")) break;
}
console.log(JSON.stringify({
  items, lines: lines.length, last: JSON.parse(lines.at(-1)).type, event: true,
  codings: [coding(list), coding(exported), coding(stream)],
}));
process.exit(0);
