"""What other programs write, in small: the same six snapshots of eight samples in every layout that is imported."""

import csv
import json
import pickle

import numpy as np

T, N, C = 6, 8, 3
STEPS = [0, 5, 10, 15, 20, 25]
LABELS = np.random.default_rng(11).integers(0, C, (T, N))
LABELS[:, 0] = [0, 1, 2, 0, 1, 2]
TRUE = np.arange(N) % C
NAMES = ["ant", "bee", "cat"]
IDS = [f"s{i:02d}" for i in range(N)]
LOSS = np.linspace(1, 0.5, T)

LAYOUTS = {}


def layout(steps=STEPS, split="train", **has):
    """Register what writes a layout into an empty folder and returns the sources."""

    def register(write):
        LAYOUTS[write.__name__] = (write, list(steps), split, has)
        return write

    return register


def scores(labels, seed=3):
    """Return scores that are largest for the label, at a tie with all higher classes."""
    below = np.random.default_rng(seed).random((*labels.shape, C))
    return np.where(np.arange(C) >= labels[..., None], 2.0, below)


def shuffled(t):
    """Return the samples in the order of a snapshot of its own."""
    return np.random.default_rng(t).permutation(N)


def table(path, header, rows, separator=","):
    with open(path, "w", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator)
        writer.writerows(([header] if header else []) + [list(row) for row in rows])
    return [path]


def jsonl(path, records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


# ---- pickles ---------------------------------------------------------------------------------------------------


def run_of(predictions):
    return {
        step: {"predictions": predictions[t], "loss": LOSS[t], "accuracy": 1 - LOSS[t], "test_score": 0.1 * t}
        for t, step in enumerate(STEPS)
    }


def pickled(folder, content, protocol=4):
    (folder / "run.pkl").write_bytes(pickle.dumps(content, protocol))
    return [folder / "run.pkl"]


@layout(scalars=("loss", "accuracy", "test_accuracy"))
def pickle_of_the_authors(folder):
    return pickled(folder, run_of(LABELS))


@layout(scalars=("loss", "accuracy", "test_accuracy"))
def pickle_of_lists(folder):
    return pickled(folder, run_of(LABELS.tolist()), 2)


@layout(scalars=("loss",), scored=True)
def pickle_of_scores(folder):
    return pickled(folder, run_of(scores(LABELS).astype("f4")), 5)


@layout(scored=True)
def pickle_of_lists_of_scores(folder):
    return pickled(folder, run_of(scores(LABELS).tolist()))


@layout(named=True)
def pickle_of_text(folder):
    return pickled(folder, dict(zip(map(str, STEPS), np.array(NAMES)[LABELS], strict=True)))


@layout(range(T))
def pickle_of_a_list(folder):
    return pickled(folder, list(LABELS))


@layout(range(T))
def pickle_of_an_array(folder):
    return pickled(folder, np.asfortranarray(LABELS.astype(">i2")))


# ---- numpy -----------------------------------------------------------------------------------------------------


@layout(range(T))
def npy(folder):
    np.save(folder / "run.npy", LABELS)
    return [folder / "run.npy"]


@layout(range(T), options=("--axis", "1"))
def npy_transposed(folder):
    np.save(folder / "run.npy", LABELS.T)
    return [folder / "run.npy"]


@layout(range(T))
def npy_in_fortran_order(folder):
    np.save(folder / "run.npy", np.asfortranarray(LABELS.astype("f8")))
    return [folder / "run.npy"]


@layout(range(T), scored=True)
def npy_of_scores(folder):
    np.save(folder / "run.npy", scores(LABELS))
    return [folder / "run.npy"]


@layout(range(T), named=True)
def npy_of_text(folder):
    np.save(folder / "run.npy", np.array(NAMES)[LABELS])
    return [folder / "run.npy"]


@layout(scalars=("loss",), true=True, named=True)
def npz(folder):
    np.savez(folder / "run.npz", labels=LABELS, epochs=STEPS, loss=LOSS, targets=TRUE, class_names=NAMES)
    return [folder / "run.npz"]


@layout(options=("--axis", "1"))
def npz_transposed(folder):
    np.savez(folder / "run.npz", predictions=LABELS.T, steps=np.array(STEPS))
    return [folder / "run.npz"]


@layout()
def npz_of_numbered_arrays(folder):
    np.savez(folder / "run.npz", **{f"epoch_{step}": LABELS[t] for t, step in enumerate(STEPS)})
    return [folder / "run.npz"]


@layout(range(T))
def npz_without_a_name(folder):
    np.savez_compressed(folder / "run.npz", LABELS)
    return [folder / "run.npz"]


# ---- one file for each snapshot --------------------------------------------------------------------------------


@layout()
def folder_of_npy(folder):
    for t, step in enumerate(STEPS):
        np.save(folder / f"resnet18_epoch_{step}.npy", LABELS[t].astype("u1"))
    (folder / ".hidden").write_text("x")
    (folder / "notes.md").write_text("x")
    return [folder]


@layout(scored=True)
def files_of_scores(folder):
    for t, step in enumerate(STEPS):
        np.savez(folder / f"epoch={step}-loss={LOSS[t]:.1f}.npz", scores(LABELS[t]))
    return sorted(folder.iterdir())


@layout(ids=True, true=True, named=True, shuffled=True)
def folder_of_csv(folder):
    for t, step in enumerate(STEPS):
        rows = [(IDS[i], NAMES[LABELS[t, i]], NAMES[TRUE[i]]) for i in shuffled(t)]
        table(folder / f"preds_{step:03d}.csv", ("id", "label", "true"), rows)
    return [folder]


@layout(ids=True, scored=True, named=True)
def folder_of_csv_scores(folder):
    for t, step in enumerate(STEPS):
        rows = [(i, *row) for i, row in zip(IDS, scores(LABELS[t]), strict=True)]
        table(folder / f"preds_{step:03d}.csv", ("id", *(f"score_{name}" for name in NAMES)), rows)
    return [folder]


@layout(named=True)
def folder_of_text(folder):
    for t, step in enumerate(STEPS):
        (folder / f"epoch_{step}.txt").write_text("".join(NAMES[label] + "\r\n" for label in LABELS[t]))
    return [folder]


# ---- CSV -------------------------------------------------------------------------------------------------------


@layout(ids=True, true=True, named=True)
def csv_wide(folder):
    rows = [(IDS[i], NAMES[TRUE[i]], *(NAMES[c] for c in LABELS[:, i])) for i in range(N)]
    return table(folder / "run.csv", ("id", "true", *(f"epoch_{step}" for step in STEPS)), rows)


@layout()
def csv_wide_of_numbers(folder):
    return table(folder / "run.csv", STEPS, LABELS.T, ";")


@layout(range(T))
def csv_wide_without_header(folder):
    return table(folder / "run.csv", None, LABELS[:, ::1].T, "\t")


@layout(scored=True)
def csv_wide_of_scores(folder):
    rows = [[str(row.tolist()) for row in scores(LABELS)[:, i]] for i in range(N)]
    return table(folder / "run.csv", [f"epoch_{step}" for step in STEPS], rows)


@layout(ids=True, true=True, named=True, shuffled=True)
def csv_long(folder):
    rows = [(step, IDS[i], NAMES[LABELS[t, i]], NAMES[TRUE[i]]) for t, step in enumerate(STEPS) for i in shuffled(t)]
    rows = [rows[i] for i in np.random.default_rng(5).permutation(len(rows))]
    return table(folder / "run.csv", ("epoch", "sample_id", "prediction", "y_true"), rows)


@layout(ids="numbers", scored=True, named=True)
def csv_long_of_scores(folder):
    values = scores(LABELS)
    rows = [(i, step, *values[t, i]) for t, step in enumerate(STEPS) for i in range(N)]
    return table(folder / "run.csv", ("index", "step", *(f"prob_{name}" for name in NAMES)), rows)


# ---- other programs --------------------------------------------------------------------------------------------


@layout(range(T), ids=True, true=True, scored=True, shuffled=True)
def cartography(folder):
    for t in range(T):
        values = scores(LABELS)[t]
        records = [{"guid": IDS[i], f"logits_epoch_{t}": values[i].tolist(), "gold": int(TRUE[i])} for i in shuffled(t)]
        jsonl(folder / "training_dynamics" / f"dynamics_epoch_{t}.jsonl", records)
    return [folder]


def trainer_state(path, upto):
    history = [
        {"epoch": step / 5, "loss": LOSS[t], "learning_rate": 1e-3, "step": step} for t, step in enumerate(STEPS)
    ]
    history += [{"epoch": s / 5, "eval_loss": LOSS[t], "eval_runtime": 3.0, "step": s} for t, s in enumerate(STEPS)]
    state = {
        "best_metric": None, "epoch": upto / 5, "global_step": upto, "train_batch_size": 8,
        "log_history": [entry for entry in history if entry["step"] <= upto],
    }  # fmt: skip
    path.write_text(json.dumps(state, indent=2))


@layout(split="eval", scored=True, true=True, scalars=("loss", "eval_loss"))
def huggingface(folder):
    for t, step in enumerate(STEPS):
        place = folder / f"checkpoint-{step}"
        place.mkdir()
        np.save(place / "predictions.npy", scores(LABELS[t]).astype("f4"))
        trainer_state(place / "trainer_state.json", step)
    np.save(folder / "label_ids.npy", TRUE)
    return [folder]


@layout(split="eval", scalars=("loss", "eval_loss"))
def huggingface_beside_the_state(folder):
    for t, step in enumerate(STEPS):
        np.save(folder / f"predictions_{step}.npy", LABELS[t])
    trainer_state(folder / "trainer_state.json", STEPS[-1])
    return [folder]


@layout(ids=True, true=True, named=True)
def instanceflow(folder):
    content = {
        "labels": NAMES,
        "instances": [{"id": IDS[i], "actual": int(TRUE[i]), "image": f"{i}.png"} for i in range(N)],
        "epochs": [{"id": str(step), "classifications": LABELS[t].tolist()} for t, step in enumerate(STEPS)],
    }
    (folder / "run.json").write_text(json.dumps(content))
    return [folder / "run.json"]


def lm_eval_record(i, label, true):
    likelihoods = np.where(np.arange(C) == label, -1.5, -2.5 - np.arange(C))
    answers = [[str(value), "False"] for value in likelihoods]
    return {
        "doc_id": int(i), "doc": {"question": f"q{i}", "choices": NAMES}, "target": str(true),
        "arguments": {f"gen_args_{c}": {"arg_0": "q", "arg_1": f" {name}"} for c, name in enumerate(NAMES)},
        "resps": [[answer] for answer in answers], "filtered_resps": answers, "filter": "none", "acc": 1.0,
        "metrics": ["acc"], "doc_hash": f"{i:064x}", "prompt_hash": "0" * 64, "target_hash": "0" * 64,
    }  # fmt: skip


@layout(split="test", ids="numbers", true=True)
def lm_eval(folder):
    for t, step in enumerate(STEPS):
        place = folder / f"step{step}" / "org__model-1b" / f"samples_arc_easy_2024-05-0{t + 1}T10-00-00.123456.jsonl"
        jsonl(place, [lm_eval_record(i, LABELS[t, i], TRUE[i]) for i in range(N)])
    return [folder]


@layout(range(T), split="test", ids="numbers", true=True)
def lm_eval_in_the_order_of_dates(folder):
    for t in range(T):
        place = folder / f"samples_arc_easy_2024-05-0{t + 1}T10-00-00.123456.jsonl"
        jsonl(place, [lm_eval_record(i, LABELS[t, i], f" {NAMES[TRUE[i]]}") for i in range(N)])
    return [folder]
