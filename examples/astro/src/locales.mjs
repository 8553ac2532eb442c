// The languages of the site, in one place: for Astro's configuration and the pages. A further one is an entry here, a
// collection in content.config.ts, a directory `content/blog-NAME`, and an entry in Presshook's `LOCALES`.

/** The locale without a prefix in its addresses, which also takes articles in languages that are not here. */
export const DEFAULT = "en";

export const LOCALES = {
  en: {
    lang: "en",
    dir: "ltr",
    name: "English",
    title: "The Quiet Press",
    description: "Articles that are published by a webhook.",
    back: "All articles",
    empty: "Nothing has been published yet.",
  },
  zh: {
    lang: "zh-CN",
    dir: "ltr",
    name: "中文",
    title: "静默出版",
    description: "由 webhook 发布的文章。",
    back: "全部文章",
    empty: "尚未发布文章。",
  },
  ar: {
    lang: "ar",
    dir: "rtl",
    name: "العربية",
    title: "الصحافة الهادئة",
    description: "مقالات تُنشر بواسطة webhook.",
    back: "كل المقالات",
    empty: "لم يُنشر أي مقال بعد.",
  },
};

/** @typedef {keyof typeof LOCALES} Locale */

export const NAMES = /** @type {Locale[]} */ (Object.keys(LOCALES));

/**
 * Where a locale's articles are listed; an article is below.
 *
 * @param {Locale} locale
 */
export const blog = (locale) => (locale === DEFAULT ? "/blog/" : `/${locale}/blog/`);
