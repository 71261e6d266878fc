// The draw's page: works the draw out again from its bundle, and finds a viewer's own line. Nothing
// leaves this device unless the beacon is to be asked. The same steps as docs/verify_draw.py, in the same order.
import { Broken, isPublic, sha256, verify } from "./verify.js";

const byId = (id) => document.getElementById(id);

for (const time of document.querySelectorAll("time")) {
  time.title = time.textContent;
  time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

async function check(section) {
  const verdict = byId("verdict");
  if (!globalThis.crypto?.subtle) {
    verdict.textContent = "Your browser does arithmetic like this on https pages only; the verifier below does the same.";
    return;
  }
  verdict.textContent = "Working it out …";
  const seen = [section.dataset.hash, section.dataset.commitment];
  try {
    const answer = await fetch(section.dataset.bundle);
    if (!answer.ok) throw new Broken("the bundle cannot be had");
    const bundle = await verify(new Uint8Array(await answer.arrayBuffer()), tell, seen);
    if (isPublic(bundle)) {
      conclude("ok", "✓ The draw had to come out like this, if its number is the beacon's.");
      offer(section.dataset.beacon, bundle.beacon);
    } else {
      conclude("warn", "⚠️ As promised, but without the public beacon.");
    }
  } catch (error) {
    const why = error instanceof Broken ? error.message : "the bundle is not as it has to be";
    tell(why, "bad");
    conclude("bad", "✕ Not as promised.");
  }
}

function conclude(look, words) {
  const verdict = byId("verdict");
  verdict.textContent = words;
  verdict.className = `verdict ${look}`;
}

/** The signature is too long to be checked here: whoever wants to know asks the beacon itself. */
function offer(address, beacon) {
  const offered = byId("ask");
  const button = offered.querySelector("button");
  offered.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const answer = await fetch(address, { credentials: "omit" });
      if (!answer.ok) throw new Error(answer.statusText);
      const told = await answer.json();
      offered.hidden = true;
      if (told.signature === beacon.signature) {
        tell(`The beacon says the same of its round ${beacon.round}.`);
        conclude("ok", "✓ All is as promised: this draw had to come out like this.");
      } else {
        tell(`The beacon says another number of its round ${beacon.round}.`, "bad");
        conclude("bad", "✕ Not as promised.");
      }
    } catch {
      button.disabled = false;
      offered.querySelector("span").textContent = "The beacon cannot be reached from here. Its round is linked below, and the verifier asks it with --online.";
    }
  });
}

function tell(line, look = "") {
  const item = document.createElement("li");
  item.textContent = line;
  item.className = look;
  byId("checks").append(item);
}

async function find(section, written) {
  const found = byId("found");
  const [secret, account] = written.trim().split(/\s+/);
  if (!secret || !account) {
    found.textContent = "That is not such a line.";
    return;
  }
  const pseudonym = (await sha256(new TextEncoder().encode(`${secret} ${account}`))).slice(0, 40);
  const list = await (await fetch(section.dataset.list)).text();
  const line = list.split("\n").find((row) => row.startsWith(`${pseudonym} `));
  found.textContent = line
    ? `✓ ${account} is line ${pseudonym}, with ${Number(line.slice(41)).toLocaleString()} tickets.`
    : "✕ There is no such line in this list.";
}

/** Until the beacon's number is there; then the page is asked for again until it shows the draw. */
function countDown(label) {
  const left = Math.ceil((new Date(label.dataset.due) - Date.now()) / 1000);
  if (left <= 0) {
    label.textContent = "drawing …";
    setTimeout(() => location.reload(), 5000);
    return;
  }
  const minutes = Math.floor(left / 60);
  label.textContent = `the number is made in ${minutes}:${String(left % 60).padStart(2, "0")}`;
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

/** What follows # is not sent to any server: the link of /raffleproof keeps its secret. */
function findByLink() {
  const proof = new URLSearchParams(location.hash.slice(1)).get("proof");
  if (!proof) return;
  byId("proof").value = proof;
  find(mine, proof);
}
