"""Train a logistic regression by stochastic gradient descent and print its validation error as a line of JSON.

Any program can be tuned in this way: hyperparameters come in as arguments, the metric goes out on the last line.

    python examples/train.py --learning_rate=0.1 --weight_decay=1e-4 --batch_size=32
"""

import argparse
import json

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--learning_rate", type=float, default=0.01)
parser.add_argument("--weight_decay", type=float, default=0.0)
parser.add_argument("--batch_size", type=int, default=32)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--schedule", choices=["constant", "cosine"], default="constant")
options = parser.parse_args()

images, digits = load_digits(return_X_y=True)
images = np.column_stack([images / 16, np.ones(len(images))])  # the last column is the bias
train_x, valid_x, train_y, valid_y = train_test_split(images, digits, test_size=0.3, random_state=0, stratify=digits)

rng = np.random.default_rng(0)
weights = np.zeros((train_x.shape[1], 10))
loss = np.inf
for epoch in range(options.epochs):
    decay = 0.5 * (1 + np.cos(np.pi * epoch / options.epochs)) if options.schedule == "cosine" else 1.0
    losses = []
    for batch in np.array_split(rng.permutation(len(train_x)), max(len(train_x) // options.batch_size, 1)):
        logits = train_x[batch] @ weights
        log_probabilities = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        targets = np.eye(10)[train_y[batch]]
        losses.append(-np.mean(np.sum(targets * log_probabilities, axis=1)))
        gradient = train_x[batch].T @ (np.exp(log_probabilities) - targets) / len(batch)
        weights -= decay * options.learning_rate * (gradient + options.weight_decay * weights)
    loss = float(np.mean(losses))

error = float(np.mean(np.argmax(valid_x @ weights, axis=1) != valid_y))
print(json.dumps({"error": error, "train_loss": loss}))
