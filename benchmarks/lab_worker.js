// Runs jobs that a page sends, and answers with what they gave.

import { loadKernel } from "./kernel.js";
import { runJob } from "./lab_job.js";
import { Training } from "./training.js";

globalThis.onmessage = async ({ data: { bytes, jobs } }) => {
  const kernel = await loadKernel(bytes);
  globalThis.postMessage(jobs.map((job) => runJob(Training, kernel, job)));
};
