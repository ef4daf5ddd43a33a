/** One agent of a session writes below HOME and its workspace what Python and Node.js load by themselves: no other agent runs it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { path, run, stage } from './stage.ts';

t.setTimeout(60_000);
t.test('modules that another agent planted below HOME or in the workspace are not loaded', async (t) => {
  const { directory, start } = stage(t);
  const home = join(directory, 'session', 'state');
  const workspace = join(directory, 'session', 'workspace');
  const mark = join(directory, 'planted-ran');
  const env = { PATH: `${process.execPath.replace(/\/node$/, '')}:${path}`, HOME: home };
  const site = execFileSync('python3', ['-c', 'import site; print(site.getusersitepackages())'], { env, encoding: 'utf8' }).trim();
  const python = `open(${JSON.stringify(mark)}, "w").close()\n`;
  mkdirSync(site, { recursive: true });
  writeFileSync(join(site, 'usercustomize.py'), python);
  writeFileSync(join(site, 'planted.pth'), `import usercustomize\n`);
  for (const name of ['sitecustomize.py', 'usercustomize.py', 'json.py', 'signal.py']) writeFileSync(join(workspace, name), python);
  const node = `require("node:fs").writeFileSync(${JSON.stringify(mark)}, "");\n`;
  mkdirSync(join(home, '.node_modules', 'planted'), { recursive: true });
  writeFileSync(join(home, '.node_modules', 'planted', 'index.js'), node);
  mkdirSync(join(workspace, 'node_modules', 'planted'), { recursive: true });
  writeFileSync(join(workspace, 'node_modules', 'planted', 'index.js'), node);

  const ranBy = (program: string, args: readonly string[], cwd: string) => {
    execFileSync(program, args, { env, cwd, stdio: 'ignore' });
    const ran = existsSync(mark);
    rmSync(mark, { force: true });
    return ran;
  };
  t.ok(ranBy('python3', ['-c', 'pass'], '/'), 'Python runs it by itself');
  t.ok(ranBy(process.execPath, ['-e', 'require("planted")'], '/'), 'and so does Node.js');

  const py = start({ name: 'py' }, { 'main.py': 'import json, signal\ndef process_message(message, context): return "fine"\n' });
  t.match((await run(py, 'x')).end, { outcome: 'reply', content: 'fine' });
  const child = start({ name: 'child' }, { 'main.py': CHILD });
  t.match((await run(child, 'x')).end, { outcome: 'reply', content: '0' });
  const js = start({ name: 'js', runtime: 'NODE' }, { 'index.cjs': REQUIRES });
  t.match((await run(js, 'x')).end, { outcome: 'reply', content: 'MODULE_NOT_FOUND' });
  t.notOk(existsSync(mark), 'in no worker');
});

const CHILD = `import subprocess
def process_message(message, context):
    return str(subprocess.run(["python3", "-c", "pass"], cwd="/").returncode)
`;

const REQUIRES = `exports.processMessage = () => {
  try { require('planted'); return 'loaded'; } catch (error) { return error.code; }
};
`;
