"""Runs one Python agent: loads its handler once, then answers runs that come as JSON lines on file descriptor 3.

    worker.py NAME DIRECTORY HANDLER

<- {"type": "run", "run_id", "message", "context"}
-> {"type": "ready"} | {"type": "failed", "message"}, once, and for each run
-> {"type": "delta", "text"}*, {"type": "reply", "content"} | {"type": "error", "reason", "message"}
"""

import json
import os
import sys

MAX_REPLY = 1024 * 1024


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


class Channel:
    def __init__(self, descriptor):
        os.set_inheritable(descriptor, False)
        self._in = os.fdopen(descriptor, "rb", closefd=False)
        self._out = os.fdopen(descriptor, "wb", buffering=0, closefd=False)

    def __iter__(self):
        for line in self._in:
            yield json.loads(line)

    def send(self, **frame):
        # A lone surrogate is no character and cannot travel.
        data = memoryview((json.dumps(frame, ensure_ascii=False) + "\n").encode("utf-8", "replace"))
        while data:
            data = data[self._out.write(data):]


class Pieces:
    """The pieces of a streamed reply: each is sent at once, and all are kept for the reply."""

    def __init__(self, channel):
        self._channel = channel
        self._pieces = []
        self._length = 0

    def add(self, value):
        piece = text_of(value)
        self._length += len(piece)
        if self._length > MAX_REPLY:
            raise ReplyTooLarge()
        self._pieces.append(piece)
        if piece:
            self._channel.send(type="delta", text=piece)

    def reply(self, final=None):
        return "".join(self._pieces) if final is None else text_of(final)


class Loop:
    """One event loop for the life of the worker, so that what an agent opened in it stays usable. Made when first needed."""

    def __init__(self):
        self._loop = None

    def run(self, awaitable):
        import asyncio

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        return self._loop.run_until_complete(awaitable)


def answer(handler, run, channel, loop):
    result = handler(run["message"], run["context"])
    if hasattr(result, "__await__"):
        result = loop.run(as_coroutine(result))
    pieces = Pieces(channel)
    if hasattr(result, "__aiter__"):
        loop.run(collect(result, pieces))
        return pieces.reply()
    if hasattr(result, "__next__"):
        while True:
            try:
                pieces.add(next(result))
            except StopIteration as end:
                return pieces.reply(end.value)
    return text_of(result)


async def as_coroutine(awaitable):
    return await awaitable


async def collect(generator, pieces):
    async for piece in generator:
        pieces.add(piece)


def load(directory, handler):
    import importlib

    module, _, function = handler.rpartition(".")
    # The agent's own directory is first, in the place of this program's.
    sys.path[0] = directory
    loaded = importlib.import_module((module or "main").replace("/", "."))
    found = getattr(loaded, function or "process_message", None)
    if not callable(found):
        raise AttributeError("%s has no function %s" % (module or "main", function or "process_message"))
    return found


def describe(error):
    return str(error) or type(error).__name__


def located(error, directory):
    """What was raised, and the last place in the agent's own code that it passed: enough to find it without the log."""
    import traceback

    kind = type(error).__name__
    text = kind if str(error) == "" else "%s: %s" % (kind, error)
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(directory + os.sep)]
    return "%s (%s, line %s)" % (text, os.path.relpath(own[-1].filename, directory), own[-1].lineno) if own else text


def print_exception():
    import traceback

    traceback.print_exc()


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


def main():
    name, directory, handler_name = sys.argv[1:4]
    sys.argv = [name]
    channel = Channel(3)
    try:
        handler = load(directory, handler_name)
    except BaseException as error:
        print_exception()
        flush()
        channel.send(type="failed", message="%s: %s" % (type(error).__name__, describe(error)))
        return 1
    channel.send(type="ready")
    loop = Loop()
    for run in channel:
        try:
            end = {"type": "reply", "content": answer(handler, run, channel, loop)}
        except ReplyTooLarge:
            end = {"type": "error", "reason": "reply_too_large", "message": ""}
        except Exception as error:
            print_exception()
            end = {"type": "error", "reason": "agent_failed", "message": located(error, directory)}
        flush()
        channel.send(**end)
    return 0


if __name__ == "__main__":
    sys.exit(main())
