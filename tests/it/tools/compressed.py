"""Reads a list, an export and the first event of a stream by a library that accepts compressed answers by itself,
and prints what came."""

import json
import sys

library, url, key, since = sys.argv[1:]
bearer = {"Authorization": f"Bearer {key}"}
events = {**bearer, "Accept": "text/event-stream"}
list_url, export_url, stream_url = f"{url}/api/assets?limit=200", f"{url}/api/export", f"{url}/api/changes?since={since}"


def first_event(lines):
    for line in lines:
        if (line.decode() if isinstance(line, bytes) else line) == "event: asset.created":
            return True
    return False


if library == "httpx":
    import httpx

    with httpx.Client(headers=bearer, timeout=60) as client:
        listed, exported = client.get(list_url), client.get(export_url)
        with client.stream("GET", stream_url, headers=events) as stream:
            event, stream_coding = first_event(stream.iter_lines()), stream.headers.get("content-encoding")
else:
    import requests

    listed, exported = (requests.get(to, headers=bearer, timeout=60) for to in (list_url, export_url))
    with requests.get(stream_url, headers=events, stream=True, timeout=60) as stream:
        event, stream_coding = first_event(stream.iter_lines(chunk_size=1)), stream.headers.get("content-encoding")

lines = exported.text.strip().split("\n")
codings = [listed.headers.get("content-encoding"), exported.headers.get("content-encoding"), stream_coding]
print(
    json.dumps(
        {
            "items": len(listed.json()["items"]),
            "lines": len(lines),
            "last": json.loads(lines[-1])["type"],
            "event": event,
            "codings": codings,
        }
    )
)
