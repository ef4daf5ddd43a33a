/** The node of the bare path: writes down each claim, syncs it, and says so. Forked by bare-path.ts. */
import { open } from 'node:fs/promises';
import process from 'node:process';
import { Client, credentials } from '@grpc/grpc-js';
import { CLAIMS } from './claims.ts';

const [address = '', file = ''] = process.argv.slice(2);
const journal = await open(file, 'a');
const { path, requestSerialize, responseDeserialize } = CLAIMS;
const call = new Client(address, credentials.createInsecure()).makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
call.on('data', (claim: Buffer) => {
  void (async () => {
    await journal.write(claim);
    await journal.datasync();
    call.write(claim);
  })();
});
call.on('error', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
call.write(Buffer.from('hello'));
