"""Turns what a handler returns into the reply of a run, and streams the pieces that it yields."""

import json

MAX_REPLY_BYTES = 1024 * 1024


class ReplyTooLarge(Exception):
    pass


def text_of(value):
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return json.dumps(value, ensure_ascii=False, default=str)


def bytes_of(text):
    """Counts bytes as the guest does, where a lone surrogate becomes U+FFFD, with three bytes too."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


class Pieces:
    """The pieces of a streamed reply: each is sent at once, and all are kept for the reply."""

    def __init__(self, channel):
        self._channel = channel
        self._pieces = []
        self._bytes = 0

    def add(self, value):
        piece = text_of(value)
        self._bytes += bytes_of(piece)
        if self._bytes > MAX_REPLY_BYTES:
            raise ReplyTooLarge()
        self._pieces.append(piece)
        if piece:
            self._channel.send(type="delta", text=piece)

    def reply(self, final=None):
        return "".join(self._pieces) if final is None else final


def answer(handler, run, channel, loop):
    result = handler(run["message"], run["context"])
    if hasattr(result, "__await__"):
        result = loop.run(result)
    pieces = Pieces(channel)
    if hasattr(result, "__aiter__"):
        return loop.run(collected(result, pieces))
    if hasattr(result, "__next__"):
        return joined(result, pieces)
    return result


async def collected(generator, pieces):
    try:
        async for piece in generator:
            pieces.add(piece)
    finally:
        # However it ends, the agent's own `finally` is run.
        if hasattr(generator, "aclose"):
            await generator.aclose()
    return pieces.reply()


def joined(generator, pieces):
    try:
        while True:
            try:
                piece = next(generator)
            except StopIteration as end:
                return pieces.reply(end.value)
            pieces.add(piece)
    finally:
        if hasattr(generator, "close"):
            generator.close()


def end_of(value):
    """Returns the frame that ends the run: a reply, or a hand-over to another agent."""
    if is_handoff(value):
        content = value.get("content")
        end = {"type": "handoff", "agent": value["handoff"]}
        return end if content is None else dict(end, content=text_of(content))
    content = text_of(value)
    if bytes_of(content) > MAX_REPLY_BYTES:
        raise ReplyTooLarge()
    return {"type": "reply", "content": content}


def is_handoff(value):
    """Text never is one, whatever a user wrote."""
    return isinstance(value, dict) and isinstance(value.get("handoff"), str) and set(value) <= {"handoff", "content"}
