/**
 * The system's Chromium: where it is, and how it is started.
 */
import { existsSync } from 'node:fs';
import { delimiter } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Nothing but this machine.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

const MISSING = 'Chromium is missing: set CHROMIUM_PATH, or install it ("apt-get install chromium")';

/** @throws Error When there is none. */
export function launchChromium(): Promise<Browser> {
  const executablePath = locateChromium();
  if (executablePath === undefined) {
    throw new Error(MISSING);
  }
  return chromium.launch({ executablePath, args: FLAGS });
}

/**
 * `describe` for tests that need Chromium. Without it they are skipped with a printed reason; with
 * `BROWSER_REQUIRE_ALL=1` they fail instead.
 */
export function describeInChromium(name: string, body: () => void): void {
  if (locateChromium() !== undefined) {
    describe(name, body);
  } else if (process.env['BROWSER_REQUIRE_ALL'] === '1') {
    describe(name, () => {
      it('finds Chromium', () => {
        throw new Error(MISSING);
      });
    });
  } else {
    console.warn(`skipped "${name}": ${MISSING}`);
    describe.skip(name, body);
  }
}

function locateChromium(): string | undefined {
  const named = process.env['CHROMIUM_PATH'];
  return (named === undefined ? onPath() : [named]).find((path) => existsSync(path));
}

function onPath(): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => `${folder}/${name}`));
}
