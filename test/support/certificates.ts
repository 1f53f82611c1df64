/**
 * Certificates for tests, fresh for every run: nothing to expire in the repository, and no `openssl` needed.
 */
import { generate } from 'selfsigned';

/** A key and its certificate, PEM. */
export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

export interface TestCertificates {
  /** The authority that signed the others. */
  readonly ca: string;
  /** For `localhost` and `127.0.0.1`. */
  readonly server: KeyPair;
  /** As {@link server}, but its time is over. */
  readonly expired: KeyPair;
  /** Common name `test-client`. */
  readonly client: KeyPair;
}

const DAY_MS = 86_400_000;

type Options = NonNullable<Parameters<typeof generate>[1]>;

export async function createCertificates(): Promise<TestCertificates> {
  const authority = await make('test-ca', {
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const forLocalhost: Options = {
    ca: authority,
    extensions: [
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  };
  const [server, expired, client] = await Promise.all([
    make('localhost', forLocalhost),
    make('localhost', {
      ...forLocalhost,
      notBeforeDate: new Date(Date.now() - 2 * DAY_MS),
      notAfterDate: new Date(Date.now() - DAY_MS),
    }),
    make('test-client', { ca: authority, extensions: [{ name: 'extKeyUsage', clientAuth: true }] }),
  ]);
  return { ca: authority.cert, server, expired, client };
}

async function make(commonName: string, options: Options): Promise<KeyPair> {
  const pems = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ...options,
  });
  return { key: pems.private, cert: pems.cert };
}
