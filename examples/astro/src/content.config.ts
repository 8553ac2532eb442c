// The articles: a collection for each locale, all with the front matter that Presshook writes. What a
// sender left out or got wrong is made up for here: one article must not keep the whole site from being built.

import { defineCollection } from "astro:content";
import { glob } from "astro/loaders";
import { z } from "astro/zod";
import { LOCALES, type Locale } from "./locales.mjs";

/** Whether it is a language tag, such as `zh-CN`: a date is written in that language. */
function isTag(text: string) {
  try {
    return Intl.getCanonicalLocales(text).length === 1;
  } catch {
    return false;
  }
}

const schema = (locale: Locale) =>
  z.strictObject({
    title: z.string(),
    description: z.string(),
    slug: z.string(),
    lang: z.string().refine(isTag).catch(LOCALES[locale].lang),
    dir: z.enum(["ltr", "rtl"]),
    target_market: z.string(),
    // A page loads pictures from the web, and nothing else that a URL may mean.
    featured_image: z.url({ protocol: /^https?$/ }).catch(""),
    keywords: z.union([z.string(), z.array(z.string())]),
    published_at: z.coerce.date().catch(new Date(0)),
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
    schema: schema(locale),
  });

export const collections = {
  "blog-en": articles("en"),
  "blog-zh": articles("zh"),
  "blog-ar": articles("ar"),
};
