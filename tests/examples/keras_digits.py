import os

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from nntf_cli.recorders import KerasRecorder

x, y = load_digits(return_X_y=True)
x, x_test, y, y_test = train_test_split(x / 16, y, random_state=0)
keras.utils.set_random_seed(1)
model = keras.Sequential(
    [
        keras.layers.Dense(32, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
recorder = KerasRecorder("keras.h5", x, y, splits={"test": (x_test, y_test)})
model.fit(x, y, epochs=5, verbose=0, callbacks=[recorder])
