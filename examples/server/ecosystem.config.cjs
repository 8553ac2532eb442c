// Presshook under PM2: `pm2 start ecosystem.config.cjs`, then `pm2 save` and `pm2 startup`.
//
// The environment is given here. `pm2 set NAME value`, which some guides name, sets options of PM2 and its modules: no
// program gets them. After a change: `pm2 restart ecosystem.config.cjs --update-env`.

const { homedir } = require("node:os");
const path = require("node:path");

module.exports = {
  apps: [
    {
      name: "presshook",
      // A program and no script: PM2 is not to hand it to Node.js. Give the whole path if PM2 does not find it.
      script: "presshook",
      interpreter: "none",
      // Secrets are better kept in a file that only you can read; this file may then be committed with your site.
      args: ["serve", "--env-file", path.join(homedir(), "presshook.env")],
      // The site's directory: where REBUILD_COMMAND runs.
      cwd: __dirname,
      env: {
        PORT: 3100,
        DATABASE: path.join(homedir(), ".local/state/presshook/presshook.db"),
        // REBUILD_COMMAND: "npm ci && npm run build",
        // GIT_AUTO_PULL: "true",
      },
      // One server per database, so no cluster of them.
      exec_mode: "fork",
      instances: 1,
      // PM2 asks with SIGINT and kills after this many milliseconds; its own figure, 1.6 s, is too short.
      kill_timeout: 30_000,
      // Only the server is asked to stop: it ends its programs itself.
      treekill: false,
      // Settings that are wrong do not become right by themselves.
      stop_exit_codes: [2],
      // A log line has its own time.
      time: false,
    },
  ],
};
