'use strict';
// A file of its own: older versions of Node.js cannot parse `import()`.
module.exports = (file) => import(`../${file}`);
