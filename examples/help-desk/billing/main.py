def process_message(message: str, context: dict) -> str:
    return "Send me the number of the invoice, and I look it up."
