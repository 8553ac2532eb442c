// nginx and Caddy, for the tests of the server behind them.

import * as debian from "./debian.mjs";

/** @type {debian.Program[]} */
export const PROXIES = [
  { name: "nginx", version: ["-v"] },
  { name: "caddy", version: ["version"] },
];

const WITHOUT = "nothing is tested behind it";

export const findProxy = debian.find;

/** Gets those that are missing, as far as that can be done here, and says what cannot. */
export const proxies = () => debian.get(PROXIES, WITHOUT);

/** @param {debian.Program} proxy */
export const remedy = (proxy) => debian.remedy(proxy, WITHOUT);
