// What players do at Shuffle: wager and sign up; and the most common problems of its API.
import { byId, h, reconcile } from "./dom.js";
import { isOn } from "./faults.js";

const BETS = [10, 100, 1000];
const FAULTS = [["shuffle.error_object", "Error object", true], ["shuffle.busy_s", "429", 5],
  ["shuffle.down", "Down", true]];

/** `app` as in discord.js. Returns `render(view)`. */
export function shuffleCard(app) {
  const card = byId("shuffle");
  const player = h("select", { id: "shuffle-player", onchange: () => drawTotal() });
  const total = h("output", { for: "shuffle-player" });
  const name = h("input", { type: "text", id: "shuffle-name", autocomplete: "off" });
  const code = h("input", { type: "text", id: "shuffle-code", autocomplete: "off" });
  let view = null;

  const button = (label, what, run) => h("button", { type: "button", class: "plain-button",
    data: { shuffle: what }, onclick: run }, label);
  const together = (label, ...rest) => h("span", { class: "together", role: "group",
    "aria-label": label }, h("span", { class: "caption" }, label), rest);
  const chosen = () => players().find((one) => one.username === player.value) ?? players()[0];
  const players = () => view?.state.shuffle?.players ?? [];

  card.append(
    h("summary", {}, "Shuffle"),
    h("div", { class: "support" },
      h("label", { for: player.id }, "Player"), player, total,
      together("Wager", BETS.map((bet) => button(`$${bet.toLocaleString("en")}`, `wager-${bet}`,
        () => wager(bet)))),
      button("Reset total", "fall", fallBack),
      together("Answer with", FAULTS.map(([fault, label, on]) => button(label, fault,
        () => flip(fault, on)))),
      h("form", { class: "together", "aria-label": "Sign up at Shuffle", onsubmit: signUp },
        h("label", { for: name.id }, "New player"), name,
        h("label", { for: code.id }, "with code"), code,
        h("button", { class: "plain-button" }, "Sign up"))));

  function wager(amount) {
    const { username } = chosen();
    app.act("shuffle/wager", { username, amount: String(amount) },
      `${username} wagered $${amount.toLocaleString("en")}.`);
  }

  function fallBack() {
    const { username, campaign_code } = chosen();
    app.act("shuffle/player", { username, campaign_code, wagered: "0" },
      `The total of ${username} is now $0.`);
  }

  function flip(fault, on) {
    const known = view.state.faults[fault];
    app.act("faults", { [fault]: isOn(known) ? known.default : on });
  }

  async function signUp(event) {
    event.preventDefault();
    const username = name.value.trim();
    const campaign_code = code.value.trim();
    if (!username || !campaign_code) return;
    const done = `${username} signed up with code ${campaign_code}.`;
    if (await app.act("shuffle/player", { username, campaign_code, wagered: "0" }, done)) name.value = "";
  }

  function drawTotal() {
    const one = chosen();
    const amount = Number(one?.wagered).toLocaleString("en", { style: "currency", currency: "USD" });
    total.textContent = one ? `${amount} in total, code ${one.campaign_code}` : "";
  }

  return function render(next) {
    view = next;
    card.hidden = !players().length;
    reconcile(player, players(), { key: (one) => one.username, signature: (one) => one.username,
      render: (one) => h("option", { value: one.username }, one.username) });
    if (!code.value && code !== document.activeElement) code.value = players()[0]?.campaign_code ?? "";
    drawTotal();
    for (const [fault] of FAULTS) {
      const known = view.state.faults[fault];
      card.querySelector(`[data-shuffle="${fault}"]`).setAttribute("aria-pressed",
        String(Boolean(known) && isOn(known)));
    }
  };
}
