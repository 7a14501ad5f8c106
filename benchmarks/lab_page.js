// Sends the page's jobs to a worker, and writes what they gave, as JSON, into the element `result`.

import { kernelBytes, startWorker } from "./parts.js";

const worker = startWorker();
const write = (value) => {
  document.getElementById("result").textContent = JSON.stringify(value);
};
worker.onmessage = ({ data }) => write(data);
worker.onerror = ({ message }) => write({ error: message });

kernelBytes().then((bytes) => {
  worker.postMessage({ bytes, jobs: JSON.parse(document.getElementById("jobs").textContent) });
});
