/** Returns why a service would not have the settings of this shell, or undefined. */
export function settingsOfShell(
  env: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
  file: string,
): string | undefined {
  const found = names.map((name) => `RAWORC_${name}`).find((variable) => (env[variable] ?? '') !== '');
  return found === undefined
    ? undefined
    : `${found} is set in this shell only, so the service would not have it. Move it to ${file} and unset it`;
}
