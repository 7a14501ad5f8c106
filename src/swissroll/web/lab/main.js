// Puts the page together: the store, the engine, and everything that shows or changes them.

import { createActions } from "./actions.js";
import { mountAddress } from "./address.js";
import { mountBar } from "./bar.js";
import { mount as mountBreakIt } from "./break_it.js";
import { mountControls } from "./controls.js";
import { mount as mountCurvesPanel } from "./curves_panel.js";
import { mount as mountDataPanel } from "./data_panel.js";
import { createEngine } from "./engine_client.js";
import { mount as mountExports } from "./exports.js";
import { mountKeyboard } from "./keyboard.js";
import { mount as mountLatentPanel } from "./latent_panel.js";
import { mountLayout } from "./layout.js";
import { mountLecture } from "./lecture.js";
import { mount as mountOwnData } from "./own_data.js";
import { givenStart } from "./parts.js";
import { mountPresets, openPreset } from "./presets.js";
import { mountPrintSummary } from "./print_summary.js";
import { mount as mountSlowMotion } from "./slow_motion.js";
import { mount as mountSmallSweep } from "./small_sweep.js";
import { createStore } from "./store.js";
import { mount as mountStoryPanel } from "./story_panel.js";
import { mountTimeline } from "./timeline.js";
import { mountTour } from "./tour.js";
import { mount as mountTwinPanel } from "./twin_panel.js";
import { mountWeightsHash } from "./weights_hash.js";

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

const find = (id) => document.getElementById(id);

mountLayout(store);
mountBar(store, actions);
mountPresets(find("presets"), store, actions);
mountControls(find("knobs"), store, actions);
mountTimeline(find("timeline"), store, engine, actions);
mountWeightsHash(find("weights-hash"), store, engine);
mountPrintSummary(find("print-summary"), store);
const lecture = mountLecture(find("scenes"), store, actions);
const openTour = mountTour(store);
const { openAddress, copyLink } = mountAddress(store, actions);
mountKeyboard(store, actions, { openTour, copyLink, toggleLecture: lecture.toggle, moveScene: lecture.move });
for (const [id, mount] of Object.entries(MOUNTS)) mount(find(id), store, engine, actions);

if (openAddress()) actions.announce("The run of the link begins.");
else givenStart().then((given) => (given ? actions.open(given) : openPreset("first", store, actions)));
