// Small building blocks for the DOM. Everything that people wrote goes through text nodes and
// properties; nothing in this page ever parses a string as HTML.

/**
 * Make an element: `h("a", { href, class: "x", onclick: fn, data: { id: 1 } }, "text", child)`.
 * `null`, `undefined` and `false` props and children are left out.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) setProp(element, name, value);
  element.append(...flatten(children));
  return element;
}

function setProp(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "class") element.className = value;
  else if (name === "data") Object.assign(element.dataset, value);
  else if (name === "vars") setVars(element, value);
  else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value") element.value = value;
  else element.setAttribute(name, value === true ? "" : value);
}

// The CSSOM is used because the page's CSP forbids style attributes.
function setVars(element, vars) {
  for (const [name, value] of Object.entries(vars)) {
    if (value !== null && value !== undefined) element.style.setProperty(name, value);
  }
}

function flatten(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined
    && child !== false && child !== "");
}

export const byId = (id) => document.getElementById(id);

/**
 * Bring `parent`'s children in line with `items`, touching only what changed.
 * A child is kept as it is while its key and its signature (any JSON-able value) stay the same, so
 * scroll position, focus and half-typed text survive.
 */
export function reconcile(parent, items, { key, signature = (item) => item, render }) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let cursor = parent.firstElementChild;
  for (const item of items) {
    const id = String(key(item));
    const existing = old.get(id);
    const node = reuseOrRender(existing, item, id, signature, render);
    old.delete(id);
    if (existing === cursor) cursor = node; // it may just have been replaced
    if (node === cursor) cursor = cursor.nextElementSibling;
    else parent.insertBefore(node, cursor);
  }
  for (const node of old.values()) node.remove();
}

function reuseOrRender(existing, item, id, signature, render) {
  const print = JSON.stringify(signature(item));
  if (existing?.print === print) return existing;
  const node = render(item);
  node.dataset.key = id;
  node.print = print;
  if (existing) replaceKeepingFocus(existing, node);
  return node;
}

// A button that is pressed is redrawn by its own effect; the keyboard must not fall off the page.
function replaceKeepingFocus(existing, node) {
  const focusKey = existing.contains(document.activeElement)
    ? document.activeElement.dataset.focus : null;
  existing.replaceWith(node);
  if (focusKey) node.querySelector(`[data-focus="${CSS.escape(focusKey)}"]`)?.focus();
}

/** Run a state change that may add lines at the bottom of `box`; stay at the end if we were there. */
export function keepAtEnd(box, change) {
  const wasAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  change();
  if (wasAtEnd) box.scrollTop = box.scrollHeight;
}

const TOAST_MS = 6000;

/** A short message at the edge of the screen, read out politely. `kind`: "info" | "error" | "good". */
export function toast(text, kind = "info") {
  const note = h("div", { class: `toast toast-${kind}` }, text);
  const box = byId("toasts");
  box.append(note);
  // Shown again each time, so that it is above an open dialog.
  if (box.matches(":popover-open")) box.hidePopover();
  box.showPopover();
  setTimeout(() => {
    note.remove();
    if (!box.childElementCount) box.hidePopover();
  }, TOAST_MS);
}
