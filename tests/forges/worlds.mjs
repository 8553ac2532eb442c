// What each case of the vector files finds: the repository and who may do what, by the case's name. The stand-ins must
// then answer the requests of the vector files as these say.

import { withFiles, world } from "./stand-in.mjs";

/** @typedef {import("./stand-in.mjs").World} World */

const OLD = "---\ntitle: Old\n---\n\nAn old one.\n";
const FILES = { "README.md": "# A site\n", "src/content/blog/old.md": OLD };

/** What commits: the last request of each site's way. @param {import("./stand-in.mjs").Asked} asked */
const commits = ({ method, path }) =>
  method === "PATCH" || (method === "POST" && /\/(repository\/commits|contents)$/.test(path));

/** A world in which somebody else commits first, so many times. @param {number} times */
function busy(times) {
  const made = withFiles(FILES);
  let left = times;
  made.before = (asked) => {
    if (!commits(asked) || left === 0) return;
    left -= 1;
    const path = "src/content/blog/new.md";
    // The file is there in one moment, and gone in the next.
    const there = made.repository.head(made.branch).files.has(path);
    made.repository.put(made.branch, { "CHANGES.md": String(left), [path]: there ? null : String(left) });
  };
  return made;
}

/** @type {Record<string, () => World>} */
export const WORLDS = {
  "a new article is committed": () => withFiles(FILES),
  "an article that changed, one that is gone and a picture are one commit": () =>
    withFiles({ ...FILES, "src/content/blog/gone.md": "gone\n" }),
  "nothing is committed where nothing would change, and the host is asked": () => withFiles(FILES),
  "a file that goes and is not there keeps no other from being committed": () => withFiles(FILES),
  "where all that goes is gone already, nothing is committed": () => withFiles(FILES),
  "a directory that is not there yet is made": () => withFiles({ "README.md": "# A site\n" }),
  "a directory of many files is read page by page": () =>
    withFiles({
      ...Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`a/${at + 100}.md`, ""])),
      "a/last.md": "old\n",
    }),
  "the owner says what is said of a commit, and whose it is": () => withFiles(FILES),
  "an API elsewhere is asked there": () => withFiles(FILES),
  "a text that JSON cannot be trusted with is sent as bytes": () => withFiles(FILES),
  "a branch that has moved is followed": () => busy(1),
  "a branch that moves again and again is left for later": () => busy(9),
  "Forgejo's status for a branch that has moved is understood": () => {
    const made = withFiles(FILES);
    let left = 1;
    made.before = (asked) => {
      if (!commits(asked) || left === 0) return;
      left -= 1;
      made.instead.push({
        status: 409,
        body: { message: "sha does not match [given: a, expected: b]", url: "" },
      });
    };
    return made;
  },
  "a token that is none": () => withFiles(FILES),
  "a repository that the token does not open": () => withFiles(FILES),
  "a token that may only read": () => withFiles(FILES),
  "a branch that is not there": () => withFiles(FILES),
  "an empty repository": () => world(),
  "a protected branch": () => withFiles(FILES, { isProtected: true }),
  "too many requests": () => withFiles(FILES, { isLimited: true }),
  "a repository that has another name now": () => withFiles(FILES, { movedTo: "ada/elsewhere" }),
  "an answer that is none of its": () =>
    withFiles(FILES, { instead: [{ status: 200, body: "<html>a log-in page</html>" }] }),
};
