// The other half of crossing.rs: what the module wants of SQL is run here, and its rows are handed over. Nothing is decided
// here.

/** SQL by number, as the module has told of it. @type {string[]} */
const known = [];

/** @param {number} number @param {string} sql */
export const learn = (number, sql) => void (known[number] = sql);

/** What a value is that crosses. */
const NULL = 0;
const INTEGER = 1;
const TEXT = 2;
const BLOB = 3;
const BESIDE = 4;

/** @typedef {{ exec: (...statement: unknown[]) => { raw: () => { toArray: () => unknown[][] } } }} Sql */
/** @typedef {{ transactionSync: (run: () => void) => void, sql: Sql }} Storage */

/**
 * Statements, each the SQL and its parameters.
 *
 * @param {Float64Array} numbers
 * @param {string} texts
 * @param {unknown[]} [blobs]
 * @param {unknown} [beside] the bytes that came beside what is carried out
 */
function statements(numbers, texts, blobs = [], beside) {
  /** @type {[string, ...unknown[]][]} */
  const list = [];
  let place = 0;
  let blob = 0;
  for (let at = 0; at < numbers.length;) {
    /** @type {[string, ...unknown[]]} */
    const statement = [known[numbers[at]]];
    const end = at + 2 + 2 * numbers[at + 1];
    for (at += 2; at < end; at += 2) {
      const number = numbers[at + 1];
      if (numbers[at] === TEXT) statement.push(texts.slice(place, (place += number)));
      else if (numbers[at] === INTEGER) statement.push(number);
      else if (numbers[at] === BLOB) statement.push(blobs[blob++]);
      else statement.push(numbers[at] === BESIDE ? beside : null);
    }
    list.push(statement);
  }
  return list;
}

/** Where rows are put that cross: one place, since a list of numbers of its own costs more each time. */
let room = new Float64Array(1024);

/**
 * The rows of each read, as they cross.
 *
 * @param {unknown[][][]} reads
 * @returns {[Float64Array, string, unknown[]]}
 */
function values(reads) {
  let length = 0;
  for (const rows of reads) length += 2 + 2 * rows.length * (rows.length && rows[0].length);
  if (length > room.length) room = new Float64Array(2 * length);
  const numbers = room;
  let texts = "";
  const blobs = [];
  let at = 0;
  for (const rows of reads) {
    numbers[at++] = rows.length;
    numbers[at++] = rows.length && rows[0].length;
    for (const row of rows) {
      for (const value of row) {
        let kind = NULL;
        let number = 0;
        if (typeof value === "number") {
          kind = INTEGER;
          number = value;
        } else if (typeof value === "string") {
          kind = TEXT;
          number = value.length;
          texts += value;
        } else if (value !== null) {
          kind = BLOB;
          blobs.push(value);
        }
        numbers[at++] = kind;
        numbers[at++] = number;
      }
    }
  }
  return [numbers.subarray(0, length), texts, blobs];
}

/** Runs a statement; where it is refused, its first words are told, a line break and the reason.
 *
 * @param {Sql} sql @param {[string, ...unknown[]]} statement */
function run(sql, statement) {
  try {
    return sql.exec(...statement);
  } catch (error) {
    throw `${statement[0].split(/\s+/, 3).join(" ")}\n${error}`;
  }
}

const ROLL_BACK = new Error("rolled back");

/**
 * Runs a transaction: reads, then what is decided from their rows. Nothing is kept where a statement is refused, or where
 * the decision is not to.
 *
 * @param {Storage} storage
 * @param {Float64Array} numbers
 * @param {string} texts
 * @param {(numbers: Float64Array, texts: string, blobs: unknown[]) => boolean} decide
 */
export function transact(storage, numbers, texts, decide) {
  const reads = statements(numbers, texts);
  try {
    storage.transactionSync(() => {
      const rows = reads.map((read) => run(storage.sql, read).raw().toArray());
      if (!decide(...values(rows))) throw ROLL_BACK;
    });
  } catch (error) {
    if (error !== ROLL_BACK) throw error;
  }
}

/**
 * Runs the writes of the transaction that is being decided on.
 *
 * @param {Storage} storage
 * @param {Float64Array} numbers
 * @param {string} texts
 * @param {unknown[] | undefined} blobs
 * @param {unknown} beside
 */
export function write({ sql }, numbers, texts, blobs, beside) {
  for (const statement of statements(numbers, texts, blobs, beside)) run(sql, statement);
}
