#!/usr/bin/env node
'use strict';
require('./start.cjs')('raworc', 'cli/raworc.mjs');
