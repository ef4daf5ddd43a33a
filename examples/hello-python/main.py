"""A first agent. Raworc calls process_message once for every message of a session.

A generator streams: whoever watches sees each piece at once, and the reply that is kept is all of them together.
This process stays alive between messages, but not for ever: what must outlive it belongs into files below RAWORC_STATE_DIR,
on the session's own volume.
"""

import os
from pathlib import Path

counter = Path(os.environ["RAWORC_STATE_DIR"]) / "hello-python.count"


def process_message(message: str, context: dict):
    count = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(count))
    print(f"message {count} from {context.get('created_by')}")  # goes to the agent's log in /session/logs, never into the reply
    yield f"Hello! You said: {message}\n"
    yield f"That is message {count} of session {context['session_id'][:8]}, "
    yield "and I run in a container of my own."
