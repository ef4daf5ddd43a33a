/** A gRPC stream over the same kind of socket. */
import { Client, credentials } from '@grpc/grpc-js';
import type { HostFrame } from '../../proto/frame.ts';
import { answerTo, HELLO } from './child.ts';
import { method } from './method.ts';

const client = new Client(`unix:${process.argv[2] ?? ''}`, credentials.createInsecure());
const stream = client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
stream.on('data', (frame: HostFrame) => {
  const answer = answerTo(frame);
  if (answer) stream.write(answer);
});
stream.on('error', () => process.exit(1));
stream.write(HELLO);
