import torch
from sklearn.datasets import load_digits
from torch.utils.data import random_split
from transformers import Trainer, TrainingArguments, ViTConfig, ViTForImageClassification

from nntf_cli.recorders import TransformersRecorder

digits = load_digits()
images = torch.tensor(digits.images[:, None] / 16, dtype=torch.float32)
samples = [{"pixel_values": x, "labels": int(y)} for x, y in zip(images, digits.target, strict=True)]
train_set, test_set = random_split(samples, [0.8, 0.2], torch.Generator().manual_seed(1))
torch.manual_seed(1)
sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 64}
model = ViTForImageClassification(ViTConfig(image_size=8, patch_size=4, num_channels=1, num_labels=10, **sizes))
batches = {"per_device_train_batch_size": 32, "per_device_eval_batch_size": 256}
how = {"learning_rate": 1e-2, "eval_strategy": "epoch", "save_strategy": "no", "report_to": "none", "use_cpu": True}
recorder = TransformersRecorder("transformers.h5", splits=["train", "test"])
Trainer(
    model,
    TrainingArguments("out", num_train_epochs=5, **batches, **how),
    train_dataset=train_set,
    eval_dataset={"train": train_set, "test": test_set},
    callbacks=[recorder],
    compute_metrics=recorder.compute_metrics(),
    preprocess_logits_for_metrics=recorder.preprocess_logits_for_metrics,
).train()
