/**
 * Installs the programs that `npm run test:interop` uses as clients, as far as npm did not: grpcurl.
 *
 * buf comes with `npm install`; curl is the system's.
 */
import { goInstall, InstallError } from './go-install.mjs';
import { GRPCURL } from './programs.mjs';

try {
  console.log(goInstall(GRPCURL));
} catch (error) {
  console.error(error instanceof InstallError ? error.message : error);
  process.exitCode = 1;
}
