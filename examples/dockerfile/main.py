import subprocess


def process_message(message: str, context: dict) -> str:
    done = subprocess.run(["jq", "-r", "keys[]"], input=message, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else f"That is no JSON object: {done.stderr}"
