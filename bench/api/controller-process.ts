/** The controller, as it is, in a process of its own. Its profile is taken from within. */
import { Session } from 'node:inspector/promises';
import { type Controller, startController } from '../../controller/controller.ts';
import { processorMs } from './processor.ts';
import { whereTimeGoes } from './profile.ts';
import { serve } from './remote.ts';
import { benchController, type Setting } from './setting.ts';

let controller: Controller | undefined;
const inspector = new Session();

const duties = {
  async start(setting: Setting): Promise<string> {
    controller = await startController(benchController(setting));
    return controller.http.url;
  },
  processorMs,
  async profile(): Promise<void> {
    inspector.connect();
    await inspector.post('Profiler.enable');
    await inspector.post('Profiler.setSamplingInterval', { interval: 200 });
    await inspector.post('Profiler.start');
  },
  async profiled() {
    const { profile } = await inspector.post('Profiler.stop');
    inspector.disconnect();
    return whereTimeGoes(profile);
  },
  close: () => controller?.close(),
};
export type ControllerDuties = typeof duties;
serve(duties);
