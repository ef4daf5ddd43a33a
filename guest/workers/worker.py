"""Runs one Python agent: loads its handler once, then answers runs, JSON lines on file descriptor 3.

    worker.py NAME DIRECTORY HANDLER

<- {"type": "run", "run", "message", "context"}
-> {"type": "ready"} | {"type": "failed", "message"}, once, and for each run, which every frame names as "run",
-> {"type": "delta", "text"}*, {"type": "ask", "ask", "agent", "content"}*, {"type": "drop", "ask"}*,
   {"type": "reply", "content"} | {"type": "handoff", "agent", "content"?} | {"type": "error", "reason", "message"}
<- for each ask {"type": "answer", "run", "ask", "content"} or, instead of content, {"reason", "message"}

SIGINT interrupts the current run: its coroutine is cancelled, or its handler gets a KeyboardInterrupt.
"""

import os
import signal
import sys

if getattr(sys.flags, "safe_path", False):
    # Python has not put this program's directory first, as it does without PYTHONSAFEPATH.
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# Last, so that a module of the agent with the same name comes first.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))

from raworc_asks import Asks, Context
from raworc_channel import Channel, end_fork, flush
from raworc_replies import ReplyTooLarge, answer, end_of, text_of


class Loop:
    """The event loop of the worker, opened when first needed. Its tasks continue between messages."""

    def __init__(self):
        self._loop = None
        self._task = None
        os.register_at_fork(after_in_child=self._leave)

    def run(self, awaitable):
        loop = self._open()
        self._task = loop.create_task(as_coroutine(awaitable))
        try:
            return loop.run_until_complete(self._task)
        finally:
            self._task = None

    def run_until_readable(self, descriptor):
        """Runs the event loop until there is something to read. Returns at once if asyncio is not used."""
        if self._loop is None and "asyncio" not in sys.modules:
            return
        loop = self._open()
        readable = loop.create_future()
        loop.add_reader(descriptor, lambda: readable.done() or readable.set_result(None))
        try:
            loop.run_until_complete(readable)
        finally:
            loop.remove_reader(descriptor)

    def cancel(self):
        """Cancels the running coroutine. Returns whether there was one."""
        if self._task is None:
            return False
        self._loop.call_soon_threadsafe(self._task.cancel)
        return True

    def _open(self):
        import asyncio

        if self._loop is None or self._loop.is_closed():
            self._loop = opened(asyncio)
        # A handler that uses asyncio.run leaves none behind.
        asyncio.set_event_loop(self._loop)
        return self._loop

    def _leave(self):
        # A fork shares the loop's file descriptors: it ends when it returns to the loop.
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon(end_fork, 0)


def opened(asyncio):
    """Returns the loop that the agent's module opened, or a new one."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loop = asyncio.get_event_loop()
        if not loop.is_closed():
            return loop
    except RuntimeError:
        pass
    return asyncio.new_event_loop()


async def as_coroutine(awaitable):
    return await awaitable


def load(directory, handler):
    import importlib

    module, _, function = handler.rpartition(".")
    # The agent's own directory comes first, instead of this program's.
    sys.path[0] = directory
    loaded = importlib.import_module((module or "main").replace("/", "."))
    found = getattr(loaded, function or "process_message", None)
    if not callable(found):
        raise AttributeError("%s has no function %s" % (module or "main", function or "process_message"))
    return found


def describe(error):
    return str(error) or type(error).__name__


def located(error, directory):
    """Describes an error with the last place in the agent's own code, to find it without the log."""
    import traceback

    kind = type(error).__name__
    text = kind if str(error) == "" else "%s: %s" % (kind, error)
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(directory + os.sep)]
    return "%s (%s, line %s)" % (text, os.path.relpath(own[-1].filename, directory), own[-1].lineno) if own else text


def release(error):
    """Frees the memory of the failed handler: after a MemoryError there is none left to report it."""
    trace = error.__traceback__
    while trace is not None:
        try:
            trace.tb_frame.clear()
        except RuntimeError:
            pass
        trace = trace.tb_next


def print_exception(directory=None):
    """Prints the error and its trace, from the agent's first line on: Raworc's own calls tell its author nothing."""
    import traceback

    error = sys.exc_info()[1]
    first = error.__traceback__
    while directory is not None and first is not None and not first.tb_frame.f_code.co_filename.startswith(directory + os.sep):
        first = first.tb_next
    # A syntax error names its place itself.
    if first is None and not isinstance(error, SyntaxError):
        first = error.__traceback__
    traceback.print_exception(type(error), error, first)


class Interruption:
    """Handles SIGINT: it ends the current run, and does nothing without one."""

    def __init__(self, channel, loop):
        self._channel = channel
        self._loop = loop
        self.asked = False
        signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, _signal, _frame):
        if self._channel.is_own:
            if self._channel.run is None:
                return
            self.asked = True
            if self._loop.cancel():
                return
        raise KeyboardInterrupt()


def main(channel):
    name, directory, handler_name = sys.argv[1:4]
    sys.argv = [name]
    loop = Loop()
    interruption = Interruption(channel, loop)
    asks = Asks(channel, text_of)
    try:
        handler = load(directory, handler_name)
    except BaseException as error:
        print_exception(directory)
        flush()
        channel.send(type="failed", message="%s: %s" % (type(error).__name__, describe(error)))
        return 1
    channel.send(type="ready")
    while True:
        run = channel.receive(loop)
        if run is None:
            return 0
        channel.run = run["run"]
        asks.begin(channel.run)
        if isinstance(run["context"], dict):
            run["context"] = Context(run["context"], asks, channel.run)
        try:
            end = end_of(answer(handler, run, channel, loop))
        except SystemExit:
            raise
        except ReplyTooLarge:
            end = {"type": "error", "reason": "reply_too_large", "message": ""}
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and not interruption.asked:
                raise
            release(error)
            print_exception(directory)
            end = {"type": "error", "reason": "agent_failed", "message": located(error, directory)}
        if not channel.is_own:
            end_fork(1 if end["type"] == "error" else 0)
        asks.end()
        flush()
        channel.send(**end)
        channel.run = None


def exit_code_of(leaving):
    if leaving.code is None or isinstance(leaving.code, int):
        return leaving.code or 0
    print(leaving.code, file=sys.stderr)
    return 1


def run_and_exit(channel):
    """Exits after the agent's atexit functions, without waiting for its threads, which can sleep for ever."""
    import atexit

    try:
        code = main(channel)
    except SystemExit as leaving:
        code = exit_code_of(leaving)
    except KeyboardInterrupt:
        code = 130
    except BaseException as error:
        release(error)
        print_exception()
        code = 1
    # From here on the guest waits only briefly.
    channel.close()
    atexit._run_exitfuncs()
    flush()
    os._exit(code)


if __name__ == "__main__":
    run_and_exit(Channel(3))
