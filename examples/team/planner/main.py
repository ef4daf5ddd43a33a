"""Asks two agents at the same time and gathers what they say. One message of the user, one answer."""

import asyncio

from raworc import AskError


async def process_message(message: str, context: dict) -> str:
    facts, doubts = await asyncio.gather(
        ask(context, "researcher", message),
        ask(context, "critic", message),
    )
    return f"# {message}\n\nFor it:\n{facts}\n\nAgainst it:\n{doubts}"


async def ask(context: dict, agent: str, question: str) -> str:
    try:
        return await context.ask(agent, question)
    except AskError as error:
        return f"({agent} has no answer: {error.reason})"
