def process_message(message: str, context: dict) -> str:
    return f"- {message} costs time.\n- Nobody tested it."
