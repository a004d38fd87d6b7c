"""`python -m bench.sink`: a webhook receiver that only counts, in a process of its own.

Prints its port; `GET /count` answers how many events came.
"""

import asyncio

from aiohttp import web

MARK = b'"messageId"'


async def main() -> None:
    seen = 0

    async def take(request: web.Request) -> web.Response:
        nonlocal seen
        seen += (await request.read()).count(MARK)
        return web.Response()

    async def count(_: web.Request) -> web.Response:
        return web.Response(text=str(seen))

    app = web.Application(client_max_size=64 << 20)
    app.router.add_get("/count", count)
    app.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
