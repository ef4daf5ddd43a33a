"""A first agent. Raworc calls process_message once for every message of a session.

A generator streams: whoever watches sees each piece at once, and the reply that is kept is all of them together.
This process stays alive between messages, so plain variables last until the session is suspended; what must outlive
that belongs into files below RAWORC_STATE_DIR.
"""

count = 0


def process_message(message: str, context: dict):
    global count
    count += 1
    print(f"message {count} from {context.get('created_by')}")  # goes to the agent's log, never into the reply
    yield f"Hello! You said: {message}\n"
    yield f"That is message {count} of session {context['session_id'][:8]}, "
    yield "and I run in a container of my own."
