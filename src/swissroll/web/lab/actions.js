// What a reader can do with a run. Buttons, keys, links and the tour all call these.

import { FIELDS, LIVE, NOTEBOOK, checkSettings } from "./settings.js";
import { verdictOf } from "./story_panel.js";
import { currentRun } from "./summary.js";
import { sayRows } from "./table.js";

const MAX_TURNS = 500;
/** Steps of a replay between two looks at whether it is still wanted. */
const REPLAY_BURST = 200;

/**
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {ReturnType<import("./engine_client.js").createEngine>} engine
 */
export function createActions(store, engine) {
  let begun = 0;
  let isTurning = false;
  let wanted = null;

  /** Say something through the page's live region. */
  function announce(sentence) {
    const region = document.getElementById("announcer");
    region.textContent = "";
    requestAnimationFrame(() => {
      region.textContent = sentence;
    });
  }

  function tellProblem(error) {
    store.set({ notes: [error.message] });
  }

  /**
   * Begin the main run from its first step.
   * @param {Object} options
   * @param {Object} options.settings
   * @param {Object | null} [options.points] own points; by default those that are there
   * @param {Object} [options.recorded] what is known of the run already: {state, snapshots, history}
   * @param {string} [options.preset] the preset that these settings are
   * @param {boolean} [options.plays] by default whether the run before was playing
   * @param {{to: number} | null} [options.replay] the step that a replay of this run goes to
   * @returns {Promise<boolean>} whether it began; a later start or a problem ends an earlier one
   */
  async function start({ settings, points = store.get().points, recorded = {}, preset = "", ...how }) {
    const { plays = isGoing(), replay: way = null } = how;
    begun += 1;
    const own = begun;
    wanted = null;
    store.set({
      settings,
      started: { ...settings },
      turns: [],
      points,
      preset,
      running: false,
      replay: way,
      notes: [],
      selection: { point: null, latent: null },
      timeline: { steps: [], at: null },
      view: planeFor(settings.latent_dim),
    });

    try {
      await engine.start("main", settings, { points, ...recorded });
      if (own !== begun) return false;
      await engine.speed("main", store.get().speed);
      if (plays && own === begun) play();
      return own === begun;
    } catch (error) {
      if (own === begun) {
        store.set({ replay: null });
        tellProblem(error);
      }
      return false;
    }
  }

  /** The plane of latent space that a reader picked, where the model has its two dimensions; else the first. */
  function planeFor(latentDim) {
    const { plane, isPlanePicked } = store.get().view;
    const isThere = plane[0] !== plane[1] && Math.max(...plane) < latentDim;
    return isThere && isPlanePicked ? { plane } : { plane: [0, Math.min(1, latentDim - 1)], isPlanePicked: false };
  }

  /** Go on training, from the snapshot that is looked at where there is one. */
  async function play() {
    if (store.get().timeline.at !== null) await branch();
    store.set({ running: true });
    try {
      await lengthen();
      // Paused by now, it stays so.
      if (store.get().running) await engine.play("main");
    } catch (error) {
      store.set({ running: false });
      tellProblem(error);
    }
  }

  /** Give a run that is at its last step as many steps again, where no schedule ends there. */
  async function lengthen() {
    const { settings, runs } = store.get();
    const hasSchedule = settings.lr_schedule !== "constant" || settings.beta_start !== null || settings.refit_prior;
    if (hasSchedule || currentStep() < settings.steps || !runs.main) return;
    const steps = Math.min(2 * settings.steps, FIELDS.steps.high);
    await engine.set("main", { steps });
    store.set({ settings: { steps }, started: { ...store.get().started, steps } });
  }

  async function pause() {
    endReplay();
    store.set({ running: false });
    await engine.pause("main").catch(tellProblem);
  }

  async function togglePlay() {
    if (!isGoing()) {
      announce("Training.");
      return play();
    }
    await pause();
    const verdict = foundVerdict();
    announce(`Paused at step ${currentStep()}. ${verdict}`.trim());
    if (!verdict) announceVerdict();
  }

  /** The verdict on the model that stands still; empty until it is found: that of some steps ago may be another. */
  function foundVerdict() {
    const { runs, running } = store.get();
    const run = runs.main && currentRun(runs.main, running);
    return run?.truth?.diagnosis ? verdictOf(run).sentence : "";
  }

  /** Say the verdict on the model that stands still, once it is found. */
  function announceVerdict() {
    const step = currentStep();
    const end = store.subscribe(({ running }) => {
      const verdict = foundVerdict();
      const isOver = running || currentStep() !== step;
      if (!isOver && !verdict) return;
      end();
      if (!isOver) announce(`Step ${step}. ${verdict}`);
    });
  }

  /** Whether steps are made, or a link's run is on its way. */
  function isGoing() {
    return store.get().running || store.get().replay !== null;
  }

  /** Make a number of steps, then stand still. */
  async function step(count = 1) {
    if (isGoing()) await pause();
    if (store.get().timeline.at !== null) await branch();
    try {
      await lengthen();
      await engine.step("main", count);
    } catch (error) {
      tellProblem(error);
    }
  }

  function setSpeed(stepsPerSecond) {
    store.set({ speed: stepsPerSecond });
    return engine.speed("main", stepsPerSecond).catch(tellProblem);
  }

  /**
   * Make the model anew with some settings changed, and begin from its first step.
   * @param {Object} patch settings by name
   * @param {{points?: Object | null}} [options] own points; null goes back to a distribution
   */
  function rebuild(patch, { points = store.get().points } = {}) {
    const { settings, problems } = checkSettings({ ...store.get().settings, ...patch });
    if (problems.length) {
      store.set({ notes: problems });
      return Promise.resolve(false);
    }
    return start({ settings, points });
  }

  /** Turn beta or lr while the run goes on. */
  async function turn(name, value) {
    if (!LIVE.includes(name)) throw new RangeError(`${name} does not change while a run goes on.`);
    const { problems } = checkSettings({ ...store.get().settings, [name]: value });
    if (problems.length) {
      store.set({ notes: problems });
      return;
    }

    store.set({ settings: { [name]: value }, preset: "" });
    wanted = { ...wanted, [name]: value };
    if (isTurning) return;
    isTurning = true;
    try {
      while (wanted) {
        const knobs = wanted;
        wanted = null;
        const reply = await engine.set("main", knobs);
        recordTurns(knobs, reply.step ?? currentStep());
      }
    } catch (error) {
      tellProblem(error);
    } finally {
      isTurning = false;
    }
  }

  function recordTurns(knobs, step) {
    const { started, turns } = store.get();
    if (step === 0) {
      store.set({ started: { ...started, ...knobs } });
      return;
    }
    const kept = turns.filter((turned) => turned.step !== step || !(turned.name in knobs));
    const added = Object.entries(knobs).map(([name, value]) => ({ step, name, value }));
    store.set({ turns: [...kept, ...added].slice(-MAX_TURNS) });
  }

  function currentStep() {
    return store.get().runs.main?.frame?.step ?? 0;
  }

  /** Same start: the same first weights, data and noise, with the knobs as they are now. */
  function restart() {
    announce("Same start: step 0.");
    return start({ settings: store.get().settings, preset: store.get().preset });
  }

  /** New start: the next seed. */
  function newStart() {
    const { settings } = store.get();
    const seed = settings.seed < Number.MAX_SAFE_INTEGER ? settings.seed + 1 : 0;
    announce(`New start: seed ${seed}.`);
    return start({ settings: { ...settings, seed } });
  }

  /** Look at a snapshot; training stands still meanwhile. Null goes back to the run's last step. */
  async function look(stepNumber) {
    if (isGoing()) await pause();
    store.set({ timeline: { at: stepNumber } });
    await engine.snapshot("main", stepNumber).catch(tellProblem);
  }

  /** Make the snapshot that is looked at the run's last step, so that training goes on from there. */
  async function branch() {
    const { at } = store.get().timeline;
    if (at === null) return;
    const turns = store.get().turns.filter((turned) => turned.step <= at);
    const settings = { ...store.get().settings };
    for (const name of LIVE) settings[name] = valueAt(name, turns);

    try {
      const { state } = await engine.snapshot("main", at);
      // The engine keeps its knobs as they are now, unless they are turned back.
      await engine.set("main", Object.fromEntries(LIVE.map((name) => [name, settings[name]])));
      await engine.restore("main", state);
      forgetRows(at);
      store.set({ turns, settings, timeline: { at: null, steps: store.get().timeline.steps.filter((s) => s <= at) } });
      announce(`The run goes on from step ${at}.`);
    } catch (error) {
      tellProblem(error);
    }
  }

  /** The curves end where the run does. */
  function forgetRows(last) {
    const { history } = store.get().runs.main;
    const kept = (history.step ?? []).filter((step) => step <= last).length;
    const columns = Object.entries(history).map(([name, column]) => [name, column.slice(0, kept)]);
    store.setRun("main", { history: Object.fromEntries(columns) });
  }

  function valueAt(name, turns) {
    const last = turns.filter((turned) => turned.name === name).at(-1);
    return last ? last.value : store.get().started[name];
  }

  /**
   * Give a recorded run again: its steps, with its knobs turned where they were turned.
   * @param {{settings: Object, points: Object | null, turns: Object[], step: number, plays: boolean, preset: string}} run
   */
  async function replay({ settings, points, turns, step: last, plays, preset }) {
    const way = last > 0 ? { to: last } : null;
    const hasStarted = await start({ settings, points, preset, plays: false, replay: way });
    if (!hasStarted) return;
    const own = begun;

    let at = 0;
    // In bursts, so that a long replay can be ended.
    const goTo = async (step) => {
      while (at < step && own === begun) {
        const count = Math.min(REPLAY_BURST, step - at);
        await engine.step("main", count);
        at += count;
        // A run that broke has no further steps.
        if (store.get().runs.main?.problem) at = last;
      }
    };
    try {
      for (const turned of turns) {
        await goTo(turned.step);
        if (own !== begun) return;
        if (store.get().runs.main?.problem) break;
        await engine.set("main", { [turned.name]: turned.value });
        store.set({ settings: { [turned.name]: turned.value }, turns: [...store.get().turns, turned] });
      }
      await goTo(last);
      if (own !== begun) return;
      store.set({ replay: null });
      if (plays) play();
    } catch (error) {
      if (own !== begun) return;
      store.set({ replay: null });
      tellProblem(error);
    }
  }

  /**
   * Begin with what the page was given: settings, and a recorded run where there is one.
   * @param {{settings: Object, points?: Object, name?: string, state?: Object, snapshots?: Object[], history?: Object}} given
   */
  async function open({ settings: given, points = null, name, state, snapshots, history, plane }) {
    // A run's settings also say how it was recorded and on what device, which is nothing to this page.
    const known = Object.entries(given).filter(([setting]) => Object.hasOwn(FIELDS, setting));
    const { settings, problems } = checkSettings({ ...NOTEBOOK, ...Object.fromEntries(known) });
    const isRecorded = Boolean(state || snapshots?.length);
    const hasStarted = await start({ settings, points, recorded: { state, snapshots, history }, plays: !isRecorded });
    if (!hasStarted) return;
    if (plane && settings.latent_dim > 2) store.set({ view: { plane, isPlanePicked: true } });
    const words = `The recorded run ${name}: scrub its timeline, or press Play to continue training here.`;
    const told = points ? [sayRows(points)] : [];
    store.set({ notes: [...problems, ...(isRecorded && name ? [words] : []), ...told] });
  }

  function endReplay() {
    if (store.get().replay === null) return;
    begun += 1;
    store.set({ replay: null });
  }

  return {
    announce,
    start,
    play,
    pause,
    togglePlay,
    step,
    setSpeed,
    rebuild,
    turn,
    restart,
    newStart,
    look,
    branch,
    replay,
    open,
  };
}
