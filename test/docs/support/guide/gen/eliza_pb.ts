/**
 * `./gen/eliza_pb.js` of the guides: the descriptor of the first sample.
 */
export * from '../../../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_pb.js';
