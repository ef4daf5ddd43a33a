import t from 'tap';
import { registryRequest } from '../../../../controller/domain/images/registry-request.ts';

const SPACE = 'raworc/spaces/0f0f0f0f-0000-4000-8000-000000000001';
const DIGEST = `sha256:${'ab'.repeat(32)}`;

t.test('requests of pulls and pushes are understood', async (t) => {
  t.same(registryRequest('GET', '/v2/'), { kind: 'ping' });
  t.same(registryRequest('GET', `/v2/${SPACE}/manifests/${DIGEST}`), {
    ...{ kind: 'read', object: 'manifest', repository: SPACE, reference: DIGEST },
  });
  t.same(registryRequest('GET', `/v2/${SPACE}/blobs/${DIGEST}`), {
    ...{ kind: 'read', object: 'blob', repository: SPACE, reference: DIGEST },
  });
  t.same(registryRequest('HEAD', `/v2/${SPACE}/blobs/${DIGEST}`), {
    ...{ kind: 'probe', object: 'blob', repository: SPACE, reference: DIGEST },
  });
  t.same(registryRequest('HEAD', `/v2/${SPACE}/manifests/some-tag`), {
    ...{ kind: 'probe', object: 'manifest', repository: SPACE, reference: 'some-tag' },
  });
  t.same(registryRequest('PUT', `/v2/${SPACE}/manifests/${DIGEST}`), { kind: 'put-manifest', repository: SPACE, tag: DIGEST });
  t.same(registryRequest('PUT', `/v2/${SPACE}/manifests/some-tag`), { kind: 'put-manifest', repository: SPACE, tag: 'some-tag' });
  t.same(registryRequest('POST', `/v2/${SPACE}/blobs/uploads/`), { kind: 'upload', repository: SPACE });
  t.same(registryRequest('PATCH', `/v2/${SPACE}/blobs/uploads/aaaa-bbbb?_state=x`), { kind: 'upload', repository: SPACE });
  t.same(registryRequest('POST', `/v2/${SPACE}/blobs/uploads/?mount=${DIGEST}&from=raworc/base`), {
    ...{ kind: 'upload', repository: SPACE, mountFrom: 'raworc/base' },
  });
});

t.test('anything else is not: deletions, lists, and paths that another server could read differently', async (t) => {
  for (const [method, url] of [
    ['DELETE', `/v2/${SPACE}/manifests/${DIGEST}`],
    ['DELETE', `/v2/${SPACE}/blobs/${DIGEST}`],
    ['GET', '/v2/_catalog'],
    ['GET', `/v2/${SPACE}/tags/list`],
    ['GET', `/v2/raworc/base/../spaces/x/manifests/${DIGEST}`],
    ['GET', `/v2/raworc/base/%2e%2e/spaces/x/manifests/${DIGEST}`],
    ['GET', `/v2/raworc//base/manifests/${DIGEST}`],
    ['GET', `/v2/raworc/base/manifests/${DIGEST}/manifests/x/y`],
    ['GET', `http://elsewhere/v2/raworc/base/manifests/${DIGEST}`],
    ['GET', `/v2/RAWORC/base/manifests/${DIGEST}`],
    ['GET', '/v2/raworc/base/blobs/sha256:short'.padEnd(5000, 'x')],
    ['PUT', `/v2/${SPACE}/manifests/${DIGEST}?tag=of-another`],
    ['PUT', `/v2/${SPACE}/blobs/uploads/`],
    ['POST', `/v2/${SPACE}/blobs/uploads/aaaa`],
    ['POST', `/v2/${SPACE}/blobs/uploads/?mount=${DIGEST}&from=raworc/base&from=raworc/spaces/x`],
    ['POST', `/v2/${SPACE}/blobs/uploads/?x=1;mount=${DIGEST};from=raworc/spaces/x`],
    ['CONNECT', '/v2/'],
  ] as const)
    t.equal(registryRequest(method, url), undefined, `${method} ${url.slice(0, 80)}`);
});
