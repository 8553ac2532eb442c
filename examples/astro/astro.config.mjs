// A static site in several languages: the default one at /blog/, the others at /zh/blog/ and so on.

import { defineConfig } from "astro/config";
import { DEFAULT, LOCALES } from "./src/locales.mjs";

export default defineConfig({
  i18n: {
    defaultLocale: DEFAULT,
    locales: Object.keys(LOCALES),
    routing: { prefixDefaultLocale: false },
  },
  redirects: { "/": "/blog/" },
  // Beside what a build makes, so that a copy of this directory shares nothing with it.
  cacheDir: "./.astro/cache",
});
