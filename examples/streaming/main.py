"""Streams: each piece that the generator yields is sent at once, and the reply is all of them together."""

import asyncio


async def process_message(message: str, context: dict):
    count = min(int(message), 100) if message.strip().isdecimal() else 5
    for left in range(count, 0, -1):
        yield f"{left}… "
        await asyncio.sleep(0.2)
    yield "lift-off!"
