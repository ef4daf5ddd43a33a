import { workstationImage } from '../../../controller/services/images/workstation-image.ts';
import { docker, sessionImage } from '../../cluster/docker.ts';
import { type Cluster, type Scope, startCluster } from '../../cluster/harness.ts';
import { freePorts } from '../../cluster/ports.ts';
import { expect } from '../../cluster/rest.ts';

const GIB = 2 ** 30;
const STOCK = 'raworc/workstation';

export interface Sandboxes {
  readonly cluster: Cluster;
  /**
   * `base` if this machine has the stock image of workstations, which takes minutes to make;
   * otherwise the session image, which has Python, Node.js and git, but no sudo.
   */
  readonly template: string;
}

/** Starts a cluster with a listener for the SDKs, and sets the variables by which they find it. */
export async function startSandboxes(t: Scope): Promise<Sandboxes> {
  const [port = 0] = await freePorts(1);
  const cluster = await startCluster(t, {
    nodes: [{ name: 'node-1', memoryBytes: 64 * GIB, cpuMillis: 64_000 }],
    env: { RAWORC_DEFAULT_PROFILES: 'locked,workstation', RAWORC_E2B_PORT: String(port), RAWORC_E2B_DOMAIN: `sbx.test:${port}` },
  });
  const base = await sessionImage();
  const stock = workstationImage(STOCK, base).image;
  const isStock = await docker
    .getImage(stock)
    .inspect()
    .then(
      () => true,
      () => false,
    );
  const { rest } = cluster;
  expect(await rest.call('PATCH', '/spaces/default', { settings: { images: [STOCK, base] } }), 200, 'allow the images');
  const key = expect(await rest.call('POST', '/api-keys', { name: 'sdk' }), 201, 'create a key') as { readonly e2b_key: string };
  process.env.E2B_API_KEY = key.e2b_key;
  process.env.E2B_API_URL = `http://127.0.0.1:${port}`;
  process.env.E2B_SANDBOX_URL = `http://127.0.0.1:${port}`;
  return { cluster, template: isStock ? 'base' : base };
}
