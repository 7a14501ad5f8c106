// The commonest mistakes, each trained live beside the right run; and as a game, to be guessed.

import { ALL, NONE, answerTo, hintsOf, nameOf, newRound, withGuess, withHint } from "./bug_game.js";
import { MISTAKES } from "./mistakes.js";
import { OTHER, addPair, endWithMain, startOther, stopOther } from "./pair_view.js";
import { make, write } from "./toggles.js";

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
  const hint = make("button", { type: "button" }, "A hint");
  const giveUp = make("button", { type: "button" }, "Tell me");
  const choices = make("div", { class: "row choices" }, make("span", {}, "Your guess"), guess, say);
  const problem = make("p", { class: "problem", role: "alert" });
  host.append(make("div", { class: "row" }, menu, start, game, hint, giveUp, end), problem, words, choices);

  /** @type {?import("./bug_game.js").Round} What runs beside the right run. */
  let round = null;
  const score = { found: 0, guesses: 0 };
  const title = () => {
    if (!round) return "";
    return round.isHidden ? "the same run, with a mistake or none" : nameOf(round.id);
  };
  const pair = addPair(host, store, { title, told: (sentence) => round && write(description, sentence) });

  const show = () => {
    end.disabled = !store.get().runs?.[OTHER];
    // What begins something is in the way while a mistake is to be guessed, and the other way round.
    const isGuessed = Boolean(round?.isHidden);
    for (const element of [menu, start, game]) element.hidden = isGuessed;
    for (const element of [choices, hint, giveUp]) element.hidden = !isGuessed;
    showGuesses(guess, hint, round);
    showWords(words, round, score);
    if (!round) write(description, "Nothing is broken.");
    pair.refresh();
  };

  const begin = async (id, isGame) => {
    round = newRound(id, isGame);
    write(problem, "");
    show();
    try {
      const isThere = await startOther(store, engine, { mistake: id === NONE ? null : id });
      if (isThere && !store.get().running) await actions?.togglePlay?.();
    } catch (error) {
      write(problem, error.message);
    }
    show();
  };

  const goOn = (next) => {
    round = next;
    show();
    actions?.announce?.(words.innerText);
  };
  say.addEventListener("click", () => {
    score.guesses += 1;
    const next = withGuess(round, guess.value);
    if (!next.isHidden) score.found += 1;
    goOn(next);
    (next.isHidden ? guess : game).focus();
  });
  hint.addEventListener("click", () => goOn(withHint(round)));
  giveUp.addEventListener("click", () => {
    goOn({ ...round, isHidden: false });
    game.focus();
  });

  start.addEventListener("click", () => begin(menu.value, false));
  game.addEventListener("click", () => {
    const ids = ALL.filter((id) => id !== round?.id);
    begin(ids[Math.floor(Math.random() * ids.length)], true);
    guess.focus();
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
}

/** What was guessed cannot be guessed again. */
function showGuesses(guess, hint, round) {
  if (!round?.isHidden) return;
  for (const option of guess.options) option.disabled = round.guesses.includes(option.value);
  if (guess.selectedOptions[0]?.disabled !== false) guess.value = ALL.find((id) => !round.guesses.includes(id));
  hint.disabled = round.hints === hintsOf(round.id).length;
}

function showWords(words, round, score) {
  words.replaceChildren();
  if (!round) {
    words.append(make("p", { class: "quiet" }, "A common mistake is trained beside the right run, from the same start, with the same data and noise."));
    return;
  }
  const answer = answerTo(round, score);
  if (round.isHidden) {
    words.append(make("p", {}, answer ? make("strong", {}, answer) : "Watch both, then say what is wrong with the second run."));
    showHints(words, hintsOf(round.id).slice(0, round.hints));
    return;
  }
  if (round.isGame) words.append(make("p", {}, make("strong", {}, answer)));
  if (round.id === NONE) {
    words.append(make("p", {}, "Both runs are the same run: what differs between good runs is chance, and here not even that."));
    return;
  }
  showLines(words, MISTAKES.find(({ id }) => id === round.id));
}

/** The last hint, and those before it folded away: the pictures stay in sight. */
function showHints(words, hints) {
  if (!hints.length) return;
  words.append(make("p", {}, make("b", {}, `Hint ${hints.length}. `), hints.at(-1)));
  if (hints.length === 1) return;
  const before = hints.slice(0, -1).map((text) => make("li", {}, text));
  words.append(make("details", {}, make("summary", {}, "Hints before"), make("ol", {}, ...before)));
}

function showLines(words, { wrong, right, effect }) {
  const lines = make("div", { class: "lines" });
  for (const [label, line] of [
    ["wrong", wrong],
    ["right", right],
  ])
    lines.append(make("span", {}, label), make("code", { class: label }, line));
  words.append(lines, make("p", {}, effect));
}
