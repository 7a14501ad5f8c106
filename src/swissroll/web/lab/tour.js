// Eight short stops for a beginner, each beside what it speaks of.

/** Width of the window below which all lies in one column, as in lab.css. */
const PHONE = 900;

const STOPS = [
  {
    at: "panel-data",
    title: "Points on a curve",
    text: "These points are the data, coloured along the curve. A VAE is two small networks, an encoder and a decoder, that learn from such points where they lie.",
  },
  {
    at: "transport",
    title: "It trains now, in this page",
    text: "Play and pause, or make one step. Same start repeats the run exactly; New start draws other first weights.",
  },
  {
    at: "panel-latent",
    title: "A code for each point",
    text: "The encoder gives each point a small Gaussian in latent space, q(z|x): a mean and a spread, not one place.",
  },
  {
    at: "panel-data",
    title: "And back",
    text: "The decoder turns a draw from that Gaussian into a point again: an orange ring. A line joins it to its original.",
  },
  {
    at: "panel-latent",
    title: "Where new points come from",
    text: "Move over the latent space, or tap it: the decoder shows the point that belongs there. Tick “samples”: draws from the prior become green triangles.",
  },
  {
    at: "panel-curves",
    title: "Two costs, one sum",
    text: "Distortion: how badly points come back. Rate: how much the codes tell. Their sum, −ELBO, never falls below the exact −log p(x).",
  },
  {
    at: "knobs",
    title: "Beta weighs them",
    text: "Press Play and turn beta. More beta: blurred points, tidy codes. Less: sharp points, and samples off the curve.",
  },
  {
    at: "presets",
    title: "Now ask",
    text: "Each question begins a run. What happens says in words what came of it. A link keeps any run: copy it.",
  },
];

/**
 * @param {ReturnType<import("./store.js").createStore>} store
 * @returns {() => void} begins the tour
 */
export function mountTour(store) {
  const card = document.createElement("div");
  card.id = "tour-card";
  card.hidden = true;
  card.setAttribute("role", "dialog");
  card.setAttribute("aria-labelledby", "tour-title");
  card.setAttribute("aria-describedby", "tour-text");
  card.tabIndex = -1;
  const title = document.createElement("h2");
  title.id = "tour-title";
  const text = document.createElement("p");
  text.id = "tour-text";
  const buttons = document.createElement("div");
  card.append(title, text, buttons);
  document.body.append(card);

  let stop = 0;
  const close = () => {
    card.hidden = true;
    document.querySelector(".toured")?.classList.remove("toured");
    document.getElementById("tour").focus();
  };
  const show = (next) => {
    stop = next;
    const { at, title: words, text: sentence } = STOPS[stop];
    title.textContent = `${stop + 1} of ${STOPS.length}. ${words}`;
    text.textContent = sentence;
    back.disabled = stop === 0;
    on.textContent = stop === STOPS.length - 1 ? "Done" : "Next";
    document.querySelector(".toured")?.classList.remove("toured");
    const target = document.getElementById(at);
    target.classList.add("toured");
    // On a phone the card lies over the lower end of the window.
    target.scrollIntoView({ block: innerWidth < PHONE ? "start" : "nearest" });
    card.hidden = false;
    place(card, target);
    card.focus();
  };

  const back = tourButton("Back", () => show(stop - 1));
  const on = tourButton("Next", () => (stop === STOPS.length - 1 ? close() : show(stop + 1)));
  on.className = "primary";
  buttons.append(tourButton("Close", close), back, on);
  card.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    else if (event.key === "ArrowRight" && stop < STOPS.length - 1) show(stop + 1);
    else if (event.key === "ArrowLeft" && stop > 0) show(stop - 1);
    else return;
    event.preventDefault();
  });

  const open = () => {
    // Every stop must be in sight.
    if (store.get().view.panel || store.get().view.lecture) store.set({ view: { panel: null, lecture: false } });
    show(0);
  };
  document.getElementById("tour").addEventListener("click", open);
  return open;
}

function tourButton(words, onClick) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = words;
  button.addEventListener("click", onClick);
  return button;
}

/** Beside a target where there is room, else over its lower end. */
function place(card, target) {
  const box = target.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = card;
  const gap = 10;
  const clamp = (value, size, whole) => Math.max(gap, Math.min(value, whole - size - gap));

  let left = box.right + gap;
  if (left + width > innerWidth) left = box.left - width - gap;
  let top = box.top;
  if (left < gap) {
    left = box.left;
    top = box.bottom + gap;
  }
  card.style.left = `${clamp(left, width, innerWidth)}px`;
  card.style.top = `${clamp(top, height, innerHeight)}px`;
}
