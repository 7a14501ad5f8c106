// Runs jobs on the lab's worker: each starts a run, takes steps, and answers with its speed and the hash of its weights.

import { kernelBytes, startWorker } from "./parts.js";

/** Steps before the clock starts: compiled code gets faster in the first ones. */
const WARM_UP = 100;
/** Steps that are asked for at once. */
const BURST = 50;

const worker = startWorker();
const waiting = new Map();
let last = 0;

worker.onmessage = ({ data }) => {
  if (data.id === undefined) return;
  const { resolve, reject } = waiting.get(data.id);
  waiting.delete(data.id);
  if (data.type === "problem") reject(new Error(data.sentence));
  else resolve(data);
};

function ask(type, fields = {}) {
  last += 1;
  const id = last;
  worker.postMessage({ id, run: "main", type, ...fields });
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

async function take(steps) {
  for (let taken = 0; taken < steps; taken += BURST) {
    await ask("step", { count: Math.min(BURST, steps - taken) });
  }
}

async function run({ settings, steps }) {
  await ask("start", { settings });
  await take(Math.min(WARM_UP, steps));
  const began = performance.now();
  await take(steps - WARM_UP);
  const seconds = (performance.now() - began) / 1000;
  const { hash } = await ask("hash");
  return { steps_per_second: (steps - WARM_UP) / seconds, hash };
}

async function runAll() {
  await ask("kernel", { bytes: await kernelBytes() });
  const results = [];
  for (const job of JSON.parse(document.getElementById("jobs").textContent)) {
    results.push(await run(job));
  }
  return results;
}

const result = document.getElementById("result");
runAll().then(
  (results) => {
    result.textContent = JSON.stringify(results);
  },
  (error) => {
    result.textContent = JSON.stringify({ error: error.message });
  },
);
