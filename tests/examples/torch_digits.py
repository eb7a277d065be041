import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

from nntf_cli.recorders import TorchRecorder

torch.manual_seed(1)
digits = load_digits()
samples = TensorDataset(torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target))
train_set, test_set = random_split(samples, [0.8, 0.2])
loader = DataLoader(train_set, batch_size=32, shuffle=True)
model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(32, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)

with TorchRecorder("torch.h5", model, {"train": loader, "test": test_set}, optimizer=optimizer) as recorder:
    for epoch in range(5):
        for x, y in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        recorder.snapshot(epoch + 1, loss=loss.item())
