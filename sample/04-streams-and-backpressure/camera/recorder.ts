/**
 * A recorder that needs its time for every frame, and counts.
 */
import { setTimeout } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';

const FRAME_MS = 50;

@Injectable()
export class Recorder {
  #kept = 0;

  /** How many frames it has kept. */
  get kept(): number {
    return this.#kept;
  }

  async keep(_image: Uint8Array): Promise<number> {
    await setTimeout(FRAME_MS);
    return ++this.#kept;
  }
}
