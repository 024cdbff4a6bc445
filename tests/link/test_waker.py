"""No wake is lost, and no rest is longer than said."""

from __future__ import annotations

import asyncio
import time

from kioskd.link.waker import Waker


def test_a_rest_ends_by_itself_or_by_a_wake() -> None:
    async def main() -> None:
        waker = Waker()
        began = time.monotonic()
        await waker.rest(0.05)
        assert 0.04 < time.monotonic() - began < 1.0
        waker.clear()
        asyncio.get_running_loop().call_soon(waker.wake)
        await asyncio.wait_for(waker.rest(), 1.0)

    asyncio.run(main())


def test_a_wake_before_the_rest_counts_since_the_last_clear() -> None:
    async def main() -> None:
        waker = Waker()
        waker.wake()
        await asyncio.wait_for(waker.rest(), 1.0)
        waker.clear()
        resting = asyncio.create_task(waker.rest())
        await asyncio.sleep(0.01)
        assert not resting.done()
        waker.wake()
        await asyncio.wait_for(resting, 1.0)

    asyncio.run(main())
