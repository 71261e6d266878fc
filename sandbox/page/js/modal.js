// A modal that the bot opened: text fields and select menus in a dialog.
import { choicesOf, optionsOf } from "./components.js";
import { byId, h } from "./dom.js";
import { markdown } from "./markdown.js";

const PARAGRAPH = 2;
const TEXT_INPUT = 4;

/** Show `modal`; `send(fields)` carries `{custom_id: value}` and may throw a refusal. */
export function openModal(modal, { guild, names, send }) {
  const dialog = byId("modal");
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const form = h("form", { class: "sheet-body", onsubmit: (event) => submit(event) },
    modal.components.map((one) => part(one, { guild, names })), problem,
    h("div", { class: "sheet-foot" },
      h("button", { type: "button", class: "plain-button", onclick: () => dialog.close() }, "Cancel"),
      h("button", { type: "submit", class: "main-button" }, "Submit")));

  async function submit(event) {
    event.preventDefault();
    try {
      dialog.close();
      await send(fieldsOf(form));
    } catch (refusal) {
      problem.textContent = refusal.message;
      problem.hidden = false;
      dialog.showModal();
    }
  }

  dialog.replaceChildren(
    h("div", { class: "sheet-head" }, h("h2", { id: "modal-title" }, modal.title),
      h("button", { type: "button", class: "icon-button", "aria-label": "Close",
        onclick: () => dialog.close() }, "×")),
    form);
  dialog.showModal();
  form.querySelector("input, textarea, select")?.focus();
}

// Rows hold one input with its own label (old form), labels hold one component (new form).
function part(one, place) {
  if (one.type === 1) return one.components.map((child) => field(child, child, place));
  if (one.type === 18) return field(one.component, one, place);
  if (one.type === 10) return h("div", { class: "md" }, markdown(one.content, place.names));
  return h("p", { class: "md-small" }, `This page cannot show fields of type ${one.type}.`);
}

function field(input, label, { guild }) {
  const id = `modal-${input.custom_id}`;
  const required = input.required !== false;
  return h("div", { class: "field" },
    h("label", { for: id }, label.label, required && h("span", { class: "must" }, " *")),
    label.description && h("small", {}, label.description),
    control(input, { id, name: input.custom_id, required }, guild));
}

function control(input, props, guild) {
  if (input.type !== TEXT_INPUT) {
    const many = (input.max_values ?? 1) > 1;
    return h("select", { ...props, multiple: many },
      !many && h("option", { value: "" }, input.placeholder ?? "Make a selection"),
      optionsOf(choicesOf(input, guild)));
  }
  const text = { ...props, placeholder: input.placeholder, minlength: input.min_length,
    maxlength: input.max_length, value: input.value ?? "", autocomplete: "off" };
  return input.style === PARAGRAPH ? h("textarea", { ...text, rows: 4 }) : h("input", text);
}

function fieldsOf(form) {
  const fields = {};
  for (const input of form.querySelectorAll("[name]")) {
    fields[input.name] = input instanceof HTMLSelectElement
      ? [...input.selectedOptions].map((option) => option.value).filter(Boolean) : input.value;
  }
  return fields;
}
