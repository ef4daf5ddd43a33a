/** Answers JSON with YAML. The build installs what package.json names. */
import { dump } from 'js-yaml';

export function processMessage(message) {
  try {
    return dump(JSON.parse(message));
  } catch (error) {
    return `That is not JSON: ${error.message}`;
  }
}
