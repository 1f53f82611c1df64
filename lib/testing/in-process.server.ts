/**
 * The strategy of tests: everything that a `ConnectServer` does, but listen.
 */
import { ConnectServer } from '../nest/connect.server.js';

export class InProcessServer extends ConnectServer {
  override listen(callback: () => void): void {
    this.prepare();
    this.setStatus('listening');
    callback();
  }

  override unwrap<T>(): T {
    throw new Error('a server in memory has no socket to unwrap');
  }
}
