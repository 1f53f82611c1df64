/**
 * A certificate for 127.0.0.1, fresh for every run.
 */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OPENSSL, run } from './programs.js';

export interface Certificates {
  readonly key: string;
  /** Self-signed: its own authority. */
  readonly cert: string;
  /** A file with {@link cert}. */
  readonly certFile: string;
}

export async function createCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'nestjs-connect-interop-'));
  const keyFile = join(folder, 'key.pem');
  const certFile = join(folder, 'cert.pem');
  const { code, stderr } = await run(OPENSSL, [
    'req',
    '-x509',
    '-nodes',
    '-newkey=ec',
    '-pkeyopt=ec_paramgen_curve:prime256v1',
    '-days=1',
    '-subj=/CN=localhost',
    '-addext=subjectAltName=DNS:localhost,IP:127.0.0.1',
    `-keyout=${keyFile}`,
    `-out=${certFile}`,
  ]);
  if (code !== 0) {
    throw new Error(`openssl made no certificate: ${stderr}`);
  }
  return { key: await readFile(keyFile, 'utf8'), cert: await readFile(certFile, 'utf8'), certFile };
}
