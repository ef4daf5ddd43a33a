/** The thread that runs what scans: compiled statements in, rows out, one after another. */
import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import type { ReadAnswer, ReadRequest } from './reader.ts';

const database = new Database(workerData.path, { readonly: true });
const statements = new Map<string, Database.Statement<unknown[], unknown>>();
const MOST_STATEMENTS = 200;

function prepared(text: string): Database.Statement<unknown[], unknown> {
  let statement = statements.get(text);
  if (statement === undefined) {
    if (statements.size >= MOST_STATEMENTS) statements.clear();
    statement = database.prepare<unknown[], unknown>(text);
    statements.set(text, statement);
  }
  return statement;
}

/** All statements of one request see the same commit. */
const read = database.transaction((request: ReadRequest) =>
  request.statements.map(({ text, parameters }) => prepared(text).all(...parameters)),
);

parentPort?.on('message', (request: ReadRequest) => {
  let answer: ReadAnswer;
  try {
    answer = { id: request.id, results: read(request) };
  } catch (error) {
    answer = { id: request.id, error: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(answer);
});
