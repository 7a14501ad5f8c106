// Puts the page together: the store, the engine, and everything that shows or changes them.

import { createActions } from "./actions.js";
import { mountBar } from "./bar.js";
import { mount as mountBreakIt } from "./break_it.js";
import { mount as mountCurvesPanel } from "./curves_panel.js";
import { mount as mountDataPanel } from "./data_panel.js";
import { createEngine } from "./engine_client.js";
import { mount as mountExports } from "./exports.js";
import { mount as mountLatentPanel } from "./latent_panel.js";
import { mountLayout } from "./layout.js";
import { mount as mountOwnData } from "./own_data.js";
import { mount as mountSlowMotion } from "./slow_motion.js";
import { mount as mountSmallSweep } from "./small_sweep.js";
import { createStore } from "./store.js";
import { mount as mountStoryPanel } from "./story_panel.js";
import { mount as mountTwinPanel } from "./twin_panel.js";

const MOUNTS = {
  "panel-data": mountDataPanel,
  "panel-latent": mountLatentPanel,
  "panel-curves": mountCurvesPanel,
  "tool-story": mountStoryPanel,
  "tool-slow": mountSlowMotion,
  "tool-twin": mountTwinPanel,
  "tool-break": mountBreakIt,
  "tool-sweep": mountSmallSweep,
  "tool-own": mountOwnData,
  "tool-export": mountExports,
};

const store = createStore();
const engine = createEngine(store);
const actions = createActions(store, engine);

mountLayout(store);
mountBar(store, actions);
for (const [id, mount] of Object.entries(MOUNTS)) {
  mount(document.getElementById(id), store, engine, actions);
}

actions.start({ settings: store.get().settings, preset: store.get().preset, plays: true });
