/** The real controller as a separate process, which profiles itself. */
import { type Controller, startController } from '../../controller/controller.ts';
import { boundGarbage } from '../../seams/garbage.ts';
import { processorMs, profile, profiled } from './profiler.ts';
import { serve } from './remote.ts';
import { benchController, type Setting } from './setting.ts';

// As main.ts does.
boundGarbage();

let controller: Controller | undefined;

const duties = {
  async start(setting: Setting): Promise<string> {
    controller = await startController(benchController(setting));
    return controller.http.url;
  },
  processorMs,
  profile,
  profiled,
  close: () => controller?.close(),
};
export type ControllerDuties = typeof duties;
serve(duties);
