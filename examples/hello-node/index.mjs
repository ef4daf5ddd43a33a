/**
 * A first agent in JavaScript. Raworc calls processMessage once for every message of a session. An async generator
 * streams its pieces; a plain (async) function returns the reply whole. The process stays alive between messages.
 */
let count = 0;

export async function* processMessage(message, context) {
  count += 1;
  console.log(`message ${count} from ${context.created_by}`); // goes to the agent's log, never into the reply
  yield `Hello from Node.js! You said: ${message}\n`;
  yield `That is message ${count} of session ${context.session_id.slice(0, 8)}, and I run in a container of my own.`;
}
