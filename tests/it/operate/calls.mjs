// Makes one call by fetch, and prints what it is answered as it comes.
const { method, url, headers, body } = JSON.parse(process.argv[2]);
const answer = await fetch(url, { method, headers, body: body ?? undefined, signal: AbortSignal.timeout(60_000) });
if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
for await (const piece of answer.body) process.stdout.write(piece);
