def process_message(message: str, context: dict) -> str:
    return f"- {message} was tried before, and worked.\n- Somebody asked for it: {context['hop']['from']}."
