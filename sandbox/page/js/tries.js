// "Try this": clickable suggestions, with a mark when done.
import { byId, h } from "./dom.js";
import { memory } from "./session.js";

// `say` goes to Kick chat, `type` as text and `slash` as a command to Discord; `do` is a stream act.
// `in` is the Discord channel to open: the bot answers there.
const TRIES = [
  { id: "live", as: "nora", do: "live", what: ["Go live"], where: "on Kick as NoraPlays" },
  { id: "call", as: "mia", say: "!call Book of Dead", in: "slot-calls",
    where: "in Kick chat as MadCats" },
  { id: "sr", as: "leo", say: "!sr Wanted", in: "slot-calls", where: "in Kick chat as lil bean" },
  { id: "status", as: "nora", slash: "slotcalls status", in: "slot-calls",
    where: "in #slot-calls as NoraPlays" },
  { id: "panel", as: "nora", slash: "setup_link_panel", in: "general",
    where: "in #general as NoraPlays" },
  { id: "raffle", as: "nora", slash: "rafflestart", in: "raffle", where: "in #raffle as NoraPlays" },
  { id: "tickets", as: "mia", slash: "tickets", in: "general", where: "in #general as MadCats" },
  { id: "board", as: "mia", type: "!leaderboard 5", in: "general", where: "in #general as MadCats" },
  { id: "health", as: "nora", slash: "health", in: "bot-log", where: "in #bot-log as NoraPlays" },
];

/** `app` as in discord.js; `app.be(person, places)` switches and returns the new view. */
export function tries(app) {
  const list = byId("tries");
  const done = new Set(memory.get("tried") ?? []);
  byId("hide-tries").addEventListener("click", () => hide(true));
  hide(Boolean(memory.get("tries-hidden")));
  draw();

  function hide(hidden) {
    byId("hide-tries").closest("section").hidden = hidden;
    memory.set("tries-hidden", hidden);
  }

  function draw() {
    list.replaceChildren(...TRIES.map((one, index) => h("li", {}, h("button", {
      type: "button", class: done.has(one.id) ? "try done" : "try", data: { try: one.id },
      onclick: () => run(one) },
    h("span", { class: "mark", "aria-hidden": "true" }, done.has(one.id) ? "✓" : String(index + 1)),
    h("b", {}, words(one)), h("small", {}, one.where,
      done.has(one.id) && h("span", { class: "unseen" }, ", done"))))));
  }

  async function run(one) {
    const tab = one.type || one.slash ? "discord" : "kick";
    const view = app.be(one.as, { tab, named: one.in });
    if (!(await perform(one, view))) return;
    done.add(one.id);
    memory.set("tried", [...done]);
    draw();
    list.querySelector(`[data-try="${one.id}"]`)?.focus();
  }

  function perform(one, view) {
    const channel = view.stream?.handle;
    if (one.do === "live" && view.stream?.is_live) {
      app.say("The stream is already live.", "good");
      return true;
    }
    if (one.do === "live") return app.act("kick/live", { channel });
    if (one.say) return app.act("kick/chat", { person: view.me, channel, text: one.say });
    const where = { person: view.me, channel: view.channel.id };
    if (one.type) return app.act("discord/message", { ...where, content: one.type });
    return app.interact("discord/slash", { ...where, command: one.slash, options: {} }, view);
  }
}

function words(one) {
  if (one.what) return one.what;
  return ["Write ", h("code", {}, one.say ?? one.type ?? `/${one.slash}`)];
}
