// The draw's page: repeats the draw from its proof file and finds a viewer's entry. Nothing is sent
// anywhere unless the reader asks the beacon. The same steps as docs/verify_draw.py, in the same order.
import { Broken, QUICKNET, isPublic, keptRound, sha256, shown, verify } from "./verify.js";

const byId = (id) => document.getElementById(id);

for (const time of document.querySelectorAll("time")) {
  time.title = time.textContent;
  time.textContent = shown(time.dateTime);
}

async function check(section) {
  const verdict = byId("verdict");
  if (!globalThis.crypto?.subtle) {
    verdict.textContent = "Browsers can verify this only on https pages. The verifier below runs the same checks.";
    return;
  }
  verdict.textContent = "Verifying …";
  const seen = [section.dataset.hash, section.dataset.commitment];
  try {
    const answer = await fetch(section.dataset.bundle);
    if (!answer.ok) throw new Broken("the proof file cannot be downloaded");
    const bundle = await verify(new Uint8Array(await answer.arrayBuffer()), tell, seen, nameOf);
    if (isPublic(bundle)) {
      conclude("ok", "✓ Verified, except whether the random number is really the beacon's.");
      offer(section.dataset.beacon, bundle.beacon);
    } else if (!keptRound(bundle)) {
      conclude("bad", "✕ Not as promised.");
    } else {
      conclude("warn", "⚠️ Consistent, but without the public beacon.");
    }
  } catch (error) {
    const why = error instanceof Broken ? error.message : "the proof file is malformed";
    tell(why, "bad");
    conclude("bad", "✕ Not as promised.");
  }
}

const nameOf = (k) => document.querySelector(`[data-pick="${k}"]`)?.dataset.name;

function conclude(look, words) {
  const verdict = byId("verdict");
  verdict.textContent = words;
  verdict.className = `verdict ${look}`;
}

/** Browsers cannot verify the beacon's signature, so ask the beacon for its description and round. */
function offer(address, beacon) {
  const offered = byId("ask");
  const button = offered.querySelector("button");
  offered.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const info = await ask(address.replace(/\/public\/.*/, "/info"));
      const round = await ask(address);
      offered.hidden = true;
      const isQuicknet = Object.entries(QUICKNET).every(([name, value]) => info[name] === value);
      if (isQuicknet && round.signature === beacon.signature) {
        tell(`The beacon confirms round ${beacon.round}.`);
        conclude("ok", "✓ Verified: this is the only possible result.");
      } else {
        tell(isQuicknet ? `The beacon has a different number for round ${beacon.round}.` : "This is not the public beacon.", "bad");
        conclude("bad", "✕ Not as promised.");
      }
    } catch {
      button.disabled = false;
      offered.querySelector("span").textContent = "The beacon can't be reached from here. Its round is linked below, and the verifier can ask it with --online.";
    }
  });
}

async function ask(address) {
  const answer = await fetch(address, { credentials: "omit" });
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json();
}

function tell(line, look = "") {
  const item = document.createElement("li");
  item.textContent = line;
  item.className = look;
  byId("checks").append(item);
}

const count = (number, one) => `${number.toLocaleString()} ${one}${number === 1 ? "" : "s"}`;

async function find(section, written) {
  const found = byId("found");
  const [secret, account] = written.trim().split(/\s+/);
  if (!secret || !account) {
    found.textContent = "This isn't a code from /raffleproof.";
    return;
  }
  const pseudonym = (await sha256(new TextEncoder().encode(`${secret} ${account}`))).slice(0, 40);
  const list = await (await fetch(section.dataset.list)).text();
  const line = list.split("\n").find((row) => row.startsWith(`${pseudonym} `));
  found.textContent = line
    ? `✓ ${account} is entry ${pseudonym}, with ${count(Number(line.split(" ")[1]), "ticket")}.`
    : "✕ This list doesn't contain that entry.";
}

/** Count down to the beacon's number, then reload the page until it shows the draw. */
function countDown(label) {
  const left = Math.ceil((new Date(label.dataset.due) - Date.now()) / 1000);
  if (left <= 0) {
    label.textContent = "drawing …";
    setTimeout(() => location.reload(), 5000);
    return;
  }
  const minutes = Math.floor(left / 60);
  label.textContent = `the number is published in ${minutes}:${String(left % 60).padStart(2, "0")}`;
  setTimeout(() => countDown(label), 1000);
}

const countdown = byId("countdown");
if (countdown?.dataset.due) countDown(countdown);

const section = byId("check");
if (section) check(section);

const mine = byId("mine");
if (mine) {
  mine.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    find(mine, byId("proof").value);
  });
  findByLink();
  addEventListener("hashchange", findByLink);
}

/** The part after # is not sent to any server, so the link of /raffleproof keeps its secret. */
function findByLink() {
  const proof = new URLSearchParams(location.hash.slice(1)).get("proof");
  if (!proof) return;
  byId("proof").value = proof;
  find(mine, proof);
}
