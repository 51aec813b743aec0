#!/usr/bin/env bash
# httpx-sse 0.4.3 and aiosseclient 0.1.8 (PyPI), reading server-sent events.
# The format (WHATWG HTML, 9.2.6) dispatches no event for a block without data. Both readers give one, with empty data, for a block
# that holds only `retry:` or only `id:`; httpx-sse, once an id was seen, also for a comment that a blank line follows, which is what
# many servers send to keep a connection alive. A consumer that parses each event's data as JSON fails at the first of them.
# A server that wants to be read by all writes `retry:` into the block of the next event, and no blank line behind a comment.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install httpx==0.28.1 httpx-sse==0.4.3 aiohttp==3.14.5 aiosseclient==0.1.8
"$folder/venv/bin/python" - <<'PY'
import asyncio, http.server, threading
from importlib.metadata import version
import aiosseclient, httpx, httpx_sse

assert (version("httpx-sse"), version("aiosseclient")) == ("0.4.3", "0.1.8")
BODY = b'retry: 1000\n\nid: 7\ndata: {"n":1}\n\n:\n\nid: 8\n\n'

class Served(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)
    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Served)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/"
with httpx.Client() as client, httpx_sse.connect_sse(client, "GET", url) as source:
    by_httpx = [event.data for event in source.iter_sse()]

async def follow():
    return [event.data async for event in aiosseclient.aiosseclient(url)]

by_aio = asyncio.run(follow())
print(by_httpx, by_aio)
assert by_httpx == ["", '{"n":1}', "", ""], by_httpx
assert by_aio == ["", '{"n":1}', ""], by_aio
PY
