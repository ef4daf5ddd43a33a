"""Works between messages: a task that starts with the first message and ends with the worker.

The task survives replies and `pause`, in which no time passes for it. What must survive a restart is in a file.
"""

import asyncio
import json
import os
from pathlib import Path

STATE = Path(os.environ["RAWORC_STATE_DIR"]) / "background.json"
SECONDS = float(os.environ.get("BACKGROUND_SECONDS", "5"))
task = None


def beats() -> int:
    return json.loads(STATE.read_text())["beats"] if STATE.exists() else 0


async def beat_for_ever():
    while True:
        await asyncio.sleep(SECONDS)
        count = beats() + 1
        new = STATE.with_suffix(".new")
        new.write_text(json.dumps({"beats": count}))
        new.replace(STATE)  # at once, so that a crash never leaves half a file
        print(f"beat {count}")  # in the log of the last message: raworc logs --agent background --follow


async def process_message(message: str, context: dict) -> str:
    global task
    if task is None or task.done():
        task = asyncio.create_task(beat_for_ever())
        return f"Started after {beats()} beats. Ask me again later."
    return f"{beats()} beats so far, in life {context['worker_life']} of this worker."
