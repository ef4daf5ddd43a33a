def process_message(message: str, context: dict) -> str:
    return "How many people are you?"
