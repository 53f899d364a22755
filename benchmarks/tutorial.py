"""The tutorial as one plain script in today's Keras and ART, with their default settings: nothing of this project.

`python tutorial.py MNIST.npz EPOCHS` trains, crafts with the Fast Gradient Method, and trains on; it writes what it
makes into the current folder.
"""

import sys

import keras
import numpy as np
from art.attacks.evasion import FastGradientMethod
from art.estimators.classification import TensorFlowV2Classifier

data, epochs = sys.argv[1], int(sys.argv[2])
with np.load(data) as arrays:
    x_train, x_test = (arrays[name][..., np.newaxis].astype(np.float32) / 255 for name in ("x_train", "x_test"))
    y_train, y_test = (keras.utils.to_categorical(arrays[name], 10) for name in ("y_train", "y_test"))

model = keras.Sequential(
    [
        keras.layers.Input((28, 28, 1)),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.MaxPool2D(2),
        keras.layers.Flatten(),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dropout(0.25),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
optimizer = keras.optimizers.RMSprop(learning_rate=0.001, rho=0.9, epsilon=1e-8)
model.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=128, epochs=epochs)
model.save("baseline.keras")

classifier = TensorFlowV2Classifier(
    model, 10, (28, 28, 1), loss_object=keras.losses.CategoricalCrossentropy(), clip_values=(0, 1)
)
attack = FastGradientMethod(classifier, eps=0.5)
x_train_adv = attack.generate(x_train[: len(x_train) // 10])
x_test_adv = attack.generate(x_test)
np.savez("adversarial.npz", train=x_train_adv, test=x_test_adv)

model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
x_robust = np.append(x_train, x_train_adv, axis=0)
y_robust = np.append(y_train, y_train[: len(x_train_adv)], axis=0)
model.fit(x_robust, y_robust, batch_size=128, epochs=epochs)
model.save("robust.keras")
