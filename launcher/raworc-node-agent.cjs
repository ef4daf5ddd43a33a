#!/usr/bin/env node
'use strict';
require('./start.cjs')('raworc-node-agent', 'node-agent/raworc-node-agent.mjs');
