import { createServer } from 'node:http';
import type { Test } from 'tap';

/** Answers the questions with which a host is examined, as an idle Docker does. Nothing runs in it. */
export async function answeringDocker(t: Test, socket: string, directory: string): Promise<void> {
  const info = { CgroupDriver: 'systemd', ServerVersion: '24.0.1', DefaultRuntime: 'runc', DockerRootDir: directory };
  const server = createServer((request, response) => {
    const answer = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    request.resume();
    if (request.url === '/version') return answer(200, { Version: '24.0.1', ApiVersion: '1.43', MinAPIVersion: '1.24' });
    if (request.url?.endsWith('/info')) return answer(200, info);
    return answer(404, { message: 'No such image' });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
}
