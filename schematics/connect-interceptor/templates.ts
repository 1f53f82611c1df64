/**
 * What `connect-interceptor` writes: an interceptor that changes nothing, and a spec of that. Laid out as prettier does in
 * Nest's starters.
 */

export function interceptorTemplate(className: string): string {
  return `import { Injectable } from '@nestjs/common';
import type {
  ClientInterceptor,
  InterceptedCall,
  InterceptedReply,
  NextCall,
} from 'nestjs-connect/client';

@Injectable()
export class ${className} implements ClientInterceptor {
  intercept(call: InterceptedCall, next: NextCall): InterceptedReply {
    return next(call);
  }
}
`;
}

export function specTemplate(className: string, interceptorImport: string): string {
  return `import type { InterceptedCall, NextCall } from 'nestjs-connect/client';
import { EMPTY } from 'rxjs';
import { ${className} } from '${interceptorImport}';

describe('${className}', () => {
  it('passes the call on, and the reply back', () => {
    const interceptor = new ${className}();
    const call = {} as InterceptedCall;
    const passedOn: InterceptedCall[] = [];
    const next: NextCall = (passed) => {
      passedOn.push(passed);
      return EMPTY;
    };
    expect(interceptor.intercept(call, next)).toBe(EMPTY);
    expect(passedOn).toEqual([call]);
  });
});
`;
}
