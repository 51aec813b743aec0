"""Makes one call by a library, and prints what it is answered, line by line as it comes."""

import json
import sys

library, call = sys.argv[1], json.loads(sys.argv[2])
body = None if call["body"] is None else call["body"].encode()
wanted = {"headers": call["headers"], "timeout": 60}

if library == "requests":
    import requests

    with requests.request(call["method"], call["url"], data=body, stream=True, **wanted) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines(chunk_size=1):
            print(line.decode(), flush=True)
else:
    import httpx

    with httpx.stream(call["method"], call["url"], content=body, **wanted) as answer:
        answer.raise_for_status()
        for line in answer.iter_lines():
            print(line, flush=True)
