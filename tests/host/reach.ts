import { z } from 'zod';

/** Returns a Python program that connects to all of these at once and prints which it reached. */
export function reach(targets: readonly string[]): string {
  return `
import json, socket
from concurrent.futures import ThreadPoolExecutor
def reached(target):
    host, port = target.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        return True
    except OSError:
        return False
targets = ${JSON.stringify(targets)}
with ThreadPoolExecutor(len(targets)) as pool:
    print(json.dumps(dict(zip(targets, pool.map(reached, targets)))))
`;
}

/** Reads what that program prints. */
export const reachedIn = (output: string) => z.record(z.string(), z.boolean()).parse(JSON.parse(output));
