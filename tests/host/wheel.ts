import { execFileSync } from 'node:child_process';

export const WHEEL_NAME = 'greeting-1.0-py3-none-any.whl';

/** A wheel of a package with one function, made without any tool of Python's packaging. */
export const WHEEL = execFileSync('python3', [
  '-c',
  `import io, sys, zipfile
out = io.BytesIO()
with zipfile.ZipFile(out, "w") as z:
    z.writestr("greeting.py", "def greet(name): return 'Hello ' + name\\ndef shout(text): return text.upper()\\n")
    z.writestr("greeting-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: greeting\\nVersion: 1.0\\n")
    z.writestr("greeting-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    z.writestr("greeting-1.0.dist-info/RECORD", "greeting.py,,\\ngreeting-1.0.dist-info/METADATA,,\\ngreeting-1.0.dist-info/WHEEL,,\\ngreeting-1.0.dist-info/RECORD,,\\n")
sys.stdout.buffer.write(out.getvalue())`,
]);
