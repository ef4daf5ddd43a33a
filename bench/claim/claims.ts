const same = (bytes: Buffer): Buffer => bytes;

/** A call of gRPC that carries bytes both ways. */
export const CLAIMS = {
  path: '/bare.Path/Claims',
  requestStream: true,
  responseStream: true,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
};
