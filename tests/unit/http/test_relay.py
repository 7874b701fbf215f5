"""Raw streams joined, and heads rewritten."""

from __future__ import annotations

import asyncio

from wherry.http.raw import HIGH, RawStream, open_raw
from wherry.http.relay import relay, rewritten


def test_rewritten_head_keeps_everything_else() -> None:
    versions = b"X-Stream-Protocol-Version: v4\r\nX-Stream-Protocol-Version: v3\r\n"
    head = b"POST /old?x HTTP/1.1\r\nHost: a\r\n" + versions + b"Authorization: Bearer t\r\n\r\n"
    made = rewritten(head, "POST", "/new", {"authorization": "", "host": "b:1"})
    assert made == b"POST /new HTTP/1.1\r\n" + versions + b"host: b:1\r\n\r\n"


def test_relay_carries_both_ways_until_one_side_ends() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        accepted: asyncio.Queue[RawStream] = asyncio.Queue()

        class Accepting(RawStream):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                super().connection_made(transport)
                accepted.put_nowait(self)

        server = await loop.create_server(Accepting, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        left_far, left_near = await open_raw("127.0.0.1", port), await accepted.get()
        right_far, right_near = await open_raw("127.0.0.1", port), await accepted.get()
        joined = asyncio.ensure_future(relay(left_near, right_near))
        big = b"x" * (HIGH * 4)

        async def collect(stream: RawStream, size: int) -> bytes:
            got = b""
            while len(got) < size:
                got += await stream.read()
            return got

        sending = asyncio.ensure_future(left_far.write(big))
        assert await collect(right_far, len(big)) == big
        await sending
        await right_far.write(b"back")
        assert await collect(left_far, 4) == b"back"
        left_far.close_write()
        assert await right_far.read() == b""
        await right_far.write(b"late")
        right_far.close()
        assert await collect(left_far, 4) == b"late"
        await joined
        left_far.close()
        server.close()
        await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(main(), 10))
