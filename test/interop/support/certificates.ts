/**
 * A certificate for the peers that are programs: they read their authority from a file.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCertificates as createAll } from '../../support/certificates.js';

export interface Certificates {
  readonly key: string;
  readonly cert: string;
  /** The authority that signed {@link cert}. */
  readonly ca: string;
  /** A file with {@link ca}. */
  readonly caFile: string;
}

export async function createCertificates(): Promise<Certificates> {
  const { ca, server } = await createAll();
  const caFile = join(await mkdtemp(join(tmpdir(), 'nestjs-connect-interop-')), 'ca.pem');
  await writeFile(caFile, ca);
  return { ...server, ca, caFile };
}
