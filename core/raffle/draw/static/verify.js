// Does a raffle's draw again, from its bundle alone: docs/verify_draw.py for browsers.

const RULE = "4aacd89740630e4f5d11f573fbcd52f43f3ea02c49a98f79598c909df8af19b8";
const QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
const HEADER = new RegExp(
  '^regulars draw 1\nserver [0-9a-f]{16}\nperiod [1-9][0-9]* \\S+Z \\S+Z\nprize ".*"\n' +
    "winners (?<winners>[1-9][0-9]*)\ncommitment (?<commitment>[0-9a-f]{64})\n" +
    "beacon (?:none|(?<chain>[0-9a-f]{64}) (?<round>[1-9][0-9]*))\n" +
    "total (?<entrants>[0-9]+) (?<tickets>[0-9]+)\n",
);
const SKIPPED = ["banned", "excluded", "unlinked", "won_already"];

export class Broken extends Error {}

const need = (holds, complaint) => {
  if (!holds) throw new Broken(complaint);
};
const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
const bytesOf = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const utf8 = (text) => new TextEncoder().encode(text);
export const sha256 = async (bytes) => hex(await crypto.subtle.digest("SHA-256", bytes));

/** The one way in which a bundle is written: keys in order, no spaces, ASCII. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    return `{${Object.keys(value).sort().map((key) => `${canonical(key)}:${canonical(value[key])}`).join(",")}}`;
  }
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const has = (object, ...parts) => Object.keys(object).join() === parts.join();

async function read(raw) {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(raw);
  const bundle = JSON.parse(text);
  need(`${canonical(bundle)}\n` === text, "the file was changed, or written by somebody else");
  need(has(bundle, "beacon", "format", "picks", "rule", "seed", "snapshot", "snapshot_sha256"), "this is no bundle");
  need(bundle.format === "regulars draw 1", "this is no bundle");
  need((await sha256(utf8(bundle.rule))) === RULE, "it follows another rule");
  return bundle;
}

function readSnapshot(snapshot) {
  const found = HEADER.exec(snapshot);
  need(found, "the first lines of the list are not as they have to be");
  const rows = snapshot.slice(found[0].length).split("\n").slice(0, -1);
  need(rows.every((row) => /^[0-9a-f]{40} [1-9][0-9]*$/.test(row)), "a line of the list is not as it has to be");
  const pool = rows.map((row) => ({ pseudonym: row.slice(0, 40), tickets: BigInt(row.slice(41)) }));
  need(pool.every((line, at) => at === 0 || pool[at - 1].pseudonym < line.pseudonym), "the list is not in order");
  const total = pool.reduce((sum, line) => sum + line.tickets, 0n);
  need(found[0].endsWith(`total ${pool.length} ${total}\n`), "the sums are wrong");
  return { terms: found.groups, pool, total };
}

/** Everybody in the order in which they are drawn. */
async function* draw(seed, snapshotHash, randomness, pool, total) {
  const key = await crypto.subtle.importKey("raw", seed, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const message = new Uint8Array(72);
  message.set(snapshotHash);
  message.set(randomness, 32);
  const turn = new DataView(message.buffer, 64);
  const left = [...pool];
  for (let k = 1; left.length; k += 1) {
    const ticket = await throwFairly(key, message, turn, k, total);
    let end = 0n;
    const at = left.findIndex((line) => ticket < (end += line.tickets));
    const [line] = left.splice(at, 1);
    total -= line.tickets;
    yield line.pseudonym;
  }
}

async function throwFairly(key, message, turn, k, total) {
  const fair = 2n ** 256n - (2n ** 256n % total);
  for (let counter = 0; ; counter += 1) {
    turn.setUint32(0, k);
    turn.setUint32(4, counter);
    const number = BigInt(`0x${hex(await crypto.subtle.sign("HMAC", key, message))}`);
    if (number < fair) return number % total;
  }
}

async function checkBeacon(beacon, terms) {
  need(has(beacon, "chain", "randomness", "round", "signature"), "the beacon has other parts");
  need(beacon.chain === terms.chain && String(beacon.round) === terms.round, "another round was promised");
  need(/^[0-9a-f]{96}$/.test(beacon.signature), "the beacon's signature is no signature");
  const number = await sha256(bytesOf(beacon.signature));
  need(number === beacon.randomness, "the beacon's number is not that of its signature");
}

async function checkPick(pick, k, expected) {
  need(has(pick, "account", "k", "pseudonym", "reason", "result", "secret") && pick.k === k, `number ${k} is not as it has to be`);
  need(pick.pseudonym === expected, `by the rule, number ${k} is ${expected}`);
  const results = pick.reason === null ? ["won", "waiting", "expired"] : ["skipped"];
  need(results.includes(pick.result), `what became of number ${k}?`);
  need(pick.reason === null || SKIPPED.includes(pick.reason), `why is number ${k} skipped?`);
  if (pick.account === null && pick.secret === null && pick.result !== "waiting") return "the account is not shown";
  const account = await sha256(utf8(`${pick.secret} ${pick.account}`));
  need(account.slice(0, 40) === expected && pick.reason === null, `number ${k} is another account`);
  return pick.account;
}

/** Whether the public beacon took part, over which nobody here has a say. */
export const isPublic = (bundle) => bundle.beacon?.chain === QUICKNET;

/** Check everything; throws what is wrong. `seen` are hashes that the bundle has to hold. */
export async function verify(raw, say = () => {}, seen = []) {
  const bundle = await read(raw);
  const snapshot = `${bundle.snapshot.join("\n")}\n`;
  const { terms, pool, total } = readSnapshot(snapshot);
  say("The bundle is whole, and follows the rule.");
  const hash = await sha256(utf8(snapshot));
  need(hash === bundle.snapshot_sha256, "the list has another hash");
  need(seen.every((one) => [hash, terms.commitment].includes(one)), "this page shows other hashes");
  say(`The list (entrants: ${pool.length.toLocaleString()}, tickets: ${total.toLocaleString()}) has the hash that stands below.`);
  need(/^([0-9a-f]{2})+$/.test(bundle.seed) && (await sha256(bytesOf(bundle.seed))) === terms.commitment, "the seed is not the one that was promised");
  say("The seed is the one that was promised: its hash stands below.");
  if (bundle.beacon === null) {
    const promised = terms.round ? ` Round ${terms.round} was promised.` : "";
    say(`WITHOUT PUBLIC BEACON: whoever runs the bot could have known the result.${promised}`, "bad");
  } else {
    await checkBeacon(bundle.beacon, terms);
    if (!isPublic(bundle)) say("NOT THE PUBLIC BEACON, but another: whoever runs it could have known the result.", "bad");
    say(`The public number is that of the promised round, ${terms.round}.`);
  }
  const randomness = bundle.beacon === null ? new Uint8Array(32) : bytesOf(bundle.beacon.randomness);
  const order = draw(bytesOf(bundle.seed), bytesOf(hash), randomness, pool, total);
  const wanted = Number(terms.winners);
  let alive = 0;
  for (const [index, pick] of bundle.picks.entries()) {
    need(alive < wanted, "more were drawn than can win");
    const { value, done } = await order.next();
    need(!done, "more were drawn than there are");
    const account = await checkPick(pick, index + 1, value);
    alive += ["won", "waiting"].includes(pick.result) ? 1 : 0;
    say(`Number ${index + 1} is ${value.slice(0, 12)}…: ${pick.reason ?? pick.result} (${account}).`);
  }
  need(alive === wanted || bundle.picks.length === pool.length, "too few were drawn");
  return bundle;
}
