"""Asks other agents of the session, from any thread or event loop of a worker."""

import _thread
import sys


class AskError(Exception):
    """The agent that was asked has not answered. `reason` is a word, like that of an error_response."""

    def __init__(self, reason, message=""):
        super().__init__(message or reason)
        self.reason = reason


class Context(dict):
    """The handler's context: a dict that can also ask other agents."""

    __slots__ = ("_asks", "_run")

    def __init__(self, values, asks, run):
        super().__init__(values)
        self._asks = asks
        self._run = run

    def ask(self, agent, content="", timeout=None):
        """
        Asks another agent, and returns its answer; in a coroutine, a future of it. Raises AskError, also
        after `timeout` seconds. An ask for which nobody waits any more is interrupted.
        """
        return self._asks.ask(self._run, agent, content, timeout)

    def __reduce__(self):
        # A copy, or what another process gets, is a dict.
        return (dict, (dict(self),))


class Asks:
    """The asks of a worker that have no answer yet."""

    def __init__(self, channel, text_of):
        self._channel = channel
        self._text_of = text_of
        self._lock = _thread.allocate_lock()
        self._waiting = {}
        self._count = 0
        self._run = None

    def begin(self, run):
        with self._lock:
            self._run = run

    def ask(self, run, agent, content, timeout):
        if not isinstance(agent, str):
            raise TypeError("the name of an agent is a str, not %s" % type(agent).__name__)
        text = self._text_of(content)
        if not self._channel.is_own:
            raise AskError("asker_ended", "Only the process that got the message can ask.")
        with self._lock:
            if run is None or run != self._run:
                raise AskError("asker_ended", "The message has its answer already: ask before the handler returns.")
            answer = Awaited(self._drop, timeout) if running_loop() is not None else Blocking(self._drop, timeout)
            # From now on a thread reads, since the main thread is in the handler.
            self._channel.read_in_thread(self.receive, self.end)
            self._count += 1
            number = answer.number = self._count
            self._waiting[number] = answer
        self._channel.send(type="ask", run=run, ask=number, agent=agent, content=text)
        return answer.get()

    def _drop(self, number):
        with self._lock:
            waits = self._waiting.pop(number, None) is not None
            run = self._run
        if waits:
            self._channel.send(type="drop", run=run, ask=number)

    def receive(self, frame):
        with self._lock:
            answer = self._waiting.pop(frame.get("ask"), None)
        if answer is None:
            return
        if "content" in frame:
            answer.give(frame["content"], None)
        else:
            answer.give(None, AskError(frame.get("reason", "agent_failed"), frame.get("message", "")))

    def end(self):
        """The run has ended: nobody gets an answer any more."""
        with self._lock:
            self._run = None
            waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            answer.give(None, AskError("asker_ended", "The message has its answer already."))


def running_loop():
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def late(timeout):
    return AskError("agent_timeout", "No answer within %g s." % timeout)


class Blocking:
    """An answer for which a thread waits."""

    def __init__(self, drop, timeout):
        import threading

        self._drop, self._timeout = drop, timeout
        self._given = threading.Event()
        self._content = None
        self._error = None

    def give(self, content, error):
        self._content, self._error = content, error
        self._given.set()

    def get(self):
        if not self._given.wait(self._timeout):
            self._drop(self.number)
            raise late(self._timeout)
        if self._error is not None:
            raise self._error
        return self._content


class Awaited:
    """An answer for which a coroutine waits."""

    def __init__(self, drop, timeout):
        self._drop = drop
        self._loop = running_loop()
        self._future = self._loop.create_future()
        self._future.add_done_callback(self._done)
        self._timer = None if timeout is None else self._loop.call_later(timeout, self._late, timeout)

    def give(self, content, error):
        try:
            self._loop.call_soon_threadsafe(self._set, content, error)
        except RuntimeError:
            pass  # its loop is closed

    def get(self):
        return self._future

    def _late(self, timeout):
        if not self._future.done():
            self._drop(self.number)
            self._future.set_exception(late(timeout))

    def _done(self, future):
        if self._timer is not None:
            self._timer.cancel()
        if future.cancelled():
            self._drop(self.number)

    def _set(self, content, error):
        if self._future.done():
            return
        if error is None:
            self._future.set_result(content)
        else:
            self._future.set_exception(error)
            # The handler can have ended without looking at it.
            self._future.exception()
