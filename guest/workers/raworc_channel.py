"""The frames between a Python worker and the guest."""

import _thread
import json
import os
import sys

READ_BYTES = 64 * 1024


class Channel:
    """File descriptor 3, for the process that the guest started and not for its forks."""

    def __init__(self, descriptor):
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._owner = os.getpid()
        self._read = bytearray()
        self._searched = 0
        self._sending = _thread.allocate_lock()
        # Once a thread reads: the runs that it read, and a pipe that says that there is one.
        self._runs = []
        self._pipe = None
        self.run = None
        os.register_at_fork(after_in_child=self._leave)

    @property
    def is_own(self):
        return os.getpid() == self._owner

    def receive(self, loop):
        """Returns the next run, or None at the end. An event loop, if there is one, runs meanwhile."""
        if self._pipe is None:
            return self._receive(loop)
        loop.run_until_readable(self._pipe[0])
        os.read(self._pipe[0], 1)
        return self._runs.pop(0)

    def read_in_thread(self, answered, ended):
        """Reads in a thread from now on. Hands answers on at once, and calls `ended` at the end."""
        if self._pipe is not None:
            return
        import threading

        def read():
            while True:
                frame = self._receive(None)
                if frame is not None and frame["type"] == "answer":
                    answered(frame)
                    continue
                if frame is None:
                    ended()
                self._runs.append(frame)
                os.write(pipe[1], b".")
                if frame is None:
                    return

        pipe = os.pipe()
        threading.Thread(target=read, name="raworc", daemon=True).start()
        self._pipe = pipe

    def _receive(self, loop):
        while True:
            end = self._read.find(b"\n", self._searched)
            if end >= 0:
                line = bytes(self._read[:end])
                del self._read[: end + 1]
                self._searched = 0
                return json.loads(line)
            self._searched = len(self._read)
            if loop is not None:
                loop.run_until_readable(self._descriptor)
            data = os.read(self._descriptor, READ_BYTES)
            if not data:
                return None
            self._read += data

    def send(self, **frame):
        # A fork that Python did not notice continues to stream.
        if not self.is_own:
            end_fork(0)
        if self.run is not None:
            frame.setdefault("run", self.run)
        # A lone surrogate is not a character and cannot be encoded.
        data = memoryview((json.dumps(frame, ensure_ascii=False) + "\n").encode("utf-8", "replace"))
        with self._sending:
            while data:
                data = data[os.write(self._descriptor, data):]

    def close(self):
        if self.is_own:
            os.close(self._descriptor)

    def _leave(self):
        os.close(self._descriptor)


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass


def end_fork(code):
    """Ends a fork of the agent that returned to the worker, where it has nothing to do."""
    flush()
    os._exit(code)
