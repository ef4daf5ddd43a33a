'use strict';
/**
 * Says so where the installed Node.js is too old for the launcher. In the syntax of 2009, because
 * a Node.js of any age has to parse this file and those that load it.
 */
var MINIMUM = 18;

module.exports = function start(name, file) {
  var version = process.versions.node;
  if (parseInt(version, 10) >= MINIMUM) return require('./import.cjs')(file);
  process.stderr.write(
    name +
      ': Node.js ' +
      version +
      ' (' +
      process.execPath +
      ') is too old to start it. Install Node.js ' +
      MINIMUM +
      ' or newer, or put a newer one first in PATH\n',
  );
  process.exitCode = 1;
};
