"""A small convolutional network on scikit-learn's handwritten digits; it reports its validation error after each epoch.

python examples/digits_cnn.py --learning_rate=0.03
"""

import argparse
import json
from collections.abc import Iterator

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

EPOCHS = 27


def network(channels: int, dropout: float) -> nn.Module:
    """Two convolutions, for images of 8 x 8 pixels."""
    return nn.Sequential(
        nn.Conv2d(1, channels, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(channels, 2 * channels, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(dropout),
        nn.Linear(8 * channels, 10),
    )


def train(
    *,
    learning_rate: float = 0.03,
    momentum: float = 0.9,
    weight_decay: float = 1e-5,
    batch_size: int = 256,
    channels: int = 8,
    dropout: float = 0.1,
    seed: int = 0,
) -> Iterator[float]:
    """Train, and give the validation error after each epoch."""
    torch.manual_seed(seed)
    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(images / 16, labels, test_size=0.3, random_state=0, stratify=labels)
    x, x_valid = (torch.tensor(part, dtype=torch.float32).reshape(-1, 1, 8, 8) for part in parts[:2])
    y, y_valid = (torch.tensor(part) for part in parts[2:])
    model = network(channels, dropout)
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=momentum, weight_decay=weight_decay)
    for _ in range(EPOCHS):
        model.train()
        for batch in torch.split(torch.randperm(len(x)), batch_size):
            optimizer.zero_grad()
            torch.autograd.backward(nn.functional.cross_entropy(model(x[batch]), y[batch]))
            optimizer.step()
        model.eval()
        with torch.no_grad():
            yield float((model(x_valid).argmax(1) != y_valid).float().mean())


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("learning_rate", "momentum", "weight_decay", "dropout"):
        parser.add_argument(f"--{name}", type=float, default=argparse.SUPPRESS)
    for name in ("batch_size", "channels", "seed"):
        parser.add_argument(f"--{name}", type=int, default=argparse.SUPPRESS)
    for epoch, error in enumerate(train(**vars(parser.parse_args()))):
        print(json.dumps({"epoch": epoch, "error": error}), flush=True)
