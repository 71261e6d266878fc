// A message box: text, Enter to send, and a line above while one replies. Both panes use it.
import { h } from "./dom.js";

/**
 * `{id, send(text, replyTo) -> Promise, onInput(text), onKey(event) -> handled}`. The returned
 * object has `element`, `input`, `setPlaceholder`, `setHint`, `replyTo(id, words)`, `refuse`.
 */
export function messageBox({ id, send, onInput = () => {}, onKey = () => false }) {
  let reply = null;
  const input = h("textarea", { id, rows: 1, maxlength: 4000, autocomplete: "off",
    spellcheck: "false", oninput: () => onInput(input.value), onkeydown: pressed });
  const button = h("button", { type: "button", class: "main-button send", onclick: submit }, "Send");
  const above = h("div", { class: "replying", hidden: true });
  const hint = h("p", { class: "hint", id: `${id}-hint` });
  const frame = h("div", { class: "box" }, input, button);
  input.setAttribute("aria-describedby", hint.id);

  function pressed(event) {
    if (event.isComposing || onKey(event)) return;
    if (event.key === "Escape" && reply) { replyTo(null); return; }
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    submit();
  }

  async function submit() {
    const text = input.value.trim();
    if (!text || input.disabled) return;
    input.value = "";
    onInput("");
    const to = reply;
    replyTo(null);
    // What was refused is given back, unless something new was typed meanwhile.
    if (!(await send(text, to)) && !input.value) input.value = text;
  }

  function replyTo(messageId, words = "") {
    reply = messageId;
    above.hidden = messageId === null;
    above.replaceChildren(h("span", {}, "Replying to ", h("b", {}, words)),
      h("button", { type: "button", class: "icon-button", "aria-label": "Do not reply",
        onclick: () => replyTo(null) }, "×"));
    if (messageId !== null) input.focus();
  }

  return {
    element: h("div", {}, above, frame, hint),
    input,
    replyTo,
    setPlaceholder(text) {
      input.placeholder = text;
      input.setAttribute("aria-label", text);
    },
    setHint: (...nodes) => hint.replaceChildren(...nodes),
    refuse(reason) {
      input.disabled = button.disabled = Boolean(reason);
      frame.classList.toggle("refused", Boolean(reason));
      if (reason) this.setPlaceholder(reason);
    },
  };
}
