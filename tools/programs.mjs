/**
 * The programs that are pinned, one place for each: the installers and the tests ask here.
 */

/** The official conformance suite. */
export const CONFORMANCE = {
  module: 'connectrpc.com/conformance',
  version: 'v1.0.7',
  command: 'cmd/connectconformance',
};

/** curl for gRPC, a peer of the interop tests. */
export const GRPCURL = {
  module: 'github.com/fullstorydev/grpcurl',
  version: 'v1.9.4',
  command: 'cmd/grpcurl',
};

/** The HTTP/2 conformance test. It has no go.mod, so what it depends on is the newest of the day. */
export const H2SPEC = {
  module: 'github.com/summerwind/h2spec',
  version: 'v2.2.1+incompatible',
  command: 'cmd/h2spec',
};

/** Node itself, from npm, for what Node 20 cannot do: zstd, and CommonJS tests that load ES modules. */
export const NODE_24 = '24.21.0';
