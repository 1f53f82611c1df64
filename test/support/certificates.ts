/**
 * Certificates for specs, made by `openssl` when a spec asks for them: nothing to expire in the repository.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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
  /** Common name `test-client`. */
  readonly client: KeyPair;
}

/** @throws Error When `openssl` is not on the machine, or fails. */
export function createCertificates(): TestCertificates {
  const folder = mkdtempSync(join(tmpdir(), 'nestjs-connect-certificates-'));
  try {
    const ca = makeAuthority(folder);
    const server = makeSigned(folder, 'server', 'localhost', 'subjectAltName=DNS:localhost,IP:127.0.0.1');
    const client = makeSigned(folder, 'client', 'test-client', 'extendedKeyUsage=clientAuth');
    return { ca: ca.cert, server, client };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const NEW_KEY = ['-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

function makeAuthority(folder: string): KeyPair {
  openssl(folder, 'req', '-x509', ...NEW_KEY, '-days', '1', '-subj', '/CN=test-ca', ...files('ca'));
  return read(folder, 'ca');
}

function makeSigned(folder: string, name: string, commonName: string, extension: string): KeyPair {
  const request = `${name}.csr`;
  openssl(folder, 'req', ...NEW_KEY, '-subj', `/CN=${commonName}`, '-keyout', `${name}.key`, '-out', request);
  writeFileSync(join(folder, `${name}.ext`), extension);
  const authority = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${name}.ext`];
  openssl(folder, 'x509', '-req', '-in', request, '-days', '1', ...authority, '-out', `${name}.crt`);
  return read(folder, name);
}

function files(name: string): readonly string[] {
  return ['-keyout', `${name}.key`, '-out', `${name}.crt`];
}

function read(folder: string, name: string): KeyPair {
  return {
    key: readFileSync(join(folder, `${name}.key`), 'utf8'),
    cert: readFileSync(join(folder, `${name}.crt`), 'utf8'),
  };
}

function openssl(folder: string, ...args: readonly string[]): void {
  try {
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  } catch (error) {
    throw new Error('specs of TLS need a working "openssl" in the PATH', { cause: error });
  }
}
