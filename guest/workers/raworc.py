"""What agents import: `from raworc import AskError, handoff`."""

from raworc_asks import AskError

__all__ = ["AskError", "handoff"]


def handoff(agent, content=None):
    """Returns what a handler returns to hand its message over. Without content, the message goes on unchanged."""
    return {"handoff": agent} if content is None else {"handoff": agent, "content": content}
