import lightning
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

from nntf_cli.recorders import LightningRecorder


class Digits(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, _):
        return torch.nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)


lightning.seed_everything(1)
x, y = (torch.tensor(each) for each in load_digits(return_X_y=True))
train_set, test_set = random_split(TensorDataset(x.float() / 16, y), [0.8, 0.2])
recorder = LightningRecorder("lightning.h5", {"train": train_set, "test": test_set})
trainer = lightning.Trainer(max_epochs=5, accelerator="cpu", callbacks=[recorder], logger=False)
trainer.fit(Digits(), DataLoader(train_set, batch_size=32, shuffle=True))
