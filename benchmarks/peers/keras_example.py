"""The VAE of the Keras examples, trained by Keras on TensorFlow. Prints seconds of the last epoch."""

import os
import sys
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from uses import BATCH, report


class VAE(keras.Model):
    def __init__(self):
        super().__init__()
        image = keras.Input((28, 28, 1))
        x = layers.Conv2D(32, 3, activation="relu", strides=2, padding="same")(image)
        x = layers.Conv2D(64, 3, activation="relu", strides=2, padding="same")(x)
        x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
        self.encoder = keras.Model(image, [layers.Dense(2)(x), layers.Dense(2)(x)])
        code = keras.Input((2,))
        x = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, activation="relu")(code))
        x = layers.Conv2DTranspose(64, 3, activation="relu", strides=2, padding="same")(x)
        x = layers.Conv2DTranspose(32, 3, activation="relu", strides=2, padding="same")(x)
        x = layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same")(x)
        self.decoder = keras.Model(code, x)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            mean, log_variance = self.encoder(data)
            z = mean + ops.exp(0.5 * log_variance) * tf.random.normal(tf.shape(mean))
            drawn = self.decoder(z)
            bce = ops.mean(ops.sum(keras.losses.binary_crossentropy(data, drawn), axis=(1, 2)))
            kl = -0.5 * (1 + log_variance - ops.square(mean) - ops.exp(log_variance))
            loss = bce + ops.mean(ops.sum(kl, axis=1))
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return {"loss": loss}


class Clock(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)


def main(data, batch, epochs):
    images = np.load(data, allow_pickle=False).transpose(0, 2, 3, 1).astype("float32") / 255
    model, clock = VAE(), Clock()
    model.compile(optimizer=keras.optimizers.Adam())
    model.fit(images, epochs=epochs, batch_size=batch, verbose=0, callbacks=[clock])
    ways = {"batch_size": BATCH, "verbose": 0}
    codes = model.encoder.predict(images, **ways)[0]
    noise = np.random.default_rng(0).standard_normal(codes.shape, dtype=np.float32)
    report(
        clock.seconds[-1],
        encode=lambda: model.encoder.predict(images, **ways)[0],
        decode=lambda: model.decoder.predict(codes, **ways),
        generate=lambda: model.decoder.predict(noise, **ways),
    )


if __name__ == "__main__":
    main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
