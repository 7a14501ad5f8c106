// Which panel, which tool and which theme are shown.

/** The tools of the fourth panel, by id: their tab's words. */
export const TOOLS = {
  story: "What happens",
  slow: "Slow motion",
  twin: "Twin",
  break: "Break it",
  sweep: "Sweep",
  own: "Own data",
  export: "Export",
};

/** The panels that can take the whole area. */
export const PANELS = ["data", "latent", "curves", "tools"];

/**
 * @param {ReturnType<import("./store.js").createStore>} store
 */
export function mountLayout(store) {
  mountTabs(store);
  for (const name of PANELS) mountEnlarge(store, name);
  mountTheme(store);
  mountColumn();
  store.subscribe((state, changed) => {
    if (changed.has("view")) showLayout(state);
  });
  showLayout(store.get());
}

/** In one column the knobs come after the pictures that they change, for the keyboard too; else they stand at their left. */
function mountColumn() {
  const isColumn = matchMedia("(max-width: 899px)");
  const place = () => document.getElementById(isColumn.matches ? "main" : "sidebar").append(document.getElementById("knobs"));
  isColumn.addEventListener("change", place);
  place();
}

function mountTabs(store) {
  const list = document.getElementById("tabs");
  const names = Object.keys(TOOLS);
  for (const name of names) {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.id = `tab-${name}`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", `tool-${name}`);
    tab.textContent = TOOLS[name];
    tab.addEventListener("click", () => store.set({ view: { tool: name } }));
    list.append(tab);
  }

  list.addEventListener("keydown", (event) => {
    const moves = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const at = names.indexOf(store.get().view.tool);
    const place = wrap(at, moves[event.key], names.length);
    store.set({ view: { tool: names[place] } });
    document.getElementById(`tab-${names[place]}`).focus();
  });
}

function wrap(at, move, count) {
  if (move === -Infinity) return 0;
  if (move === Infinity) return count - 1;
  return (at + move + count) % count;
}

function mountEnlarge(store, name) {
  const panel = document.getElementById(`panel-${name}`);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "enlarge plain";
  button.append(drawIcon("large"));
  button.addEventListener("click", () => enlarge(store, store.get().view.panel === name ? null : name));
  panel.append(button);
}

/**
 * Give one panel the whole area; null shows all four.
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {string | null} name
 */
export function enlarge(store, name) {
  store.set({ view: { panel: name } });
}

function mountTheme(store) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const showTheme = () => {
    const theme = store.get().view.theme ?? (dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    document.getElementById("theme").textContent = theme === "dark" ? "Light" : "Dark";
    document.getElementById("theme").setAttribute("aria-label", theme === "dark" ? "Light colours" : "Dark colours");
  };
  dark.addEventListener("change", () => store.set({ view: {} }));
  // Paper is white: what is drawn on canvases for it must be, too.
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.theme = "light";
  });
  addEventListener("afterprint", () => store.set({ view: {} }));
  document.getElementById("theme").addEventListener("click", () => {
    const isDark = document.documentElement.dataset.theme === "dark";
    store.set({ view: { theme: isDark ? "light" : "dark" } });
  });
  store.subscribe((_, changed) => {
    if (changed.has("view")) showTheme();
  });
  showTheme();
}

function showLayout({ view }) {
  for (const name of Object.keys(TOOLS)) {
    const isShown = view.tool === name;
    const tab = document.getElementById(`tab-${name}`);
    tab.setAttribute("aria-selected", String(isShown));
    tab.tabIndex = isShown ? 0 : -1;
    document.getElementById(`tool-${name}`).hidden = !isShown;
  }

  const panels = document.getElementById("panels");
  if (view.panel) panels.dataset.enlarged = view.panel;
  else delete panels.dataset.enlarged;
  for (const name of PANELS) {
    const button = document.querySelector(`#panel-${name} .enlarge`);
    const title = document.getElementById(`panel-${name}-title`).textContent;
    const words = view.panel === name ? "Show all panels" : `Enlarge: ${title}`;
    button.setAttribute("aria-label", words);
    button.title = words;
    button.setAttribute("aria-pressed", String(view.panel === name));
  }
}

// The page's policy refuses markup from text.
function drawIcon(name) {
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("class", "icon");
  icon.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  icon.append(use);
  return icon;
}
