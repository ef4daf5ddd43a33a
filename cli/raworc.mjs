#!/usr/bin/env node
import { launch } from '../launcher/launch.mjs';

await launch('raworc', 'cli/main');
