/**
 * The proto of a service: three kinds of call to begin with. One that is there is kept, if what is written beside it fits.
 */
import { type AppTree } from './app-tree.js';
import { type Element } from './element.js';

const RPCS = {
  Say: /\brpc\s+Say\s*\(\s*SayRequest\s*\)\s*returns\s*\(\s*SayResponse\s*\)/,
  Introduce:
    /\brpc\s+Introduce\s*\(\s*IntroduceRequest\s*\)\s*returns\s*\(\s*stream\s+IntroduceResponse\s*\)/,
  Converse:
    /\brpc\s+Converse\s*\(\s*stream\s+ConverseRequest\s*\)\s*returns\s*\(\s*stream\s+ConverseResponse\s*\)/,
};

/**
 * @param rpcs What the code uses that is written beside the proto.
 * @throws Error When the proto that is there has something else.
 */
export function ensureProto(tree: AppTree, element: Element, rpcs: readonly (keyof typeof RPCS)[]): void {
  const path = element.protoFile;
  if (!tree.exists(path)) {
    tree.create(path, protoTemplate(element));
    return;
  }
  const source = tree.readText(path).replaceAll(/\/\/.*|\/\*[\s\S]*?\*\//g, '');
  const service = element.serviceName;
  const isOurs = new RegExp(String.raw`\bservice\s+${service}\s*\{`).test(source);
  const missing = rpcs.filter((rpc) => !RPCS[rpc].test(source));
  if (!isOurs || missing.length > 0) {
    const absent = isOurs ? `rpc ${missing.join(', ')}` : `service ${service}`;
    throw new Error(
      `${path} is there already, without the ${absent} that the code would need: choose another name, or write the class by hand`,
    );
  }
}

function protoTemplate({ serviceName, protoPackage }: Element): string {
  return `syntax = "proto3";

package ${protoPackage};

service ${serviceName} {
  rpc Say(SayRequest) returns (SayResponse) {
    // Answers may be cached, and Connect clients may ask by GET.
    option idempotency_level = NO_SIDE_EFFECTS;
  }
  rpc Introduce(IntroduceRequest) returns (stream IntroduceResponse) {}
  rpc Converse(stream ConverseRequest) returns (stream ConverseResponse) {}
}

message SayRequest {
  string sentence = 1;
}

message SayResponse {
  string sentence = 1;
}

message IntroduceRequest {
  string name = 1;
}

message IntroduceResponse {
  string sentence = 1;
}

message ConverseRequest {
  string sentence = 1;
}

message ConverseResponse {
  string sentence = 1;
}
`;
}
