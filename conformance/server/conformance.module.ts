import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { ConnectModule, type ConnectModuleOptions } from 'nestjs-connect';
import { Replies } from './replies.js';

@Module({ providers: [Replies] })
export class ConformanceModule {
  /** For an app of its own. */
  static serving(rpc: Type): DynamicModule {
    return { module: ConformanceModule, controllers: [rpc] };
  }

  /** For an Express app: RPCs on its port. */
  static mounted(rpc: Type, options: ConnectModuleOptions): DynamicModule {
    return { module: ConformanceModule, controllers: [rpc], imports: [ConnectModule.forRoot(options)] };
  }
}
