// A mail server for tests, on loopback: it takes mails as its options say, and keeps what it took.

import { createServer } from "node:net";
import { listening } from "../../scripts/serve.mjs";

/**
 * A mail that was taken.
 *
 * @typedef {{ login: string | undefined, from: string, to: string[], subject: string, head: string, text: string }} Mail
 *
 * @typedef {object} Options
 * @property {(login: string | undefined) => string} [greet] what it says to a login
 * @property {(address: string) => string} [take] what it says to an address that a mail is to
 */

/**
 * Starts it, on a free port.
 *
 * @param {(mail: Mail) => void} taken
 * @param {Options} [options]
 */
export async function mailbox(taken, { greet = () => "235 welcome", take = () => "250 fine" } = {}) {
  const server = createServer((socket) => {
    let [buffer, from, message] = ["", "", /** @type {string | undefined} */ (undefined)];
    /** @type {string | undefined} */
    let login;
    /** @type {string[]} */
    let to = [];
    const say = (/** @type {string} */ line) => socket.write(`${line}\r\n`);
    const address = (/** @type {string} */ line) => /<(.*)>/.exec(line)?.[1] ?? "";
    const hear = (/** @type {string} */ line) => {
      if (message !== undefined) {
        if (line !== ".") return void (message += `${line.replace(/^\./, "")}\r\n`);
        taken({ login, from, to, ...parts(message) });
        message = undefined;
        return say("250 taken");
      }
      const command = line.split(" ")[0].toUpperCase();
      if (command === "EHLO") return say("250-mailbox\r\n250 AUTH PLAIN");
      if (command === "AUTH") {
        login = Buffer.from(line.split(" ")[2], "base64").toString().split("\0").slice(1).join(":");
        return say(greet(login));
      }
      if (command === "MAIL") return ((from = address(line)), (to = []), say("250 fine"));
      if (command === "RCPT") return (to.push(address(line)), say(take(address(line))));
      if (command === "DATA") return ((message = ""), say("354 go on"));
      if (command === "QUIT") return (say("221 bye"), socket.end());
      return say("250 fine");
    };
    socket.setEncoding("latin1").on("error", () => {});
    socket.on("data", (/** @type {string} */ piece) => {
      const lines = (buffer + piece).split("\r\n");
      buffer = lines.pop() ?? "";
      lines.forEach(hear);
    });
    say("220 mailbox");
  });
  const port = await listening(server);
  return {
    url: (login = "") => `smtp://${login && `${login}@`}127.0.0.1:${port}`,
    close: () => server.close(),
  };
}

/** What a message says: its head as it came, its subject and its text decoded. */
function parts(/** @type {string} */ message) {
  const end = message.indexOf("\r\n\r\n");
  const [head, body] = [message.slice(0, end), message.slice(end + 4)];
  const line = /^Subject: (.*)$/m.exec(head.replaceAll("\r\n ", ""))?.[1] ?? "";
  const words = [...line.matchAll(/=\?UTF-8\?B\?([^?]*)\?=/g)].map(([, word]) => Buffer.from(word, "base64"));
  return { head, subject: Buffer.concat(words).toString(), text: Buffer.from(body, "base64").toString() };
}
