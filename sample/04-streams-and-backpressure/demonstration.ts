/**
 * One scenario on a server of its own, with a line every second: how far both sides are, and the memory of the process
 * that holds both.
 */
import { connect } from 'node:http2';
import { type AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { ConnectServer } from 'nestjs-connect';
import { CameraModule } from './camera/camera.module.js';
import { Camera } from './camera/camera.js';
import { Recorder } from './camera/recorder.js';
import { type Run, type Scenario } from './scenarios.js';

export interface DemonstrationOptions {
  /** How long the client goes on. */
  readonly seconds: number;
  readonly print: (line: string) => void;
}

export async function demonstrate(
  { title, begin }: Scenario,
  { seconds, print }: DemonstrationOptions,
): Promise<void> {
  print(title);
  const app = await NestFactory.createMicroservice(CameraModule, {
    strategy: new ConnectServer({ host: '127.0.0.1', port: 0 }),
    logger: ['error', 'warn'],
  });
  const { port }: AddressInfo = await app.listen();
  const session = connect(`http://127.0.0.1:${port}`);
  const stage = { session, camera: app.get(Camera), recorder: app.get(Recorder) };

  const run = begin(stage, AbortSignal.timeout(seconds * 1_000));
  const clock = setInterval(() => print(describe(run)), 1_000);
  try {
    print(`  ended: ${await run.ended}`);
    print(describe(run));
  } finally {
    clearInterval(clock);
    session.close();
    await app.close();
  }
}

function describe(run: Run): string {
  const { produced, consumed } = run.counts();
  const { rss, heapUsed, external } = process.memoryUsage();
  return (
    `  produced ${padded(produced)}   taken ${padded(consumed)}   ` +
    `rss ${mebibytes(rss)}   heap ${mebibytes(heapUsed)}   buffers ${mebibytes(external)}`
  );
}

function mebibytes(bytes: number): string {
  return `${padded(bytes / 2 ** 20)} MiB`;
}

function padded(value: number): string {
  return value.toFixed().padStart(4);
}
