// Repeats a raffle's draw from its proof file alone: docs/verify_draw.py for browsers.

const RULE = "4aacd89740630e4f5d11f573fbcd52f43f3ea02c49a98f79598c909df8af19b8";
/** The public beacon, as its endpoint /info describes it. */
export const QUICKNET = {
  hash: "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
  public_key:
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451" +
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
  genesis_time: 1692803367,
  period: 3,
  schemeID: "bls-unchained-g1-rfc9380",
};
const MIN_DELAY_SECONDS = 300;
const HEADER = new RegExp(
  '^(?<format>regulars draw [23])\nserver [0-9a-f]{16}\nperiod [1-9][0-9]* \\S+Z \\S+Z\nprize ".*"\n' +
    "winners (?<winners>[1-9][0-9]*)\n(?:claim (?<claim>[1-9][0-9]*)\n)?commitment (?<commitment>[0-9a-f]{64})\n" +
    "announced (?:none|(?<planned>\\S+Z) (?<plannedChain>(?:other:)?[0-9a-f]{64}) (?<plannedRound>[1-9][0-9]*))\n" +
    "(?:previous (?<before>none|[1-9][0-9]* [0-9a-f]{64})\n)?" +
    "frozen (?<frozen>[0-9-]{10}T[0-9:]{8}Z)\n" +
    "beacon (?:none|(?<chain>(?:other:)?[0-9a-f]{64}) (?<round>[1-9][0-9]*))\n" +
    "total (?<entrants>[0-9]+) (?<tickets>[0-9]+)\n",
);
const SKIPPED = ["banned", "excluded", "unlinked", "won_already"];

export class Broken extends Error {}

export const need = (holds, complaint) => {
  if (!holds) throw new Broken(complaint);
};
export const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
export const bytesOf = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
/** An instant in the reader's locale and time zone, like all times on the page. */
export const shown = (at) => new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
export const utf8 = (text) => new TextEncoder().encode(text);
export const sha256 = async (bytes) => hex(await crypto.subtle.digest("SHA-256", bytes));

/** Canonical JSON of a bundle: sorted keys, no spaces, ASCII. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    return `{${Object.keys(value).sort().map((key) => `${canonical(key)}:${canonical(value[key])}`).join(",")}}`;
  }
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export const has = (object, ...parts) => Object.keys(object).join() === parts.join();

async function read(raw) {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(raw);
  const bundle = JSON.parse(text);
  need(`${canonical(bundle)}\n` === text, "the proof file was changed, or not written by the bot");
  need(has(bundle, "beacon", "format", "picks", "picks_sha256", "rule", "seed", "snapshot", "snapshot_sha256"), "this is not a proof file");
  need((await sha256(utf8(bundle.rule))) === RULE, "it has a different rule");
  need((await sha256(utf8(canonical(bundle.picks)))) === bundle.picks_sha256, "the winners were changed");
  return bundle;
}

function readSnapshot(snapshot) {
  const found = HEADER.exec(snapshot);
  need(found, "the first lines of the list are malformed");
  const terms = found.groups;
  const [hasClaim, hasBefore] = [terms.claim !== undefined, terms.before !== undefined];
  need(hasClaim === terms.format.endsWith("3") && hasBefore === hasClaim, "the first lines of the list are malformed");
  const rows = snapshot.slice(found[0].length).split("\n").slice(0, -1);
  const line = hasClaim ? /^[0-9a-f]{40} [1-9][0-9]* [0-9a-f]{32}$/ : /^[0-9a-f]{40} [1-9][0-9]*$/;
  need(rows.every((row) => line.test(row)), "a line of the list is malformed");
  const pool = rows.map((row) => {
    const [pseudonym, tickets, claimant] = row.split(" ");
    return { pseudonym, tickets: BigInt(tickets), claimant };
  });
  need(pool.every((line, at) => at === 0 || pool[at - 1].pseudonym < line.pseudonym), "the list is not in order");
  const total = pool.reduce((sum, line) => sum + line.tickets, 0n);
  need(found[0].endsWith(`total ${pool.length} ${total}\n`), "the sums are wrong");
  return { terms, pool, total };
}

/** All entrants in draw order. */
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
    yield line;
  }
}

export async function throwFairly(key, message, turn, k, total) {
  const fair = 2n ** 256n - (2n ** 256n % total);
  for (let counter = 0; ; counter += 1) {
    turn.setUint32(0, k);
    turn.setUint32(4, counter);
    const number = BigInt(`0x${hex(await crypto.subtle.sign("HMAC", key, message))}`);
    if (number < fair) return number % total;
  }
}

export async function checkBeacon(beacon, terms) {
  need(has(beacon, "chain", "randomness", "round", "signature"), "the beacon's part is malformed");
  need(beacon.chain === terms.chain && String(beacon.round) === terms.round, "this is not the promised round");
  need(/^[0-9a-f]{96}$/.test(beacon.signature), "the beacon's signature is malformed");
  const number = await sha256(bytesOf(beacon.signature));
  need(number === beacon.randomness, "the beacon's number does not follow from its signature");
}

export const seconds = (instant) => Math.floor(Date.parse(instant) / 1000);
export const publishedAt = (round) => QUICKNET.genesis_time + QUICKNET.period * (round - 1);
export const firstRoundAt = (instant) => Math.max(1, Math.ceil((instant - QUICKNET.genesis_time) / QUICKNET.period) + 1);

/** Checks that the promised round is the one the rule requires for this freeze (quicknet only); returns the reason. */
function checkRound(terms) {
  const [round, frozen] = [Number(terms.round), seconds(terms.frozen)];
  need(publishedAt(round) - frozen >= MIN_DELAY_SECONDS, `round ${round} was published less than ${MIN_DELAY_SECONDS} seconds after the freeze`);
  const announced = terms.plannedChain === terms.chain ? Number(terms.plannedRound) : null;
  const asPlanned = announced && Date.parse(terms.planned) <= 1000 * frozen && publishedAt(announced) - frozen >= MIN_DELAY_SECONDS;
  need(round === (asPlanned ? announced : firstRoundAt(frozen + MIN_DELAY_SECONDS)), "the rule requires a different round");
  return asPlanned ? "It is the announced round." : `${announced ? `Round ${announced}` : "No round"} was announced; the list was frozen at a different time.`;
}

async function checkPick(pick, k, { pseudonym: expected, claimant }, minutes) {
  const times = minutes ? ["since", "until"] : [];
  need(has(pick, "account", "claimant", "k", "pseudonym", "reason", "result", "secret", ...times) && pick.k === k, `winner ${k} is malformed`);
  need(pick.pseudonym === expected, `by the rule, winner ${k} is ${expected}`);
  const results = pick.reason === null ? ["won", "waiting", "expired"] : ["skipped"];
  need(results.includes(pick.result), `the result of winner ${k} is unknown`);
  need(pick.reason === null || SKIPPED.includes(pick.reason), `the reason for skipping winner ${k} is unknown`);
  need(pick.result === "skipped" || /^[0-9a-f]{16,32}$/.test(pick.claimant), `the claimant is missing for prize ${k}`);
  if (minutes && pick.result === "expired") {
    need(seconds(pick.until) - seconds(pick.since) >= 60 * Number(minutes), `winner ${k} had less time to claim than promised`);
  }
  if (pick.account !== null || pick.secret !== null) {
    const account = await sha256(utf8(`${pick.secret} ${pick.account}`));
    need(account.slice(0, 40) === expected && pick.reason === null, `winner ${k} was replaced by a different account`);
  }
  need(pick.result === "skipped" || [undefined, pick.claimant].includes(claimant), `prize ${k} may be claimed by another member`);
  return pick.account;
}

/** Whether the public beacon was used, which the bot's owner does not control. */
export const isPublic = (bundle) => bundle.beacon?.chain === QUICKNET.hash;

/** Whether the promised round was used, if there was one. */
export const keptRound = (bundle) => bundle.beacon !== null || bundle.snapshot.includes("beacon none");

const RESULTS = { won: "claimed the prize", waiting: "not claimed yet", expired: "did not claim in time" };
const REASONS = { banned: "banned", excluded: "excluded", unlinked: "no longer linked", won_already: "already won" };

/** Verify everything; throws the first problem. The bundle must contain the hashes `seen`; `nameOf` returns a winner's name. */
export async function verify(raw, say = () => {}, seen = [], nameOf = () => "") {
  const bundle = await read(raw);
  const snapshot = `${bundle.snapshot.join("\n")}\n`;
  const { terms, pool, total } = readSnapshot(snapshot);
  need(bundle.format === terms.format, "this proof file has a different version");
  say("The proof file is complete and valid.");
  const hash = await sha256(utf8(snapshot));
  need(hash === bundle.snapshot_sha256, "the list does not match its hash");
  need(seen.every((one) => [hash, terms.commitment].includes(one)), "this page shows different hashes");
  say(`The list (entrants: ${pool.length.toLocaleString()}, tickets: ${total.toLocaleString()}) matches the hash below. It was frozen ${shown(terms.frozen)}.`);
  need(/^([0-9a-f]{2})+$/.test(bundle.seed) && (await sha256(bytesOf(bundle.seed))) === terms.commitment, "the seed does not match the hash posted at the opening");
  say("The seed matches the hash below, posted at the opening.");
  if (bundle.beacon === null) {
    if (!keptRound(bundle)) say(`Round ${terms.round} of the beacon was promised, but not used.`, "bad");
    say("WITHOUT THE PUBLIC BEACON: whoever runs the bot could have known the result.", "bad");
  } else {
    await checkBeacon(bundle.beacon, terms);
    if (isPublic(bundle)) {
      const why = checkRound(terms);
      const published = shown(1000 * publishedAt(Number(terms.round)));
      say(`The random number is from the promised round ${terms.round}, published ${published}, at least 5 minutes after the freeze. ${why}`);
    } else {
      say(`The random number is from the promised round ${terms.round}.`);
      say("NOT THE PUBLIC BEACON: whoever runs that beacon could have known the result.", "bad");
    }
  }
  const randomness = bundle.beacon === null ? new Uint8Array(32) : bytesOf(bundle.beacon.randomness);
  const order = draw(bytesOf(bundle.seed), bytesOf(hash), randomness, pool, total);
  const wanted = Number(terms.winners);
  let alive = 0;
  for (const [index, pick] of bundle.picks.entries()) {
    need(alive < wanted, "too many winners were drawn");
    const { value, done } = await order.next();
    need(!done, "more winners than entrants were drawn");
    const account = await checkPick(pick, index + 1, value, terms.claim);
    alive += ["won", "waiting"].includes(pick.result) ? 1 : 0;
    const name = account && (nameOf(index + 1) || account);
    const words = pick.reason ? `skipped: ${REASONS[pick.reason]}` : RESULTS[pick.result];
    say(`Winner ${index + 1}: ${value.pseudonym.slice(0, 12)}… (${[...(name ? [name] : []), words].join(", ")})`);
  }
  need(alive === wanted || bundle.picks.length === pool.length, "too few winners were drawn");
  return bundle;
}
