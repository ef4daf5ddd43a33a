import { EventEmitter } from 'node:events';
import t from 'tap';
import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { JUDGED_EACH_MS, OpenAnswers } from '../../../../controller/e2b/data/open-answers.ts';
import { HandClock } from '../../hand-clock.ts';

t.test('what is open is cut once its client lost the permission, and when its sandbox rests', async (t) => {
  const clock = new HandClock();
  const open = new OpenAnswers(clock);
  const cut: string[] = [];
  const allowed = new Set(['a', 'b', 'c']);
  const begin = (id: string, name: string, isGone = false) => {
    const until = Object.assign(new EventEmitter(), { destroyed: isGone });
    open.add(id as SessionId, until, {
      isAllowed: () => allowed.has(name),
      cut: () => {
        cut.push(name);
        until.emit('close');
      },
    });
  };
  begin('1', 'a');
  begin('1', 'b');
  begin('2', 'c');
  begin('2', 'gone', true);
  await clock.advance(JUDGED_EACH_MS);
  t.same(cut, []);
  allowed.delete('a');
  await clock.advance(JUDGED_EACH_MS);
  t.same(cut, ['a']);
  open.cut('2');
  t.same(cut, ['a', 'c']);
  allowed.clear();
  await clock.advance(JUDGED_EACH_MS);
  t.same(cut, ['a', 'c', 'b']);
  t.equal(clock.timers, 0, 'no timer is left');
});
