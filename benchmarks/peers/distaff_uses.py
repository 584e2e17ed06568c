"""A run of distaff in use. Prints the seconds of each use of all images."""

import sys

import numpy as np
from uses import report

import distaff


def main(folder: str, data: str) -> None:
    model, images = distaff.load(folder), np.load(data, allow_pickle=False)
    codes = model.encode(images)
    report(
        0.0,
        encode=lambda: model.encode(images),
        decode=lambda: model.decode(codes),
        generate=lambda: model.sample(len(images)),
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
