/**
 * A gateway that answers REST with what two services tell it, and the services: `npm run sample:05`.
 */
import { Logger } from '@nestjs/common';
import { startTrips } from './trips.js';

const { url, trains } = await startTrips({ port: Number(process.env['PORT'] ?? 3000) });
new Logger('Gateway').log(`Listening on ${url}. Try: curl ${url}/trips/oslo
  export TRAINS=${trains.url}`);
