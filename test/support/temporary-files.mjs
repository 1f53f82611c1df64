/**
 * Gives a jest run a folder for its temporary files, those of the programs it starts included. It goes when the run ends, with what
 * tests, or programs that were killed, left behind.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setUp() {
  // Short: the path of a unix socket has some hundred characters at most.
  const folder = mkdtempSync(join(tmpdir(), 'nc-'));
  // What `os.tmpdir()` tells workers, and what they start.
  process.env.TMPDIR = folder;
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
}
