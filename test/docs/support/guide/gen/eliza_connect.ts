/**
 * `./gen/eliza_connect.js` of the guides: what the generator has made of the first sample.
 */
export * from '../../../../../sample/01-eliza/gen/connectrpc/eliza/v1/eliza_connect.js';
