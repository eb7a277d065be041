import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

from nntf_cli.recorders import SklearnRecorder

x, x_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
model = SGDClassifier(learning_rate="constant", eta0=0.001, random_state=1)
with SklearnRecorder("sklearn.h5", model, x, y, splits={"test": (x_test, y_test)}) as recorder:
    for epoch in range(10):
        model.partial_fit(x, y, classes=np.unique(y))
        recorder.snapshot(epoch + 1)
