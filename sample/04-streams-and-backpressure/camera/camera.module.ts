import { Module } from '@nestjs/common';
import { CameraRpc } from './camera.rpc.js';
import { Camera } from './camera.js';
import { Recorder } from './recorder.js';

@Module({ controllers: [CameraRpc], providers: [Camera, Recorder] })
export class CameraModule {}
