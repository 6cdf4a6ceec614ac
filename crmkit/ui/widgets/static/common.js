// Shared by all widgets: elements, icons, words. Data becomes text nodes only, never markup.

const SVG = "http://www.w3.org/2000/svg";

// JupyterLab takes keys for commands ("b" adds a cell) unless the very element in focus says no.
const KEEPS_KEYS = ["data-lm-suppress-shortcuts", "true"];
const TAKES_KEYS = new Set(["button", "input", "select"]);

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (TAKES_KEYS.has(tag) || "tabindex" in attributes) node.setAttribute(...KEEPS_KEYS);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const SHAPES = {
  new: "M8 3.5v9M3.5 8h9",
  changed: "M10.5 3 13 5.5 6 12.5l-3 .5.5-3z",
  unchanged: "M3.5 6h9M3.5 10h9",
  skipped: "M4 4l5 4-5 4zM12 4v8",
  held_back: "M5.5 4v8M10.5 4v8",
  problem: "M8 2.5 14 13H2zM8 6.5v3M8 11.3v.2",
  none: "M5 8h6",
  done: "M3.5 8.5 6.5 11.5 12.5 4.5",
  locked: "M4 7.5h8V13H4zM5.5 7.5V5.5a2.5 2.5 0 0 1 5 0v2",
  stale: "M12.5 6A5 5 0 1 0 13 9.5M12.8 3v3.2H9.6",
  up: "M8 13V3.5M4 7.5l4-4 4 4",
  down: "M8 3v9.5M4 8.5l4 4 4-4",
  right: "M6 3.5 10.5 8 6 12.5",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4M10.2 10.2 13.5 13.5",
  upload: "M8 11V3M4.5 6.5 8 3l3.5 3.5M2.8 10.5v2.7h10.4v-2.7",
  error: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M8 4.8v4M8 11v.2",
  warning: "M8 2.5 14 13H2zM8 6.5v3M8 11.3v.2",
  info: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M8 7.2v4M8 4.8V5",
  success: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M5.3 8.3l1.9 1.9 3.6-4",
};

function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "ck-icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name] ?? SHAPES.none);
  svg.append(path);
  return svg;
}

const STATUS_WORDS = {
  new: "New",
  changed: "Changed",
  unchanged: "Unchanged",
  skipped: "Skipped",
  held_back: "Held back",
  problem: "Problem",
};

function statusChip(status) {
  if (!status || status === "none") return make("span", { class: "ck-none" }, "–");
  const known = status in STATUS_WORDS;
  return make(
    "span",
    { class: `ck-status ck-is-${known ? status : "none"}` },
    icon(known ? status : "none"),
    known ? STATUS_WORDS[status] : String(status),
  );
}

// Where the page belongs to the host and a busy kernel is normal. Voilà borrows JupyterLab's shell,
// so the class of that says nothing.
function inLab() {
  return document.querySelector("#jp-main-dock-panel, body[data-notebook]") !== null;
}

const COUNT = new Intl.NumberFormat("en");

// Listens to a model for as long as the view lives.
function listen(model, handlers) {
  for (const [event, handler] of Object.entries(handlers)) model.on(event, handler);
  return () => {
    for (const [event, handler] of Object.entries(handlers)) model.off(event, handler);
  };
}
