"""More of what cannot be imported: a file for each snapshot, tables, and what other programs write."""

import json
import pickle

import numpy as np

from badimports import bad, saved, written
from foreign import (
    IDS,
    LABELS,
    LAYOUTS,
    NAMES,
    TRUE,
    N,
    T,
    jsonl,
    lm_eval_record,
    pickled,
    table,
)

# ---- one file for each snapshot ----------------------------------------------------------------------------------


@bad("the steps cannot be told from the names")
def files_without_numbers(folder):
    for name in ("first.npy", "second.npy"):
        saved(folder, LABELS[0], name)
    return [folder]


@bad("are both of step 1")
def files_of_the_same_step(folder):
    for name in ("epoch_1.npy", "epoch_01.npy"):
        saved(folder, LABELS[0], name)
    return [folder]


@bad("epoch_1.npy", "labels 7 samples, others 8")
def files_of_unequal_lengths(folder):
    saved(folder, LABELS[0], "epoch_0.npy")
    saved(folder, LABELS[0, :7], "epoch_1.npy")
    return [folder]


@bad("epoch_1.csv", "has no ids of samples, but others have")
def files_with_and_without_ids(folder):
    table(folder / "epoch_0.csv", ("id", "label"), zip(IDS, LABELS[0], strict=True))
    table(folder / "epoch_1.csv", ("label",), ([c] for c in LABELS[0]))
    return [folder]


@bad("epoch_1.csv", "labels sample 's00' twice")
def files_with_a_sample_twice(folder):
    table(folder / "epoch_0.csv", ("id", "label"), zip(IDS, LABELS[0], strict=True))
    table(folder / "epoch_1.csv", ("id", "label"), [(IDS[0], 1), (IDS[1], 1), (IDS[0], 1)])
    return [folder]


@bad("line 3 has 'much' where a score should be")
def files_of_text_scores(folder):
    table(folder / "epoch_0.csv", ("id", "score_a", "score_b"), [(1, 0.5, 0.5), (2, 0.1, "much")])
    return [folder]


@bad("has no column of labels or scores (found: apple, pear, plum)")
def files_of_unknown_columns(folder):
    table(folder / "epoch_0.csv", ("apple", "pear", "plum"), [(1, 2, 3)])
    return [folder]


@bad("gives sample 's00' another true class than before")
def files_that_disagree_on_truth(folder):
    for t in range(2):
        table(folder / f"epoch_{t}.csv", ("id", "label", "true"), [(IDS[0], 1, t), (IDS[1], 0, 0)])
    return [folder]


@bad("holds classes by name, but", "by number", "--classes")
def files_of_numbers_and_of_names(folder):
    np.savez(folder / "epoch_0.npz", np.array(NAMES))
    np.savez(folder / "epoch_1.npz", np.array([0, 1, 2]))
    return [folder]


# ---- CSV ---------------------------------------------------------------------------------------------------------


@bad("line 4 has 2 columns, the first line 3")
def csv_ragged(folder):
    return written(folder, "id,e1,e2\n1,0,0\n2,0,1\n3,0\n")


@bad("line 3 is no UTF-8 text")
def csv_latin_1(folder):
    return written(folder, "id,e1\n1,a\n2,é\n".encode("latin-1"))


@bad("line 3 is no CSV")
def csv_with_an_open_quote(folder):
    return written(folder, 'id,e1\n1,a\n2,"b\n')


@bad("begins with an empty line")
def csv_with_nothing_first(folder):
    return [*written(folder, "\n\n1,2\n"), "--from", "csv-wide"]


@bad("labels no sample")
def csv_of_a_header(folder):
    return written(folder, "id,e1,e2\n")


@bad("the steps cannot be told from the names (apple, pear)")
def csv_wide_without_numbers(folder):
    return written(folder, "id,apple,pear\n1,0,1\n")


@bad("are both of step 1")
def csv_wide_with_a_step_twice(folder):
    return written(folder, "id,epoch_1,epoch_01\n1,0,1\n")


@bad("labels sample 'x' twice")
def csv_wide_with_a_sample_twice(folder):
    return written(folder, "id,e1,e2\nx,0,1\nx,0,1\n")


@bad("line 5 labels sample 'x' a second time at step 1")
def csv_long_with_a_row_twice(folder):
    return written(folder, "step,sample,label\n0,x,0\n1,x,0\n1,y,0\n1,x,1\n")


@bad("line 3 has 'later' where a step should be")
def csv_long_with_a_step_of_text(folder):
    return written(folder, "step,sample,label\n0,x,0\nlater,x,0\n")


@bad("line 2 has '1e999' where a step should be")
def csv_long_with_an_infinite_step(folder):
    return written(folder, "step,sample,label\n1e999,x,0\n")


@bad("has no column label (found: step, sample, colour)")
def csv_long_without_labels(folder):
    return written(folder, "step,sample,colour\n0,x,red\n")


@bad("line 3 gives sample 'x' another true class than before")
def csv_long_that_changes_the_truth(folder):
    return written(folder, "step,sample,label,true\n0,x,0,1\n1,x,0,2\n")


@bad("label 0.25 is not a whole number from 0 on", "--classes")
def csv_of_probabilities(folder):
    return written(folder, "id,e1,e2\n1,0.25,1\n2,1,0\n")


@bad("label -1 is not a whole number from 0 on", "--classes")
def csv_of_signs(folder):
    return written(folder, "id,e1,e2\n1,-1,1\n2,1,-1\n")


@bad("holds no scores")
def csv_of_nested_scores(folder):
    return written(folder, 'id,e1,e2\n1,"[[1],[2]]",0\n')


@bad("zero character")
def csv_with_a_zero_character(folder):
    return written(folder, "id,e1,e2\n1,a\0b,c\n" + "2,a,b\n" * 2000) + ["--from", "csv-wide"]


# ---- other programs ----------------------------------------------------------------------------------------------


def dynamics(folder, *records, epoch=0):
    return [jsonl(folder / f"dynamics_epoch_{epoch}.jsonl", records)]


@bad("line 2 is no JSON")
def cartography_cut_off(folder):
    (path,) = dynamics(folder, {"guid": 1, "logits_epoch_0": [0.1, 0.2], "gold": 0})
    path.write_text(path.read_text() + '{"guid": 2, "logits_ep')
    return [path]


@bad("line 2 has no 'guid'")
def cartography_without_an_id(folder):
    return dynamics(folder, {"guid": 1, "logits_epoch_0": [0, 1], "gold": 0}, {"logits_epoch_0": [0, 1], "gold": 0})


@bad("line 1 has no 'logits_epoch_N'")
def cartography_without_scores(folder):
    return dynamics(folder, {"guid": 1, "gold": 0})


@bad("line 2 has no 'logits_epoch_0'")
def cartography_of_two_epochs(folder):
    return dynamics(folder, {"guid": 1, "logits_epoch_0": [0, 1]}, {"guid": 2, "logits_epoch_1": [0, 1]})


@bad("has scores of different numbers of classes")
def cartography_ragged(folder):
    return dynamics(folder, {"guid": 1, "logits_epoch_0": [0, 1]}, {"guid": 2, "logits_epoch_0": [0, 1, 2]})


@bad("labels sample 1 twice")
def cartography_with_a_sample_twice(folder):
    return dynamics(folder, *[{"guid": 1, "logits_epoch_0": [0, 1]}] * 2)


@bad("gives sample 1 another true class than before")
def cartography_of_two_minds(folder):
    return (
        dynamics(folder, {"guid": 1, "logits_epoch_0": [0, 1], "gold": 0})
        and dynamics(folder, {"guid": 1, "logits_epoch_1": [0, 1], "gold": 1}, epoch=1)
        and [folder]
    )


@bad("line 1 is no JSON object")
def cartography_of_lists(folder):
    return [*written(folder, "[1, 2]\n", "dynamics_epoch_0.jsonl")]


@bad("no JSON", "nested too deeply")
def cartography_nested_deeply(folder):
    return written(folder, "[" * 100_000 + "\n", "dynamics_epoch_0.jsonl")


@bad("no JSON", "a number too long")
def cartography_of_a_long_number(folder):
    return written(folder, '{"guid": ' + "9" * 10_000 + "}\n", "dynamics_epoch_0.jsonl")


@bad("text that is no Unicode")
def cartography_of_half_a_character(folder):
    return written(folder, '{"guid": "\\ud800", "logits_epoch_0": [1, 2]}\n', "dynamics_epoch_0.jsonl")


@bad("has no list 'log_history'")
def huggingface_without_history(folder):
    LAYOUTS["huggingface_beside_the_state"][0](folder)
    (folder / "trainer_state.json").write_text("{}")
    return [folder]


@bad("holds no predictions*.npy")
def huggingface_without_predictions(folder):
    return [folder, "--from", "huggingface"]


@bad("holds Python objects")
def huggingface_of_tuples(folder):
    LAYOUTS["huggingface_beside_the_state"][0](folder)
    np.save(folder / "predictions_25.npy", np.array([LABELS[0], None], dtype=object))
    return [folder]


def flow(folder, **changes):
    content = {
        "labels": NAMES,
        "instances": [{"id": i, "actual": int(TRUE[i])} for i in range(N)],
        "epochs": [{"id": str(t), "classifications": LABELS[t].tolist()} for t in range(T)],
    }
    return written(folder, json.dumps(content | changes), "run.json")


@bad("has 2 classifications for 8 instances", "epoch 3")
def instanceflow_of_unequal_lengths(folder):
    return flow(folder, epochs=[{"id": "3", "classifications": [0, 1]}, {"id": "4", "classifications": [0, 1]}])


@bad("holds label 7, but 3 classes are named")
def instanceflow_beyond_its_labels(folder):
    return flow(folder, epochs=[{"id": "0", "classifications": [7] * N}])


@bad("names class 'ant' twice")
def instanceflow_with_a_class_twice(folder):
    return flow(folder, labels=["ant", "bee", "ant"])


@bad("its instances have no ids of their own")
def instanceflow_without_ids(folder):
    return flow(folder, instances=[{"actual": 0}] * N)


@bad("has not the keys labels, instances and epochs")
def instanceflow_of_something_else(folder):
    return written(folder, '{"a": 1}', "run.json")


@bad("its epochs are no list of objects")
def instanceflow_of_one_epoch(folder):
    return flow(folder, epochs={"id": 0})


@bad("holds no snapshot")
def instanceflow_of_no_epoch(folder):
    return flow(folder, epochs=[])


def samples(folder, *records, step=1):
    return jsonl(folder / f"step{step}" / "samples_task_2024-05-01T10-00-00.1.jsonl", records)


@bad("line 2", "is not multiple choice")
def lm_eval_of_text(folder):
    samples(folder, lm_eval_record(0, 1, 1), lm_eval_record(1, 1, 1) | {"filtered_resps": ["forty-two"]})
    return [folder]


@bad("line 1 has no 'doc_id'")
def lm_eval_without_ids(folder):
    samples(folder, {"filtered_resps": [["1", "True"], ["2", "False"]]})
    return [folder]


@bad("labels sample 0 twice")
def lm_eval_with_a_sample_twice(folder):
    samples(folder, lm_eval_record(0, 1, 1), lm_eval_record(0, 1, 1))
    return [folder]


@bad("are both of step 1", code=3)
def lm_eval_of_two_models(folder):
    for model in ("a", "b"):
        jsonl(folder / model / "step1" / "samples_task.jsonl", [lm_eval_record(0, 1, 1)])
    return [folder]


# ---- what is given beside ----------------------------------------------------------------------------------------


@bad("y.txt", "has 2 true classes for 8 samples")
def true_of_another_length(folder):
    return [*saved(folder, LABELS), "--true", *written(folder, "0\n1\n", "y.txt")]


@bad("has true classes by id, but the snapshots have no ids")
def true_by_id_without_ids(folder):
    return [*saved(folder, LABELS), "--true", *table(folder / "y.csv", ("id", "label"), zip(IDS, TRUE, strict=True))]


@bad("has true classes by position, but the snapshots list samples by id")
def true_by_position_of_shuffled_samples(folder):
    return [*LAYOUTS["folder_of_csv"][0](folder), "--true", *written(folder.parent, "0\n" * N, "y.txt")]


@bad("y.txt", "no such file")
def true_that_is_not_there(folder):
    return [*saved(folder, LABELS), "--true", folder / "y.txt"]


@bad("label 'dodo' is none of the 3 classes")
def true_of_an_unknown_name(folder):
    names = written(folder, "\n".join(NAMES), "names.txt")
    return [*saved(folder, LABELS), "--true", *written(folder, "dodo\n" * N, "y.txt"), "--classes", *names]


@bad("must hold a class for each sample, found (6, 8)")
def true_of_a_matrix(folder):
    return [*saved(folder, LABELS), "--true", *saved(folder, LABELS, "y.npy")]


@bad("line 2 is empty")
def classes_with_a_gap(folder):
    return [*saved(folder, LABELS), "--classes", *written(folder, "a\n\nb\n", "names.txt")]


@bad("holds label 2, but 2 classes are named")
def classes_too_few(folder):
    return [*saved(folder, LABELS), "--classes", *written(folder, "a\nb\n", "names.txt")]


@bad("must hold 8 different ids, found 2")
def ids_too_few(folder):
    return [*saved(folder, LABELS), "--ids", *written(folder, "a\nb\n", "ids.txt")]


@bad("the sources have ids already")
def ids_twice(folder):
    return [*LAYOUTS["csv_wide"][0](folder), "--ids", *written(folder, "a\n" * N, "ids.txt")]


@bad("has none of the steps of the snapshots (0 to 5)")
def scalars_of_another_run(folder):
    return [*saved(folder, LABELS), "--scalars", *written(folder, "step,loss\n100,1\n200,2\n", "log.csv")]


@bad("has no column step, epoch or iteration")
def scalars_without_steps(folder):
    return [*saved(folder, LABELS), "--scalars", *written(folder, "loss,accuracy\n1,2\n", "log.csv")]


@bad("has no header")
def scalars_without_header(folder):
    return [*saved(folder, LABELS), "--scalars", *written(folder, "1,0.5\n1,0.25\n", "log.csv")]


@bad("pickle refused")
def true_as_a_pickle_is_not_read(folder):
    return [*pickled(folder, np.array([None]))]


@bad("is no UTF-8 text")
def true_from_a_pickle(folder):
    path = folder / "y.pkl"
    path.write_bytes(pickle.dumps(TRUE))
    return [*saved(folder, LABELS), "--true", path]
