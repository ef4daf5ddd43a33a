"""Answers YAML with JSON. The build installs what requirements.txt names."""

import json

import yaml


def process_message(message: str, context: dict) -> str:
    try:
        return json.dumps(yaml.safe_load(message), indent=2, default=str)
    except yaml.YAMLError as error:
        return f"That is not YAML: {error}"
