"""Networks: tensors in, tensors out. They know no loss, no data set and no paper's training."""
