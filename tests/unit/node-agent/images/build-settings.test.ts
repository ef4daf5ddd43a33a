import t from 'tap';
import { readBuildSettings } from '../../../../node-agent/images/build-settings.ts';

t.test('pip trusts the host of an index without TLS, which it would leave out', async (t) => {
  const trusted = (url: string) => readBuildSettings({ RAWORC_BUILD_PYPI_URL: url }).environment.PIP_TRUSTED_HOST;
  t.equal(trusted('http://10.0.0.5:8080/simple'), '10.0.0.5:8080');
  t.equal(trusted('https://pypi.example.com/simple'), undefined);
  t.equal(trusted(''), undefined);
});
