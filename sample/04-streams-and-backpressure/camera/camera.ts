/**
 * A camera that shoots as fast as it is asked to, and counts.
 */
import { Injectable } from '@nestjs/common';

const FRAME_BYTES = 64 * 1024;

export interface Frame {
  readonly number: number;
  readonly image: Uint8Array;
}

@Injectable()
export class Camera {
  #shot = 0;

  /** How many frames there were. */
  get shot(): number {
    return this.#shot;
  }

  shoot(): Frame {
    return { number: ++this.#shot, image: new Uint8Array(FRAME_BYTES) };
  }
}
