/**
 * CameraService: a stream in each direction.
 */
import { Code, type ConnectContext, ConnectError, ConnectService, Rpc, type RpcStream } from 'nestjs-connect';
import { count, map, type Observable } from 'rxjs';
import {
  CameraService,
  Producer,
  type RecordRequest,
  type WatchRequest,
} from '../gen/camera/v1/camera_pb.js';
import { Camera, type Frame } from './camera.js';
import { generated, paced, pushed } from './producers.js';
import { Recorder } from './recorder.js';

@ConnectService(CameraService)
export class CameraRpc {
  constructor(
    private readonly camera: Camera,
    private readonly recorder: Recorder,
  ) {}

  @Rpc()
  watch({ producer }: WatchRequest, context: ConnectContext): Observable<Frame> | AsyncGenerator<Frame> {
    switch (producer) {
      case Producer.GENERATOR:
        return generated(this.camera);
      case Producer.PACED:
        return paced(this.camera, context);
      case Producer.PUSHED:
        return pushed(this.camera);
      default:
        throw new ConnectError('name a producer', { code: Code.InvalidArgument });
    }
  }

  /** `mapEach` takes the next frame off the wire when the recorder has kept the last one. */
  @Rpc()
  record(requests: RpcStream<RecordRequest>): Observable<{ frames: number }> {
    return requests
      .mapEach(({ image }) => this.recorder.keep(image))
      .pipe(
        count(),
        map((frames) => ({ frames })),
      );
  }
}
