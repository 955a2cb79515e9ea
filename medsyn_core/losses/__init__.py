"""Loss functions: tensors in, scalar out, one family a file. They know no network, no data set and no paper's
code."""
