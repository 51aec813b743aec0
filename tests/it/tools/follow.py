"""Follows a change stream by a library, in the loop that these libraries need, and prints each event as a line of JSON."""

import asyncio
import json
import sys
import time

library, url, key = sys.argv[1:]
last = None


def headers():
    resume = {"Last-Event-ID": last} if last else {}
    return {"Authorization": f"Bearer {key}", "Accept": "text/event-stream"} | resume


def say(event):
    global last
    print(json.dumps({"event": event.event, "id": event.id, "data": json.loads(event.data)}), flush=True)
    last = event.id


def by_httpx_sse():
    import httpx
    from httpx_sse import connect_sse

    with httpx.Client(timeout=None) as client, connect_sse(client, "GET", url, headers=headers()) as source:
        source.response.raise_for_status()
        for event in source.iter_sse():
            say(event)


def by_sseclient_py():
    import requests
    from sseclient import SSEClient

    with requests.get(url, headers=headers(), stream=True) as response:
        response.raise_for_status()
        for event in SSEClient(response).events():
            say(event)


def by_aiosseclient():
    from aiosseclient import aiosseclient

    async def follow():
        async for event in aiosseclient(url, headers=headers(), raise_for_status=True):
            say(event)

    asyncio.run(follow())


follow = {"httpx-sse": by_httpx_sse, "sseclient-py": by_sseclient_py, "aiosseclient": by_aiosseclient}[library]
while True:
    try:
        follow()
    except OSError as error:  # requests and aiohttp: the connection is cut, or refused
        print(error, file=sys.stderr)
    except Exception as error:
        if type(error).__module__.split(".")[0] not in ("httpx", "aiohttp"):
            raise
        print(error, file=sys.stderr)
    time.sleep(0.2)
