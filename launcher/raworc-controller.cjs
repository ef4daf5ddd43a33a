#!/usr/bin/env node
'use strict';
require('./start.cjs')('raworc-controller', 'controller/raworc-controller.mjs');
