"""The worker as the page speaks to it: messages in, messages out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import Node

WORKER_SCRIPT = """
const waiting = new Map();
const told = [];
let last = 0;
globalThis.postMessage = (message, transfer = []) => {
  const copy = structuredClone(message, { transfer });
  if (copy.id === undefined) told.push(copy);
  else waiting.get(copy.id)(copy);
};
await load("worker.js");
const ask = (run, type, fields = {}) => new Promise((resolve) => {
  last += 1;
  waiting.set(last, resolve);
  globalThis.onmessage({ data: { id: last, run, type, ...fields } });
});
const of = (run, type) => told.filter((message) => message.run === run && message.type === type);
const end = (value) => { answer(value); process.exitCode = 0; setTimeout(() => process.exit(0), 50); };
await ask(undefined, "kernel", { bytes: readFileSync(LAB + "/kernel.wasm") });
const small = { hidden_dim: 8, depth: 1, batch_size: 16, steps: 400 };
"""


def test_a_run_is_a_function_of_its_settings_alone(node: Node) -> None:
    script = """
    const hashAfter = async (run, settings, steps) => {
      await ask(run, "start", { settings });
      for (const count of steps) await ask(run, "step", { count });
      return (await ask(run, "hash")).hash;
    };
    end([
      await hashAfter("a", small, [100]),
      await hashAfter("b", small, [1, 33, 66]),
      await hashAfter("c", { ...small, seed: 43 }, [100]),
    ]);
    """
    first, again, other = node(WORKER_SCRIPT + script)
    assert len(first) == 64
    assert first == again
    assert first != other


def test_looking_changes_no_bit_of_a_run(node: Node) -> None:
    script = """
    await ask("a", "start", { settings: small });
    await ask("b", "start", { settings: small });
    await ask("a", "step", { count: 60 });
    await ask("b", "step", { count: 60 });
    await ask("b", "slow_motion", { point: 7, without_trick: false });
    const traced = await ask("b", "slow_motion", { point: 7, without_trick: true });
    const looked = await ask("b", "snapshot", { step: 20 });
    await ask("a", "step", { count: 40 });
    await ask("b", "step", { count: 40 });
    end({
      hashes: [(await ask("a", "hash")).hash, (await ask("b", "hash")).hash],
      traced: traced.stages, looked: looked.step,
    });
    """
    found = node(WORKER_SCRIPT + script)
    assert found["hashes"][0] == found["hashes"][1]
    assert found["looked"] == 20
    assert found["traced"]["gradients"]["mu"] is None
    assert found["traced"]["gradients"]["z"] != [0, 0]


def test_a_branch_and_knobs_that_were_turned_come_out_the_same(node: Node) -> None:
    script = """
    await ask("a", "start", { settings: small });
    await ask("a", "step", { count: 50 });
    await ask("a", "set", { beta: 0.5 });
    await ask("a", "step", { count: 50 });
    const { hash } = await ask("a", "hash");
    const { turns } = await ask("a", "state");

    // From the snapshot of step 50, with the knobs as they are: the same steps again.
    const { state } = await ask("a", "snapshot", { step: 50 });
    await ask("a", "restore", { state });
    await ask("a", "step", { count: 50 });
    const branched = (await ask("a", "hash")).hash;

    // From the start, with the turns that were recorded.
    await ask("b", "start", { settings: { ...small, turns } });
    await ask("b", "step", { count: 100 });
    end({ hashes: [hash, branched, (await ask("b", "hash")).hash], turns });
    """
    found = node(WORKER_SCRIPT + script)
    assert found["turns"] == [{"step": 50, "beta": 0.5}]
    assert len(set(found["hashes"])) == 1


def test_a_twin_that_catches_up_lets_others_be_heard(node: Node) -> None:
    script = """
    const answered = [];
    const note = (name, promise) => promise.then((reply) => { answered.push(name); return reply; });
    await ask("main", "start", { settings: { ...small, steps: 5000 } });
    await ask("main", "step", { count: 4000 });
    const twin = note("twin", ask("twin", "start", { settings: { ...small, steps: 5000 }, follows: "main" }));
    await note("main", ask("main", "hash"));
    await twin;
    end({ answered, hashes: [(await ask("main", "hash")).hash, (await ask("twin", "hash")).hash] });
    """
    found = node(WORKER_SCRIPT + script)
    assert found["answered"] == ["main", "twin"]
    assert found["hashes"][0] == found["hashes"][1]


def test_a_twin_makes_the_steps_of_the_run_that_it_follows(node: Node) -> None:
    script = """
    await ask("main", "start", { settings: small });
    await ask("main", "step", { count: 30 });
    await ask("twin", "start", { settings: { ...small, beta: 1 }, follows: "main" });
    await ask("main", "step", { count: 20 });
    const steps = [(await ask("main", "hash")).step, (await ask("twin", "hash")).step];

    // One that breaks is left behind.
    await ask("twin", "start", { settings: { ...small, lr: 1e6 }, follows: "main" });
    await ask("main", "step", { count: 20 });
    const { step } = await ask("main", "hash");
    end({ steps, main: step, problems: of("twin", "problem"), mine: of("main", "problem") });
    """
    found = node(WORKER_SCRIPT + script)
    assert found["steps"] == [50, 50]
    assert found["main"] == 70
    assert found["mine"] == []
    (problem,) = found["problems"]
    assert problem["term"] in {"reconstruction", "KL", "loss", "gradient"}
    assert f"at step {problem['step']}" in problem["sentence"]


def test_a_run_ends_with_its_steps_and_fits_its_prior_then(node: Node) -> None:
    script = """
    const best = { ...small, components: 4, refit_prior: true, steps: 30 };
    await ask("main", "start", { settings: best });
    await ask("main", "step", { count: 29 });
    const before = (await ask("main", "weights")).tensors;
    await ask("main", "play");
    while (of("main", "stopped").length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const after = await ask("main", "weights");
    const columns = of("main", "frame").map(({ rows }) => rows.held_out_rate ?? []);
    end({ before, after: after.tensors, step: after.step, rates: columns.flat(), stopped: of("main", "stopped") });
    """
    found = node(WORKER_SCRIPT + script)
    assert found["step"] == 30
    assert "30 steps are done" in found["stopped"][0]["sentence"]
    moved = [
        abs(a - b)
        for a, b in zip(found["before"]["prior.means"]["values"], found["after"]["prior.means"]["values"], strict=True)
    ]
    # One step of Adam moves a weight by about the learning rate, 0.001.
    assert max(moved) > 0.01
    assert found["rates"][-1] is not None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hidden_dim": 320}, "hidden_dim must be a whole number"),
        ({"beta": -1}, "beta must be"),
        ({"activation": "gelu"}, "activation must be one of"),
        ({"batch": 3}, "batch is no setting"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(node: Node, settings: dict[str, Any], said: str) -> None:
    found = node(WORKER_SCRIPT + 'end(await ask("main", "start", { settings: input }));', settings)
    assert found["type"] == "problem"
    assert said in found["sentence"]


def test_what_stands_still_is_shown_with_the_knobs_of_its_step(node: Node) -> None:
    script = """
    await ask("main", "start", { settings: small });
    await ask("main", "step", { count: 60 });
    const frames = () => of("main", "frame").map(({ step, beta, sigma, true_beta }) => [step, beta, sigma, true_beta]);
    const before = frames().length;
    await ask("main", "set", { beta: 0.5 });
    await ask("main", "snapshot", { step: 20 });
    await ask("main", "snapshot", { step: null });
    end(frames().slice(before));
    """
    found = node(WORKER_SCRIPT + script)
    # sigma^2 = beta D / (2 L).
    assert found == [[60, 0.5, 0.5, 1], [20, 0.01, pytest.approx(0.005**0.5), 1], [60, 0.5, 0.5, 1]]


def test_an_annealed_beta_has_a_true_beta_of_its_own_at_each_step(node: Node) -> None:
    script = """
    await ask("main", "start", { settings: { ...small, steps: 100, beta: 0.01, beta_start: 1 } });
    await ask("main", "step", { count: 35 });
    await ask("main", "step", { count: 65 });
    end(of("main", "frame").map(({ step, beta, sigma, true_beta }) => [step, beta, sigma, true_beta]));
    """
    found = {step: [beta, sigma, true_beta] for step, beta, sigma, true_beta in node(WORKER_SCRIPT + script)}
    # Geometric over 70 % of the steps: half of the way at step 35.
    assert found[0] == pytest.approx([1, 0.005**0.5, 100])
    assert found[35] == pytest.approx([0.1, 0.005**0.5, 10], rel=1e-5)
    assert found[100] == pytest.approx([0.01, 0.005**0.5, 1])


def test_the_truth_of_the_last_moment_is_told_however_fast_moments_come(node: Node) -> None:
    """The same steps with other weights, too, as of a run that was set back."""
    script = """
    const look = { density: true, posterior: true, plane: [0, 1], point: 0, is_still: true };
    await ask("main", "start", { settings: small });
    await ask("main", "view", { mesh: false, samples: false, plane: [0, 1] });
    await ask("main", "watch", { begun: 1, begin: of("main", "begin")[0] });
    const shown = [];
    for (let k = 0; k < 6; k++) {
      await ask("main", "step", { count: 5 });
      const frame = of("main", "frame").at(-1);
      shown.push(frame.step);
      await ask("main", "moment", { moment: { ...frame, view: look } });
    }
    const frame = of("main", "frame").at(-1);
    const found = (name) => told.filter((message) => message.type === "truth" && message[name]).at(-1)?.[name];
    const rest = async (step) => {
      while (!["density", "posterior", "diagnosis"].every((name) => found(name)?.step === step))
        await new Promise((done) => setTimeout(done, 20));
      return [found("density").log_density.reduce((a, b) => a + b), found("evidence").value];
    };
    const first = await rest(30);
    const parameters = frame.parameters.map((value) => value * 1.1);
    await ask("main", "moment", { moment: { ...frame, parameters, view: look } });
    while ((await rest(30))[1] === first[1]) await new Promise((done) => setTimeout(done, 20));
    end({ shown, first, second: await rest(30) });
    """
    found = node(WORKER_SCRIPT + script)
    assert found["shown"] == [5, 10, 15, 20, 25, 30]
    assert found["first"][0] != found["second"][0]
