"""Serves a directory by Starlette on uvicorn, plain and compressed: the directory, and a port for each."""

import asyncio
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

root, plain, compressed = sys.argv[1:]


def server(port, middleware):
    app = Starlette(routes=[Mount("/", StaticFiles(directory=root))], middleware=middleware)
    return uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=int(port), log_level="error"))


async def main():
    gzip = [Middleware(GZipMiddleware, minimum_size=1)]
    await asyncio.gather(server(plain, []).serve(), server(compressed, gzip).serve())


asyncio.run(main())
