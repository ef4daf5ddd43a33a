/** The reader thread: runs compiled statements and returns rows, one request after another. */
import { parentPort, workerData } from 'node:worker_threads';
import Database from 'better-sqlite3';
import type { SqlRow } from '../columns.ts';
import { rowsWithin } from './bounded-rows.ts';
import type { ReadAnswer, ReadRequest } from './reader.ts';

const database = new Database(workerData.path, { readonly: true });
const statements = new Map<string, Database.Statement<unknown[], SqlRow>>();
const MAX_STATEMENTS = 200;

function prepared(text: string): Database.Statement<unknown[], SqlRow> {
  let statement = statements.get(text);
  if (statement === undefined) {
    if (statements.size >= MAX_STATEMENTS) statements.clear();
    statement = database.prepare<unknown[], SqlRow>(text);
    statements.set(text, statement);
  }
  return statement;
}

/** All statements of one request see the same commit. */
const read = database.transaction(({ statements: all }: ReadRequest) =>
  all.map(({ sql, parameters, maxBytes }) =>
    maxBytes === undefined ? prepared(sql).all(...parameters) : rowsWithin(prepared(sql).iterate(...parameters), maxBytes),
  ),
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
