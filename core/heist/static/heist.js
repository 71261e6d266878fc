// Repeats a heist's rolls from its proof file alone: docs/verify_game.py for browsers.
import { Broken, bytesOf, canonical, checkBeacon, firstRoundAt, has, isPublic, need, seconds, sha256, shown, throwFairly, utf8 } from "/draws/static/verify.js";

const RULE = "68efc80d09dc82b6cffee0f6fa5fcfe43c3c9f468b2a7b1f6b7bf71fe9b197f7";
const MIN_DELAY_SECONDS = 6;
const UNIT = 10000n;
const HEADER = new RegExp(
  "^regulars game 1\nserver [0-9a-f]{16}\ngame [a-z_]+ [1-9][0-9]*\nopened \\S+Z\n" +
    "commitment (?<commitment>[0-9a-f]{64})\nfrozen (?<frozen>[0-9-]{10}T[0-9:]{8}Z)\n" +
    "beacon (?<chain>(?:other:)?[0-9a-f]{64}) (?<round>[1-9][0-9]*)\ntotal [0-9]+ [0-9]+\n",
);
const ROW = /^[0-9a-f]{40} [1-9][0-9]*( (0|[1-9][0-9]*)){4}$/;

async function read(raw) {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(raw);
  const bundle = JSON.parse(text);
  need(`${canonical(bundle)}\n` === text, "the proof file was changed, or not written by the bot");
  need(has(bundle, "beacon", "format", "results", "rule", "seed", "snapshot", "snapshot_sha256"), "this is not a proof file");
  need(bundle.format === "regulars game 1", "this proof file has a different version");
  need((await sha256(utf8(bundle.rule))) === RULE, "it has a different rule");
  return bundle;
}

function readSnapshot(snapshot) {
  const found = HEADER.exec(snapshot);
  need(found, "the first lines of the list are malformed");
  const rows = snapshot.slice(found[0].length).split("\n").slice(0, -1);
  need(rows.every((row) => ROW.test(row)), "a line of the list is malformed");
  const crew = rows.map((row) => ({ name: row.slice(0, 40), bet: row.slice(41).split(" ").map(BigInt) }));
  need(crew.every((one, at) => at === 0 || crew[at - 1].name < one.name), "the list is not in order");
  const total = crew.reduce((sum, one) => sum + one.bet[0], 0n);
  need(found[0].endsWith(`total ${crew.length} ${total}\n`), "the sums are wrong");
  return { terms: found.groups, crew };
}

/** Whether a player wins, the multiplier, and the payout. */
async function result(key, message, turn, place, [stake, chance, lowest, highest, bonus]) {
  if ((await throwFairly(key, message, turn, 2 * place - 1, UNIT)) >= chance) return [false, 0n, 0n];
  const multiplier = lowest + (await throwFairly(key, message, turn, 2 * place, highest - lowest + 1n));
  return [true, multiplier, stake + (stake * (multiplier - UNIT) * bonus) / UNIT ** 2n];
}

/** Verify everything; throws the first problem. */
async function verify(raw, say, seen) {
  const bundle = await read(raw);
  const snapshot = `${bundle.snapshot.join("\n")}\n`;
  const { terms, crew } = readSnapshot(snapshot);
  say("The proof file is complete and valid.");
  const hash = await sha256(utf8(snapshot));
  need(hash === bundle.snapshot_sha256, "the list does not match its hash");
  need(seen.every((one) => [hash, terms.commitment].includes(one)), "this page shows different hashes");
  say(`The list (players: ${crew.length.toLocaleString()}) matches its hash. It was frozen ${shown(terms.frozen)}.`);
  need(/^([0-9a-f]{2})+$/.test(bundle.seed) && (await sha256(bytesOf(bundle.seed))) === terms.commitment, "the seed does not match the hash posted at the opening");
  say("The seed matches the hash posted at the opening.");
  await checkBeacon(bundle.beacon, terms);
  if (isPublic(bundle)) {
    need(Number(terms.round) === firstRoundAt(seconds(terms.frozen) + MIN_DELAY_SECONDS), "the rule requires a different round");
    say(`The random number is from round ${terms.round}, published at least ${MIN_DELAY_SECONDS} seconds after the freeze.`);
  } else {
    say("NOT THE PUBLIC BEACON: whoever runs that beacon could have known the result.", "bad");
  }
  const key = await crypto.subtle.importKey("raw", bytesOf(bundle.seed), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const message = new Uint8Array(72);
  message.set(bytesOf(hash));
  message.set(bytesOf(bundle.beacon.randomness), 32);
  const turn = new DataView(message.buffer, 64);
  need(bundle.results.length === crew.length, "results are missing, or too many");
  let won = 0;
  for (const [at, { name, bet }] of crew.entries()) {
    const published = bundle.results[at];
    need(has(published, "account", "multiplier", "payout", "pseudonym", "secret", "won") && published.pseudonym === name, `player ${at + 1} is malformed`);
    const [wins, multiplier, payout] = await result(key, message, turn, at + 1, bet);
    const agrees = published.won === wins && BigInt(published.multiplier) === multiplier && BigInt(published.payout) === payout;
    need(agrees, `player ${at + 1} has a different result by the rule`);
    if (published.account !== null) {
      const own = (await sha256(utf8(`${published.secret} ${published.account}`))).slice(0, 40);
      need(own === name, `player ${at + 1} was replaced by another`);
    }
    const row = document.querySelector(`[data-pseudonym="${name}"]`);
    need(!row || row.dataset.payout === String(payout), `this page shows a different result for player ${at + 1}`);
    won += wins ? 1 : 0;
  }
  const results = crew.length === 1 ? "The one result follows" : `All ${crew.length.toLocaleString()} results follow`;
  say(`${results} from these three: ${won.toLocaleString()} won.`);
  return bundle;
}

const section = document.getElementById("check");
const verdict = document.getElementById("verdict");

function tell(line, look = "") {
  const item = document.createElement("li");
  item.textContent = line;
  item.className = look;
  document.getElementById("checks").append(item);
}

async function check() {
  if (!globalThis.crypto?.subtle) {
    verdict.textContent = "Browsers can verify this only on https pages. The verifier runs the same checks.";
    return;
  }
  try {
    const answer = await fetch(section.dataset.bundle);
    if (!answer.ok) throw new Broken("the proof file cannot be downloaded");
    const raw = new Uint8Array(await answer.arrayBuffer());
    const bundle = await verify(raw, tell, [section.dataset.hash, section.dataset.commitment]);
    verdict.textContent = isPublic(bundle)
      ? "✓ Verified, except whether the random number is really the beacon's."
      : "⚠️ Consistent, but without the public beacon.";
  } catch (error) {
    tell(error instanceof Broken ? error.message : "the proof file is malformed", "bad");
    verdict.textContent = "✕ Not as promised.";
  }
}

if (section) check();
