/**
 * The worker that trains: it holds runs by name, lets them take steps while they play, and tells the page what happens.
 * Another one of the same script trains nothing: it finds the truth of the moments of a run that the page hands it.
 *
 * A run that follows another one makes exactly its steps, so that the two can be compared.
 */

import { loadKernel } from "./kernel.js";
import { NotFiniteError } from "./not_finite.js";
import { Session } from "./session.js";
import { problemOf } from "./settings.js";
import { Watched } from "./watched.js";

/** Milliseconds of steps between two looks at the messages of the page. */
const SLICE_MS = 8;
/** Milliseconds of work on the truth between two looks, and of rest where it is not time yet. */
const TRUTH_MS = 10;
const WAIT_MS = 15;
/** Milliseconds after a move of the pointer in which the page comes first, and of rest between two slices then. */
const TOUCHED_MS = 120;
const GIVE_WAY_MS = 40;
/** Milliseconds of steps of a run that catches up with another one. */
const CATCH_UP_MS = 40;
/** Milliseconds between two frames of a run. */
const FRAME_MS = 33;
/** Milliseconds over which the speed is measured. */
const SPEED_MS = 500;

/** @type {Map<string, Session>} */
const sessions = new Map();
/** Names of the runs whose last frame the page has not shown yet: a page that is behind gets no further ones. */
const unseen = new Set();
let kernel = null;
/** The run whose truth is found here, and its number. @type {{begun: number, run: Watched} | null} */
let watched = null;
let stepsPerSecond = 0;
const pace = { began: 0, taken: 0, measured: 0, nextFrame: 0 };
let isScheduled = false;
/** Until when the page comes first: where processors are few, it would wait for them. */
let touchedUntil = 0;

// A message to oneself comes back at once, where a timer would wait.
const wakeUp = new MessageChannel();
wakeUp.port1.onmessage = () => {
  isScheduled = false;
  work();
};

function schedule() {
  if (!isScheduled) {
    isScheduled = true;
    wakeUp.port2.postMessage(null);
  }
}

/** Go on at once; a little later where the pointer moves over a picture. */
function goOn(restMs = 0) {
  const rest = performance.now() < touchedUntil ? GIVE_WAY_MS : restMs;
  if (rest > 0) {
    setTimeout(schedule, rest);
  } else {
    schedule();
  }
}

/** The runs that make a run's steps: it and those that follow it. */
function groupOf(name) {
  return [...sessions].filter(([other, session]) => other === name || session.follows === name);
}

function tell(run, message) {
  postMessage({ run, ...message }, transferable(message));
}

/** Buffers of the arrays in a message, which are given away and not copied. */
function transferable(message) {
  const buffers = new Set();
  const visit = (value) => {
    if (ArrayBuffer.isView(value)) {
      buffers.add(value.buffer);
    } else if (value && typeof value === "object") {
      Object.values(value).forEach(visit);
    }
  };
  visit(message);
  return [...buffers];
}

function sendFrame(name) {
  const session = sessions.get(name);
  unseen.add(name);
  tell(name, session.frame(session.isPlaying ? pace.measured : 0));
}

/** Take one slice of steps of each run that plays, and work on what is to be found. */
function work() {
  findTruth();
  const playing = [...sessions].filter(([, session]) => session.isPlaying);
  if (playing.length === 0) {
    return;
  }
  const now = performance.now();
  for (const [name, session] of playing) {
    playSlice(name, session);
  }
  measurePace(now);

  sendDueFrames(playing);
  goOn();
}

/** Send a frame of each run that plays, where it is time and the page has shown the last one. */
function sendDueFrames(playing) {
  const now = performance.now();
  if (now < pace.nextFrame) {
    return;
  }
  const due = playing.flatMap(([name]) => groupOf(name).filter(([member]) => !unseen.has(member)));
  if (due.length > 0) {
    // A frame that is late does not delay those after it.
    pace.nextFrame = Math.max(pace.nextFrame + FRAME_MS, now);
    due.forEach(([member]) => sendFrame(member));
  }
}

/** Work on the truth, and come back as long as there is some to find. */
function findTruth() {
  const found = watched?.run.work(TRUTH_MS);
  if (found) {
    tell("main", { type: "truth", begun: watched.begun, ...found });
  }
  if (!watched || watched.run.isIdle) {
    return;
  }
  const { isWaiting, isUnhurried } = watched.run;
  goOn(isWaiting ? WAIT_MS : isUnhurried ? TRUTH_MS : 0);
}

function playSlice(name, session) {
  const ends = performance.now() + SLICE_MS;
  while (performance.now() < ends && session.isPlaying && isDue()) {
    if (!takeTogether(name, 1)) {
      return;
    }
    pace.taken += 1;
    const reason = session.reasonToStop();
    if (reason) {
      stopGroup(name, reason);
    }
  }
}

/** Whether the chosen speed allows another step by now. */
function isDue() {
  if (stepsPerSecond === 0) {
    return true;
  }
  return pace.taken < ((performance.now() - pace.began) / 1000) * stepsPerSecond + 1;
}

function measurePace(now) {
  const elapsed = now - (pace.markedAt ?? now);
  if (pace.markedAt === undefined || elapsed > SPEED_MS) {
    pace.measured = elapsed > 0 ? ((pace.taken - pace.markedTaken) / elapsed) * 1000 : 0;
    pace.markedAt = now;
    pace.markedTaken = pace.taken;
  }
}

function resetPace() {
  Object.assign(pace, { began: performance.now(), taken: 0, markedAt: undefined, markedTaken: 0 });
}

/** Let a run and its followers take steps; false where the run itself broke. A follower that breaks is left behind. */
function takeTogether(name, count) {
  for (const [member, session] of groupOf(name)) {
    if (takeAlone(member, session, count)) {
      continue;
    }
    if (member === name) {
      stopGroup(name, null);
      return false;
    }
    session.follows = null;
  }
  return true;
}

/** Let one run take steps; false where it broke, which the page is told. */
function takeAlone(name, session, count) {
  try {
    session.take(count);
    return true;
  } catch (error) {
    if (!(error instanceof NotFiniteError)) {
      throw error;
    }
    sendFrame(name);
    tell(name, { type: "problem", sentence: error.message, step: error.step, term: error.term });
    return false;
  }
}

function stopGroup(name, reason) {
  for (const [member, session] of groupOf(name)) {
    session.isPlaying = false;
    sendFrame(member);
    if (reason) {
      tell(member, { type: "stopped", sentence: reason });
    }
  }
}

/** Bring a follower to its leader's step; the page sees it come, and is listened to meanwhile. */
async function catchUp(name, session) {
  const leader = sessions.get(session.follows);
  const isBehind = () => leader && leader.training.taken > session.training.taken && !session.training.isDone;
  while (isBehind() && sessions.get(name) === session) {
    const ends = performance.now() + CATCH_UP_MS;
    while (isBehind() && performance.now() < ends) {
      if (!takeAlone(name, session, 1)) {
        session.follows = null;
        return;
      }
    }
    if (!unseen.has(name)) {
      sendFrame(name);
    }
    await new Promise((done) => setTimeout(done));
  }
}

function requireSession(name) {
  const session = sessions.get(name);
  if (!session) {
    throw new RangeError(`There is no run ${name}. Start it first.`);
  }
  return session;
}

/** What each message does; what it returns is the reply. */
const ACTIONS = {
  async kernel(_, { bytes }) {
    kernel = await loadKernel(bytes);
  },
  async start(run, message) {
    groupOf(run).forEach(([member]) => sessions.delete(member));
    const session = new Session(kernel, message);
    sessions.set(run, session);
    tell(run, session.begin());
    session.caughtUp = catchUp(run, session);
    await session.caughtUp;
    if (sessions.get(run) === session) {
      sendFrame(run);
    }
    return { step: session.step };
  },
  stop(run) {
    sessions.delete(run);
  },
  /** The page has shown the run's last frame, and is ready for the next one. */
  shown(run) {
    unseen.delete(run);
  },
  /** The pointer moves over a picture. */
  touched() {
    touchedUntil = performance.now() + TOUCHED_MS;
  },
  play(run) {
    requireSession(run).isPlaying = true;
    resetPace();
    schedule();
  },
  pause(run) {
    const session = requireSession(run);
    session.isPlaying = false;
    groupOf(run).forEach(([member]) => sendFrame(member));
    return { step: session.step };
  },
  step(run, { count }) {
    const session = requireSession(run);
    takeTogether(run, count);
    groupOf(run).forEach(([member]) => sendFrame(member));
    return { step: session.step };
  },
  speed(_, { steps_per_second }) {
    stepsPerSecond = steps_per_second;
    resetPace();
  },
  async set(run, { beta, lr, steps }) {
    const session = requireSession(run);
    const { training, caughtUp } = session;
    // A knob is turned in both runs at the same step.
    await caughtUp;
    const given = Object.entries({ beta, lr, steps }).filter(([, value]) => value !== undefined);
    for (const [name, value] of given) {
      const problem = problemOf(name, value);
      if (problem) {
        throw new RangeError(problem);
      }
    }
    training.set(Object.fromEntries(given));
    // What stands still is shown with its new knobs at once: numbers that beta decides are not of the one before.
    if (!session.isPlaying) {
      sendFrame(run);
    }
    return { step: training.taken };
  },
  /** Begin to find the truth of a run, whose first message this is. */
  watch(_, { begun, begin }) {
    watched = { begun, run: new Watched(kernel, begin) };
  },
  /** What the page shows of it now. */
  moment(_, { moment }) {
    watched.run.show(moment);
  },
  view(run, { id, type, run: _, ...view }) {
    const session = requireSession(run);
    Object.assign(session.view, view);
    session.isWatched = true;
    sendFrame(run);
  },
  encode: (run, { points }) => requireSession(run).training.encode(points),
  slow_motion: (run, { point, without_trick }) => requireSession(run).slowMotion(point, without_trick),
  state: (run) => ({ state: requireSession(run).training.state(), turns: requireSession(run).training.turns }),
  restore(run, { state }) {
    requireSession(run).restore(state);
    groupOf(run).forEach(([member]) => sendFrame(member));
    return { step: state.step };
  },
  weights(run) {
    const { training, step } = requireSession(run);
    return { step, tensors: training.network.tensors(training.network.parameters), sigma: training.sigma };
  },
  snapshots: (run) => ({ steps: requireSession(run).snapshots.steps }),
  snapshot(run, { step }) {
    const session = requireSession(run);
    session.lookAt(step);
    sendFrame(run);
    return { step: session.step, state: session.shown ?? session.training.state() };
  },
  hash: (run) => ({ hash: requireSession(run).training.hash(), step: requireSession(run).step }),
};

globalThis.onmessage = async ({ data }) => {
  const { id, run, type } = data;
  try {
    if (!Object.hasOwn(ACTIONS, type)) {
      throw new RangeError(`The engine has no message ${type}.`);
    }
    const reply = await ACTIONS[type](run, data);
    postMessage({ type: "reply", id, run, ...reply });
    goOn();
  } catch (error) {
    postMessage({ type: "problem", id, run, sentence: error.message, step: error.step, term: error.term });
  }
};
