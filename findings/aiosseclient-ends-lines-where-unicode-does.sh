#!/usr/bin/env bash
# aiosseclient 0.1.8 (PyPI), reading server-sent events.
# Lines of the format end at CR, LF or both. This reader splits by Python's idea of a line, so that U+2028, U+2029 and U+0085, which
# JSON allows in strings as they are, cut an event's data in two: the consumer gets the first half, and no error. Asset names that
# were pasted from a word processor do hold U+2028. A server that escapes the three in JSON is read whole.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" -q install aiohttp==3.14.5 aiosseclient==0.1.8
"$folder/venv/bin/python" - <<'PY'
import asyncio, http.server, json, threading
from importlib.metadata import version
import aiosseclient

assert version("aiosseclient") == "0.1.8"
name = {"name": "Villa\u2028Nord"}
plain, escaped = json.dumps(name, ensure_ascii=False), json.dumps(name)
BODY = f"data: {plain}\n\ndata: {escaped}\n\n".encode()

class Served(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("content-length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)
    def log_message(self, *_):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Served)
threading.Thread(target=server.serve_forever, daemon=True).start()

async def follow():
    return [event.data async for event in aiosseclient.aiosseclient(f"http://127.0.0.1:{server.server_port}/")]

got = asyncio.run(follow())
print(got)
assert got == ['{"name": "Villa', escaped], got
PY
