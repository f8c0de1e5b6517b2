"""One pipeline from a table to numbers: typed columns, and scikit-learn's transformers fitted on the training rows."""
