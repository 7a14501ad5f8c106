// The commonest mistakes, each trained live beside the right run; and as a game, to be guessed.

import { MISTAKES } from "./mistakes.js";
import { OTHER, addPair, endWithMain, startOther, stopOther } from "./pair_view.js";
import { make, write } from "./toggles.js";

/** The trap of the game: no mistake at all. */
const NONE = "none";
const BY_ID = new Map(MISTAKES.map((mistake) => [mistake.id, mistake]));
const ALL = [...BY_ID.keys(), NONE];

/**
 * Mount the tool.
 * @param {HTMLElement} element with a .host and a .description
 * @param {object} store
 * @param {object} engine
 * @param {object} actions
 */
export function mount(element, store, engine, actions) {
  const host = element.querySelector(".host");
  const description = element.querySelector(".description");
  const menu = make("select", { name: "mistake", "aria-label": "Mistake" });
  for (const { id, name } of MISTAKES) menu.append(make("option", { value: id }, name));
  const start = make("button", { type: "button", class: "primary" }, "Break it");
  const game = make("button", { type: "button" }, "Guess the bug");
  const end = make("button", { type: "button" }, "Mend it");
  const words = make("div", { class: "mistake" });
  const guess = make("select", { name: "guess", "aria-label": "Your guess" });
  for (const id of ALL) guess.append(make("option", { value: id }, nameOf(id)));
  const say = make("button", { type: "button" }, "That is it");
  const choices = make("div", { class: "row choices" }, make("span", {}, "Your guess"), guess, say);
  const problem = make("p", { class: "problem", role: "alert" });
  host.append(make("div", { class: "row" }, menu, start, game, end), problem, words, choices);

  /** What runs, and what is known of it: {id, isHidden, guess}. */
  let round = null;
  const score = { right: 0, of: 0 };
  const title = () => {
    if (!round) return "";
    return round.isHidden ? "the same run, with a mistake or none" : nameOf(round.id);
  };
  const pair = addPair(host, store, { title, told: (sentence) => round && write(description, sentence) });

  const show = () => {
    end.disabled = !store.get().runs?.[OTHER];
    choices.hidden = !round?.isHidden;
    // While one is to be guessed, the menu of mistakes would only be in the way.
    menu.hidden = Boolean(round?.isHidden);
    start.hidden = menu.hidden;
    showWords(words, round, score);
    pair.refresh();
  };

  const begin = async (id, isGame) => {
    round = { id, isHidden: isGame, guess: null };
    write(problem, "");
    show();
    try {
      await startOther(store, engine, { mistake: id === NONE ? null : id });
      if (!store.get().running) await actions?.togglePlay?.();
    } catch (error) {
      write(problem, error.message);
    }
    show();
  };

  say.addEventListener("click", () => {
    if (!round?.isHidden) return;
    round = { ...round, guess: guess.value, isHidden: false };
    score.of += 1;
    if (guess.value === round.id) score.right += 1;
    show();
    actions?.announce?.(words.textContent);
    game.focus();
  });

  start.addEventListener("click", () => begin(menu.value, false));
  game.addEventListener("click", () => {
    const ids = ALL.filter((id) => id !== round?.id);
    begin(ids[Math.floor(Math.random() * ids.length)], true);
  });
  end.addEventListener("click", async () => {
    round = null;
    await stopOther(store, engine);
    show();
  });
  endWithMain(store, engine, () => {
    round = null;
    show();
  });
  let wasThere = false;
  store.subscribe((state, changed) => {
    if (!changed.has("runs")) return;
    const other = state.runs?.[OTHER];
    const isThere = Boolean(other);
    // A twin has taken the place of the broken run.
    if (round && other?.begin && (other.begin.settings?.mistake ?? NONE) !== round.id) round = null;
    if (isThere !== wasThere) {
      wasThere = isThere;
      show();
    }
  });
  show();
  write(description, "Nothing is broken.");
}

function nameOf(id) {
  return id === NONE ? "no mistake at all" : BY_ID.get(id).name;
}

function showWords(words, round, score) {
  words.replaceChildren();
  if (!round) {
    words.append(make("p", { class: "quiet" }, "A common mistake is trained beside the right run, from the same start, with the same data and noise."));
    return;
  }
  if (round.isHidden) {
    const hint = BY_ID.get(round.id)?.hint ?? "Are the two runs different at all?";
    const help = make("details", {}, make("summary", {}, "A hint"), make("p", {}, hint));
    words.append(make("p", {}, "Watch both, then say what is wrong with the second run."), help);
    return;
  }
  if (round.guess) {
    const isRight = round.guess === round.id;
    const result = isRight ? `Right: “${nameOf(round.id)}”.` : `No: it was “${nameOf(round.id)}”.`;
    words.append(make("p", {}, make("strong", {}, result), ` ${score.right} of ${score.of} guessed.`));
  }
  if (round.id === NONE) {
    words.append(make("p", {}, "Both runs are the same run: what differs between good runs is chance, and here not even that."));
    return;
  }
  const { wrong, right, effect } = BY_ID.get(round.id);
  const lines = make("div", { class: "lines" });
  for (const [label, line] of [
    ["wrong", wrong],
    ["right", right],
  ])
    lines.append(make("span", {}, label), make("code", { class: label }, line));
  words.append(lines, make("p", {}, effect));
}
