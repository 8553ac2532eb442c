// The articles: a collection for each locale, all with the front matter that scripts/article.mjs writes.

import { defineCollection } from "astro:content";
import { glob } from "astro/loaders";
import { z } from "astro/zod";
import type { Locale } from "./locales.mjs";

const schema = z.strictObject({
  title: z.string().min(1),
  description: z.string(),
  slug: z.string(),
  lang: z.string(),
  dir: z.enum(["ltr", "rtl"]),
  target_market: z.string(),
  featured_image: z.union([z.literal(""), z.url({ protocol: /^https?$/ })]),
  keywords: z.union([z.string(), z.array(z.string())]),
  published_at: z.coerce.date(),
});

const articles = (locale: Locale) =>
  defineCollection({
    loader: glob({
      base: `./src/content/blog-${locale}`,
      pattern: "*.md",
      // Left to itself, the loader takes `slug` of the front matter for the id, so that two files could claim one page.
      // The file's name is unique.
      generateId: ({ entry }) => entry.replace(/\.md$/, ""),
    }),
    schema,
  });

export const collections = {
  "blog-en": articles("en"),
  "blog-zh": articles("zh"),
  "blog-ar": articles("ar"),
};
