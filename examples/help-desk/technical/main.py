def process_message(message: str, context: dict) -> str:
    return "What does the error message say?"
